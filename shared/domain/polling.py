"""When to poll a render, and when to expect its end.

A poll costs something, and so does every second between a render's end and the poll that sees it.
The best schedule minimises `poll_worth * polls + lag` on average. If a running render ends at the
rate h(t), that schedule has sqrt(h(t) / (2 * poll_worth)) polls a second: the likelier the end, the
shorter the wait (J. B. Keller, "Optimum checking schedules for systems subject to random failure",
Management Science 21, 1974). So the next poll is due when the integral of that rate from now
reaches one. No plan is stored: each poll plans the next from what it learned.

First poll, later polls, estimated completion and Retry-After come from the same `Outlook`. All
times are seconds at time scale 1.
"""

from dataclasses import dataclass
from itertools import accumulate
from math import inf, log1p, sqrt

from shared.domain.latency import Outlook, Sketch, outlook

POLL_WORTH = 0.5
"""Seconds of lag that one poll is worth: trades cost against promptness."""
SHORTEST_PAUSE = 2.0
LONGEST_PAUSE = 120.0
"""The longest that an end goes unseen, however wrong the forecast. The sweep must wait longer
than this before it takes a silent worker for dead."""
_STRETCH = 0.5
"""The longest pause of a render that reports progress, as a share of its time so far: progress that
hardly moves must not delay the next poll for long."""


def expected_render_seconds(width: int, height: int, seconds: int) -> float:
    """How long a render is expected to take, before anything is learned.

    The one recorded live job took 67 s for 4 s at 720p (created_at to completed_at of Microsoft's
    own sample); longer and larger renders are assumed to grow with the pixels to be made.
    """
    megapixel_seconds = width * height * seconds / 1_000_000
    return 50.0 + 6.0 * megapixel_seconds


@dataclass(frozen=True)
class Plan:
    """When to poll a render, and what to forecast."""

    pause: float
    """Seconds until the next poll."""
    remaining: float
    """Seconds until its end is expected to be seen: the median, but not before the next poll."""


def plan(
    sketch: Sketch,
    *,
    elapsed: float = 0.0,
    progress: int | None = None,
    unmoved: float = 0.0,
    poll_worth: float = POLL_WORTH,
) -> Plan:
    """The next poll of a render that is still running, and its expected end.

    `elapsed` is in seconds since the job was created, `progress` is the upstream's (None if the
    dialect has none), `unmoved` is in seconds since a poll first saw this progress.
    """
    ahead = outlook(sketch).running(elapsed, progress, unmoved=unmoved)
    stretch = _STRETCH * elapsed if progress and elapsed > 0 else LONGEST_PAUSE
    pause = due(ahead, poll_worth) - elapsed
    if is_unlearned(sketch):
        # whatever it renders, its end is noticed within 1.25 times its render and 5 s
        pause = min(pause, 4 + 0.2 * elapsed)
    pause = max(SHORTEST_PAUSE, min(LONGEST_PAUSE, stretch, pause))
    return Plan(pause, max(pause, ahead.quantile(0.5) - elapsed))


def is_unlearned(sketch: Sketch) -> bool:
    """Whether no render has been observed: then the one regime rests on the guess alone."""
    return len(sketch.regimes) == 1 and sketch.main.worth <= 1


def due(ahead: Outlook, poll_worth: float) -> float:
    """When the best schedule has its next poll, counted from `ahead.edges[0]`, which is now."""
    wanted = sqrt(2 * poll_worth)
    left = list(accumulate(reversed(ahead.masses), initial=ahead.beyond))
    left.reverse()
    for k, mass in enumerate(ahead.masses):
        low, high = ahead.edges[k], ahead.edges[k + 1]
        # the hazard is constant within a cell: sqrt(h) * width
        part = mass / left[k]
        got = sqrt(-log1p(-part) * (high - low)) if part < 1 else inf
        if got >= wanted:
            return low + (high - low) * wanted / got
        wanted -= got
    # in the tail h(t) = 1/t
    return (sqrt(ahead.edges[-1]) + wanted / 2) ** 2


def estimated_progress(elapsed: float, expected: float) -> int:
    """A progress for dialects that report none: the share of the time, at most 95."""
    if expected <= 0:
        return 0
    return int(max(0.0, min(95.0, 100 * elapsed / expected)))


def backoff(attempt: int, *, first: float = 2.0, longest: float = 60.0) -> float:
    """Seconds before the next try, after `attempt` (from 1) failures in a row."""
    return float(min(longest, first * 2 ** (min(attempt, 16) - 1)))
