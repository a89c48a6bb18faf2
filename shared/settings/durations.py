"""Every delay, lease, deadline and period, divided by `TIME_SCALE`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.limits import INBOX_MINUTES

if TYPE_CHECKING:
    from shared.settings.app import Settings


class Durations:
    """The app's durations, in seconds."""

    def __init__(self, settings: Settings) -> None:
        self.scale = settings.time_scale
        self.minute = self.of(60)
        self.queue_deadline = self.of(settings.queue_deadline_hours * 3600)
        self.job_deadline = self.of(settings.job_deadline_minutes * 60)
        self.slot_lease = self.job_deadline + self.of(30 * 60)
        """How long a video keeps its slot without a sign of life. A last resort: the sweep restarts
        silent videos long before."""
        self.grant_lease = self.of(120)
        """How long a grant waits for its worker to wake; then the next video gets it."""
        self.longest_wait = self.of(10 * 60)
        """The longest that a waiting video sleeps if every hint is lost."""
        self.not_found_grace = self.of(120)
        """A 404 for a job younger than this means 'not visible yet'."""
        self.sora_retention = self.of(24 * 3600)
        """How long an upstream keeps a job, from its creation, unless it says otherwise."""
        self.delivery_deadline = self.of(24 * 3600)
        """How long a delivery is tried."""
        self.inbox_patience = self.of(INBOX_MINUTES * 60)
        """How long an image in the inbox waits for its prompt, and after how long without a write a
        file counts as whole."""

    def of(self, seconds: float) -> float:
        """A duration at this app's time scale."""
        return seconds / self.scale

    def retention(self, days: int | None) -> float | None:
        return None if days is None else self.of(days * 86400)
