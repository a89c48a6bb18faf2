"""Every delay, lease, deadline and period that `TIME_SCALE` divides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.limits import INBOX_MINUTES

if TYPE_CHECKING:
    from shared.settings.app import Settings


class Durations:
    """Every delay, lease, deadline and period, in seconds, divided by `TIME_SCALE`."""

    def __init__(self, settings: Settings) -> None:
        self.scale = settings.time_scale
        self.minute = self.of(60)
        self.queue_deadline = self.of(settings.queue_deadline_hours * 3600)
        self.job_deadline = self.of(settings.job_deadline_minutes * 60)
        self.slot_lease = self.job_deadline + self.of(30 * 60)
        """How long a granted slot stays held when nothing is heard of its video any more. A last
        resort: the sweep restarts silent videos long before."""
        self.grant_lease = self.of(120)
        """How long a turn is held for a video that has to be woken; then it goes to the next."""
        self.longest_wait = self.of(10 * 60)
        """How long a waiting video sleeps at most, with every hint lost."""
        self.not_found_grace = self.of(120)
        """A 404 for a job this young is read as 'not yet visible'."""
        self.sora_retention = self.of(24 * 3600)
        """How long an upstream keeps a job when it does not say so itself (from creation)."""
        self.delivery_deadline = self.of(24 * 3600)
        """How long an announcement is tried."""
        self.inbox_patience = self.of(INBOX_MINUTES * 60)
        """How long an image in the inbox may wait for its prompt, and how long an unfinished file
        must have been left alone to count as whole."""

    def of(self, seconds: float) -> float:
        """A duration at this app's time scale."""
        return seconds / self.scale

    def retention(self, days: int | None) -> float | None:
        return None if days is None else self.of(days * 86400)
