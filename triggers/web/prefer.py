"""`Prefer: wait=N` (RFC 7240): hold an answer back until the video has ended or N seconds are over.

The row is read every two seconds and no thread waits meanwhile. Few may wait at once on one
instance; the others are answered at once, without `Preference-Applied`.
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
    """The video once it has ended or the time is up, and the headers that say so. `again` reads it
    anew (None when it is gone); it may block."""
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
            found = await in_thread(again)
            video = video if found is None else found
    finally:
        _waiting -= 1
    return video, {"preference-applied": f"wait={seconds}"}


def _wanted(prefer: str) -> int:
    found = _WAIT.search(prefer.lower())
    return min(LONGEST_WAIT, int(found[1])) if found else 0
