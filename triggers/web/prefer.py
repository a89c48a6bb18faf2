"""`Prefer: wait=N` (RFC 7240): delay an answer until the video ends, or for N seconds.

The row is read every two seconds, and no thread waits in between. Only a few requests may wait on
an instance; the others are answered at once, without `Preference-Applied`.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol, TypeVar

import azure.functions as func

from shared.domain.limits import LONGEST_WAIT, MOST_WAITING
from shared.telemetry.offload import in_thread

_PAUSE = 2.0

_WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,6})(?:$|[,;\s])")

_waiting = 0  # requests of this worker process; only its event loop touches it


class _Ending(Protocol):
    @property
    def terminal(self) -> bool: ...


V = TypeVar("V", bound=_Ending)


async def until_ended(
    req: func.HttpRequest, video: V, again: Callable[[], V | None]
) -> tuple[V, dict[str, str]]:
    """The video when it has ended or the time is up, and the headers to add. `again` rereads it
    (None if it is gone) and may block."""
    global _waiting
    seconds = _wanted(req.headers.get("prefer", ""))
    if not seconds or _waiting >= MOST_WAITING:
        return video, {}
    _waiting += 1
    try:
        left = float(seconds)
        while not video.terminal and left > 0:
            pause = min(_PAUSE, left)
            await asyncio.sleep(pause)
            left -= pause
            latest = await in_thread(again)
            video = latest or video
    finally:
        _waiting -= 1
    return video, {"preference-applied": f"wait={seconds}"}


def _wanted(prefer: str) -> int:
    match = _WAIT.search(prefer.lower())
    return min(LONGEST_WAIT, int(match[1])) if match else 0
