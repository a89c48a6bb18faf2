"""Blocking work off the event loop, for functions that are `async`.

Functions that bind the durable client are `async def`; what they do (storage, upstream) blocks. So
are those whose work has threads of its own: their log lines come back with the work, because only
lines that the function itself writes arrive (see `shared.telemetry.loglines`).
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import lru_cache
from typing import ParamSpec, TypeVar

from shared.telemetry.loglines import Lines, keeping

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 16
LONG = 25.0
"""Patience of functions that nobody waits for: more than a request to a receiver may take."""
_SHORT = 2.0

_background: ContextVar[list[Future[None]] | None] = ContextVar("background", default=None)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or _THREADS)
    return ThreadPoolExecutor(threads, thread_name_prefix="offload")


async def in_thread(work: Callable[[], T], *, patience: float = _SHORT) -> T:
    """What `work` returns, run in the pool; its log lines are written here, in the function's own
    coroutine.

    What it left to other threads (`in_background`) is waited for too, `patience` seconds at most,
    so that its lines have an invocation to belong to.
    """
    lines, left = Lines(), list[Future[None]]()

    def run() -> T:
        token = _background.set(left)
        try:
            with keeping(lines):
                return work()
        finally:
            _background.reset(token)

    try:
        result = await asyncio.get_running_loop().run_in_executor(_pool(), run)
        if left:
            await asyncio.wait([asyncio.wrap_future(each) for each in left], timeout=patience)
        return result
    finally:
        lines.write()


def in_context(work: Callable[P, T]) -> Callable[P, T]:
    """`work`, to be run in another thread as a part of what this one does: its lines are kept with
    those of this thread."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # of its own for every call: no two threads may be in one context at a time
        return context.copy().run(work, *args, **kwargs)

    return run


def in_background(done: "Future[None]") -> None:
    """Let whoever waits for this thread's work wait for `done` as well, for a while."""
    left = _background.get()
    if left is not None:
        left.append(done)
