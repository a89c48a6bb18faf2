"""`Retry-After`: what the app sends, and what upstreams send to it."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import ceil

from shared.domain.polling import LONGEST_PAUSE

# seconds
UNAVAILABLE = 5.0  # storage, the tenant's keys or another worker may be back
NOT_READY = 5.0  # the content may be ready
UNFINISHED = 30.0  # one of the caller's unfinished videos may have ended
LONGEST = 24 * 3600.0  # what an upstream may ask for: a slip of its pen pauses nothing for ever
_UNIX = 1e9  # from here on it is a time, not a wait


def whole_seconds(wait: float) -> int:
    """`wait` in whole seconds, at least one; rounded up, since a caller that retries too early is
    refused again."""
    return max(1, ceil(wait))


def until_poll(wait: float) -> int:
    """The wait for a video that is expected to end in `wait` seconds, at most the longest pause
    between two polls: OpenAI's clients give up on longer waits."""
    return whole_seconds(min(LONGEST_PAUSE, wait))


def header(seconds: int | None) -> dict[str, str]:
    """The header; none if waiting alone does not help."""
    return {} if seconds is None else {"retry-after": str(seconds)}


def read(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that an upstream asks for, a day at most: `retry-after-ms`, or `Retry-After` as
    seconds, unix time or a date, also as LiteLLM passes its provider's on; None without any. `now`
    is in unix seconds."""
    if match := re.fullmatch(r"([0-9]{1,9}(\.[0-9]+)?)", headers.get("retry-after-ms") or ""):
        return min(LONGEST, float(match[1]) / 1000)
    value = headers.get("retry-after") or headers.get("llm_provider-retry-after") or ""
    return _seconds(value, now)


def _seconds(value: str, now: float) -> float | None:
    if match := re.match(r"\s*([0-9]{1,15}(\.[0-9]+)?)\s*(s|,|$)", value):
        wait = float(match[1])
        return min(LONGEST, max(0.0, wait - now if wait > _UNIX else wait))
    try:
        return min(LONGEST, max(0.0, parsedate_to_datetime(value).timestamp() - now))
    except (ValueError, TypeError, OverflowError):
        return None
