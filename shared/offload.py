"""Blocking work off the event loop, for the few functions that must be `async`.

Functions that bind the durable client are `async def`; what they do (storage, upstream) blocks.
They share one pool, as large as the worker's own for plain functions.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

_THREADS = 16


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or _THREADS)
    return ThreadPoolExecutor(threads, thread_name_prefix="offload")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns, run in the pool."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)
