"""When to look at a render again, and when to expect it.

The estimate and the schedule come from the same numbers, so that what a caller is told and what
the poller does agree.
"""

_FIRST_POLL_SHARE = 0.25
_OVERDUE_SHARE = 0.05
_SHORTEST = 3.0
_LONGEST = 15.0


def expected_render_seconds(width: int, height: int, seconds: int) -> float:
    """How long a render is expected to take, before anything was learned.

    The one recorded live job took 67 s for 4 s at 720p (created_at to completed_at of Microsoft's
    own sample); longer and larger renders are assumed to grow with the pixels to be made.
    """
    megapixel_seconds = width * height * seconds / 1_000_000
    return 50.0 + 6.0 * megapixel_seconds


def first_poll_delay(expected: float) -> float:
    """Seconds from the submission to the first poll, at time scale 1."""
    return max(_SHORTEST, expected * _FIRST_POLL_SHARE)


def next_poll_delay(*, elapsed: float, expected: float, progress: int | None) -> float:
    """Seconds until the next poll, at time scale 1.

    `elapsed` since the job was created; `progress` as the upstream reports it (None where the
    dialect has none). Halves the remaining time while the end is ahead; a render that is overdue
    is looked at less and less often.
    """
    remaining = expected - elapsed
    if progress is not None and 5 <= progress <= 99 and elapsed > 0:
        remaining = elapsed * (100 - progress) / progress
    wanted = remaining / 2 if remaining > 0 else elapsed * _OVERDUE_SHARE
    return min(_LONGEST, max(_SHORTEST, wanted))


def estimated_progress(elapsed: float, expected: float) -> int:
    """A progress for dialects that report none: by time, never above 95."""
    if expected <= 0:
        return 0
    return int(max(0.0, min(95.0, 100 * elapsed / expected)))


def backoff(attempt: int, *, first: float = 2.0, longest: float = 60.0) -> float:
    """Seconds before the next try of something that failed `attempt` times in a row (from 1)."""
    return float(min(longest, first * 2 ** (min(attempt, 16) - 1)))
