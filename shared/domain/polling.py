"""When to poll a render, and when to expect its end.

A poll costs something, and so does every second between a render's end and the poll that sees it.
The best schedule minimises `poll_worth * polls + lag` on average. If a running render ends at the
rate h, that schedule has sqrt(h / (2 * poll_worth)) polls a second (J. B. Keller, "Optimum checking
schedules for systems subject to random failure", Management Science 21, 1974). Here 1 / h
comes from the median of what the latest renders of its kind still took when they were as old.
Before the first of them ended nothing is asked. No plan is stored: each poll plans the next.

While the upstream's callbacks arrive, they say when to look. The schedule's own polls are then only
for a callback that gets lost: one when nearly all renders have ended, and few after it.

First poll, later polls, estimated completion and Retry-After come from the same `Plan`. All times
are seconds at time scale 1. What other schedules cost: docs/decisions/0019-*.md.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import median

from shared.domain.latency import Sketch

POLL_WORTH = 0.5
"""Seconds of lag that one poll is worth: trades cost against promptness."""
SHORTEST_PAUSE = 2.0
LONGEST_PAUSE = 120.0
"""The longest that an end goes unseen, however wrong the forecast. The sweep must wait longer
than this before it takes a silent worker for dead."""
SAFETY = 60.0
"""By so many seconds the longest that an end goes unseen is longer while callbacks arrive. The
sweep must wait for that, too."""
_LATE, _BEYOND = 0.95, 45.0
"""While callbacks arrive, the first look is when this share of the renders has ended, and not later
than so many seconds after their median: a lost callback costs less than a minute on average."""
_EARLY, _GROWTH = 3.0, 0.2
"""Until one render has been observed, the pause is these seconds and this share of the time so far:
whatever it renders, its end is noticed within 1.25 times its render and 5 s, with two seconds for
the delays of queues and timers."""
_ODD = 20
"""One in so many renders may end before the first look."""
_MEAN = 1.6
"""1 / h in medians of the time left; an exponential distribution has 1.44."""
_OVERDUE = 0.05
"""The pause of a render that takes longer than all of the latest, as a share of its time so far."""
_APPROACH = 0.44
"""The pause of a render that reports progress, as a share of the time that is left."""
_STRETCH = 0.25
"""Its limit, as a share of the time so far, because its progress may hardly move."""
_STALL = 0.15
"""Progress that has not moved for this share of the time so far is ignored."""


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
    """Seconds until its end is expected; not before the next poll, where only polls show it."""


def plan(
    sketch: Sketch,
    *,
    expected: float,
    elapsed: float = 0.0,
    progress: int | None = None,
    unmoved: float = 0.0,
    poll_worth: float = POLL_WORTH,
) -> Plan:
    """The next poll of a render that is still running, and its expected end.

    `expected` is the guess for the whole render, used before anything is learned. `elapsed` is in
    seconds since the job was created, `progress` is the upstream's (None or 0 if it reports none),
    `unmoved` is in seconds since a poll first saw this progress.
    """
    left = _left(sketch, elapsed, expected)
    if not sketch.durations:
        pause = _EARLY + _GROWTH * elapsed
    elif not left:
        pause = _OVERDUE * elapsed
    else:
        pause = max(_first_look(sketch) - elapsed, sqrt(2 * poll_worth * left * _MEAN))
    if progress and progress > 0 and elapsed > 0 and unmoved <= _STALL * elapsed:
        by_progress = elapsed * (100 / min(99, progress) - 1)
        left = sqrt(left * by_progress) if left else by_progress
        pause = min(_APPROACH * left, max(pause, _STRETCH * elapsed))
    pause = max(SHORTEST_PAUSE, min(LONGEST_PAUSE, pause))
    if sketch.announced and sketch.durations:
        return Plan(_for_safety(sketch, elapsed, pause), left or pause)
    return Plan(pause, max(pause, left))


def _for_safety(sketch: Sketch, elapsed: float, pause: float) -> float:
    """The pause while callbacks arrive: until nearly all of the latest renders had ended, and then
    a minute longer than without. Never shorter than without."""
    ended = sorted(sketch.durations)[ceil(_LATE * len(sketch.durations)) - 1]
    first = min(ended, median(sketch.durations) + _BEYOND) - elapsed
    return max(pause, min(first if first > 0 else pause + SAFETY, LONGEST_PAUSE + SAFETY))


def _first_look(sketch: Sketch) -> float:
    """Before nearly all of the latest renders ended, and the earlier the fewer they are."""
    known = len(sketch.durations)
    return sorted(sketch.durations)[known // _ODD] * known / (known + 2)


def _left(sketch: Sketch, elapsed: float, expected: float) -> float:
    """How long the render is expected to go on, 0 if it should be over."""
    durations = sketch.durations or (expected,)
    longer = [each - elapsed for each in durations if each > elapsed]
    return median(longer) if longer else 0.0


def estimated_progress(elapsed: float, expected: float) -> int:
    """A progress for dialects that report none: the share of the time, at most 95."""
    if expected <= 0:
        return 0
    return int(max(0.0, min(95.0, 100 * elapsed / expected)))


def backoff(attempt: int, *, first: float = 2.0, longest: float = 60.0) -> float:
    """Seconds before the next try, after `attempt` (from 1) failures in a row."""
    return float(min(longest, first * 2 ** (min(attempt, 16) - 1)))
