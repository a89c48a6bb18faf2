"""Time: real UTC clocks, shortened durations."""

import time
from collections.abc import Callable
from dataclasses import dataclass

DAY = 86_400.0
"""Lifetime in seconds of a job and its media, from creation [S: sample arithmetic]."""

MINUTE = 60.0
"""Seconds of the window in which creates are counted [3]."""


@dataclass(frozen=True)
class Clock:
    """`scale` divides durations and never touches a timestamp: at 20, a day lasts 72 minutes."""

    scale: float = 1.0
    now: Callable[[], float] = time.time
    """Unix seconds, UTC."""

    def lasts(self, seconds: float) -> float:
        """How long a duration of `seconds` takes here, in real seconds."""
        return seconds / self.scale

    def expiry(self, created_at: float) -> int:
        """When a job created at `created_at` is deleted: unix seconds, exactly a day at scale 1."""
        return int(created_at) + max(1, round(self.lasts(DAY)))
