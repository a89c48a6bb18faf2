"""`Prefer: wait=N` (RFC 7240), and MCP's `wait_for_video`: delay an answer until the video ends, or
for N seconds.

The row is read every two seconds, and no thread waits in between. Only a few requests may wait on
an instance; the others are answered at once, without `Preference-Applied`. A host that shuts down
ends a wait with its request: nothing is lost, since a wait only reads.
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
    seconds = _wanted(req.headers.get("prefer", ""))
    latest = await ended_within(seconds, video, again) if seconds else None
    if latest is None:
        return video, {}
    return latest, {"preference-applied": f"wait={seconds}"}


async def ended_within(seconds: float, video: V, again: Callable[[], V | None]) -> V | None:
    """The video when it has ended, or after `seconds` of real time, whatever the time scale; None
    where enough requests wait already."""
    global _waiting
    if _waiting >= MOST_WAITING:
        return None
    _waiting += 1
    clock = asyncio.get_running_loop().time
    left, until = seconds, clock() + seconds
    try:
        while not video.terminal and left > 0:
            pause = min(_PAUSE, left)
            await asyncio.sleep(pause)
            latest = await in_thread(again)
            video = latest or video
            left = min(left - pause, until - clock())  # reading takes time, too
    finally:
        _waiting -= 1
    return video


def _wanted(prefer: str) -> int:
    match = _WAIT.search(prefer.lower())
    return min(LONGEST_WAIT, int(match[1])) if match else 0
