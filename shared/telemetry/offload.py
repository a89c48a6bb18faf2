"""Runs blocking work off the event loop, for `async` functions.

Functions that bind the durable client must be `async def`, but storage and upstreams block.
Functions whose work starts threads are `async` too: `in_thread` brings back the log lines of those
threads, which would be dropped otherwise (see `shared.telemetry.loglines`).
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
"""Patience of background functions: longer than a request to a receiver may take."""
_SHORT = 2.0

_background: ContextVar[list[Future[None]] | None] = ContextVar("background", default=None)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or _THREADS)
    return ThreadPoolExecutor(threads, thread_name_prefix="offload")


async def in_thread(work: Callable[[], T], *, patience: float = _SHORT) -> T:
    """Run `work` in the pool and return its result; its log lines are written in this coroutine.

    Also waits, at most `patience` seconds, for what it left to other threads (`in_background`):
    their lines need an invocation to belong to.
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
            await asyncio.wait([asyncio.wrap_future(future) for future in left], timeout=patience)
        return result
    finally:
        lines.write()


def in_context(work: Callable[P, T]) -> Callable[P, T]:
    """`work`, to run in another thread with its log lines kept among those of this one."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # a copy for every call: a context can be in use by one thread only
        return context.copy().run(work, *args, **kwargs)

    return run


def in_background(done: "Future[None]") -> None:
    """Make `in_thread`, if this thread runs in it, wait for `done` too."""
    left = _background.get()
    if left is not None:
        left.append(done)
