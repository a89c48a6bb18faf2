"""`Retry-After`: when asking again makes sense. What the app says, and what upstreams say to it."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import ceil

from shared.domain.polling import LONGEST_PAUSE

# seconds
UNAVAILABLE = 5.0  # until storage, the tenant's keys or another worker may have come back
NOT_READY = 5.0  # until content that is still being made is asked for again
UNFINISHED = 30.0  # until a caller with too many unfinished videos asks again


def whole_seconds(wait: float) -> int:
    """`wait` seconds for a caller: whole, at least one, and never too few, because whoever
    obeys a shorter wait is refused again."""
    return max(1, ceil(wait))


def until_poll(wait: float) -> int:
    """`wait` seconds until a video is expected to end, at most the longest pause between two polls:
    OpenAI's clients take a longer wait for a reason to give up."""
    return whole_seconds(min(LONGEST_PAUSE, wait))


def header(seconds: int | None) -> dict[str, str]:
    """The header that says it; none where time alone does not help."""
    return {} if seconds is None else {"retry-after": str(seconds)}


def read(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that an upstream asks for: `retry-after-ms`, or `Retry-After` as seconds or as a
    date; None where it names none. `now` is unix seconds."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after")
        if not value:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
