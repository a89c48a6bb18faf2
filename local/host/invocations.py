"""Which invocation the calling code belongs to, as far as the Python worker knows.

As in azure_functions_worker 4.34 ``dispatcher``: a task of the worker's event loop carries the id
of the task that made it, and a thread of the worker's pool has it while it runs a function, in
``context.thread_local_storage``, which user code may set in threads of its own. Whatever Python
version runs this host: the worker of 3.13 and later does not look there (worker#1860).
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

thread_local = threading.local()
"""What ``context.thread_local_storage`` is: one for all invocations, as in the worker."""

_executing: dict[str, str] = {}
"""Invocation id -> function's name; what has ended has no lines any more."""


class InvocationTask(asyncio.Task[Any]):
    """A task that belongs to the invocation of the task that made it (``ContextEnabledTask``)."""

    def __init__(
        self, coro: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, **more: Any
    ) -> None:
        super().__init__(coro, loop=loop, **more)
        maker = asyncio.current_task(loop)
        self.invocation_id: str | None = getattr(maker, "invocation_id", None)


def make_task(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **more: Any
) -> InvocationTask:
    """The task factory of the worker's event loop."""
    return InvocationTask(coro, loop, **more)


def current() -> tuple[str, str] | None:
    """(function, invocation id) of the calling code, None if it belongs to none that executes."""
    identifier = _current_id()
    function = _executing.get(identifier) if identifier is not None else None
    return None if function is None or identifier is None else (function, identifier)


def _current_id() -> str | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        task = None
    identifier: str | None = getattr(task, "invocation_id", None)
    return identifier if identifier is not None else getattr(thread_local, "invocation_id", None)


@contextmanager
def executing(function: str, identifier: str) -> Iterator[None]:
    """An invocation: what the block logs in its own task or thread, or in tasks that it makes, is
    the function's."""
    task = _invocation_task()
    if task is not None:
        task.invocation_id = identifier
    thread_local.invocation_id = identifier  # on the event loop too: callbacks find the last one
    _executing[identifier] = function
    try:
        yield
    finally:
        del _executing[identifier]
        if task is None:
            thread_local.invocation_id = None


def _invocation_task() -> InvocationTask | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return task if isinstance(task, InvocationTask) else None
