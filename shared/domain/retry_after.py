"""`Retry-After`: what the app sends, and what upstreams send to it."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import ceil

from shared.domain.polling import LONGEST_PAUSE

# seconds
UNAVAILABLE = 5.0  # storage, the tenant's keys or another worker may be back
NOT_READY = 5.0  # the content may be ready
UNFINISHED = 30.0  # one of the caller's unfinished videos may have ended


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
    """The seconds that an upstream asks for: `retry-after-ms`, or `Retry-After` as seconds or a
    date, also as LiteLLM passes its provider's on; None without any. `now` is in unix seconds."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after") or headers.get("llm_provider-retry-after")
        if not value:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
