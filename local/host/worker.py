"""Runs the app's code the way the Python worker does, apart from the host's own event loop.

Synchronous functions, orchestrators and entities share one thread pool of
``PYTHON_THREADPOOL_THREAD_COUNT``; async functions share one event loop in a thread of its own. So
code that blocks stalls what it would stall on Azure, and never the host. Each invocation leaves one
log line, and what it logs itself is its own (``invocations``).
"""

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import azure.functions as func
from azure.durable_functions.models.utils import http_utils

from . import invocations
from .index import Function
from .log import AppLog

_log = logging.getLogger("host.invocation")

T = TypeVar("T")


class Context(func.Context):
    """What a function's ``context`` parameter gets."""

    def __init__(self, function: Function, invocation: str) -> None:
        self._function = function
        self._invocation = invocation

    @property
    def invocation_id(self) -> str:
        return self._invocation

    @property
    def thread_local_storage(self) -> Any:
        return invocations.thread_local

    @property
    def function_name(self) -> str:
        return self._function.name

    @property
    def function_directory(self) -> str:
        return str(self._function.script.parent)

    @property
    def trace_context(self) -> Any:
        """Empty: this host does not trace."""
        return SimpleNamespace(
            trace_parent="", trace_state="", Traceparent="", Tracestate="", attributes={}
        )

    @property
    def retry_context(self) -> Any:
        """The first attempt: this host does not retry triggers."""
        return SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class Worker:
    """A thread pool and an event loop for the app's code."""

    def __init__(self, threads: int, log: AppLog | None = None) -> None:
        """``log`` is where the app's lines go, if not where the process sends them."""
        self._log = log
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._loop = asyncio.new_event_loop()
        # what typeshed takes for a factory differs from Python to Python
        self._loop.set_task_factory(cast("Any", invocations.make_task))
        self._thread = threading.Thread(target=self._loop.run_forever, name="async", daemon=True)
        self._in_flight: set[Future[Any]] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> bool:
        """Take no more calls and end the event loop; False if functions are still running.

        Threads cannot be stopped: those are left to the end of the process.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._in_flight:
            return False
        # The SDK's client keeps one session, bound to this loop.
        closing = asyncio.run_coroutine_threadsafe(http_utils._close_session(), self._loop)
        try:
            closing.result(timeout=1)
        except TimeoutError:  # something that a function left behind blocks the loop
            return False
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return True

    def lost_lines(self) -> dict[str, int]:
        """Logger's name -> how many of the app's lines belonged to no invocation."""
        return self._log.lost if self._log else {}

    def call(
        self,
        function: Function,
        bind: Callable[[], dict[str, Any]],
        encode: Callable[[Any], T],
        note: str = "",
    ) -> Future[T]:
        """Call the app's function with what ``bind`` gives; the future holds ``encode``'s result.

        Both run where the function runs, for they may run the app's code as well. ``note`` goes
        into the log line.
        """
        identifier = str(uuid.uuid4())

        def arguments() -> dict[str, Any]:
            values = bind()
            if function.requires_context:
                values["context"] = Context(function, identifier)
            return values

        def checked(result: Any) -> T:
            if result is not None and not function.has_return:
                raise RuntimeError(
                    f"function {function.name!r} without a $return binding returned a non-None"
                    " value"
                )
            return encode(result)

        if not function.is_async:
            return self.run(
                function.name, lambda: checked(function.call(**arguments())), note, identifier
            )

        async def invoke() -> T:
            with (
                _kept_inside(),
                _Invocation(function.name, identifier, note),
                invocations.executing(function.name, identifier),
            ):
                return checked(await function.call(**arguments()))

        return self._follow(asyncio.run_coroutine_threadsafe(invoke(), self._loop))

    def run(
        self,
        name: str,
        code: Callable[[], T],
        note: str = "",
        identifier: str | None = None,
        failure_of: Callable[[T], str | None] = lambda _result: None,
    ) -> Future[T]:
        """Run ``code`` in the thread pool, as an invocation of the function ``name``.

        ``failure_of`` says what to log when a result stands for a failure of the app's code.
        """
        own_id = identifier or str(uuid.uuid4())

        def invoke() -> T:
            with (
                _kept_inside(),
                _Invocation(name, own_id, note) as invocation,
                invocations.executing(name, own_id),
            ):
                result = code()
                invocation.failure = failure_of(result)
                return result

        return self._follow(self._pool.submit(invoke))

    def _follow(self, future: Future[T]) -> Future[T]:
        self._in_flight.add(future)
        future.add_done_callback(self._in_flight.discard)
        return future


async def result_of(future: Future[T]) -> T:
    """Await a call; the function goes on even if nobody waits for it any more."""
    return await asyncio.shield(asyncio.wrap_future(future))


@contextlib.contextmanager
def _kept_inside() -> Iterator[None]:
    """Let ``sys.exit`` in a function fail the invocation, and not whoever awaits it."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"the function raised {type(error).__name__}: {error}") from error


class _Invocation:
    """Logs one invocation: function, id, duration, outcome."""

    def __init__(self, name: str, identifier: str, note: str) -> None:
        self._name = name
        self._id = identifier
        self._note = note
        self._started = time.perf_counter()
        self.failure: str | None = None

    def __enter__(self) -> "_Invocation":
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        failed = error is not None or self.failure is not None
        milliseconds = (time.perf_counter() - self._started) * 1000
        _log.log(
            logging.ERROR if failed else logging.INFO,
            "Executed 'Functions.%s' (%s, Id=%s, Duration=%.0fms%s)%s",
            self._name,
            "Failed" if failed else "Succeeded",
            self._id,
            milliseconds,
            f", {self._note}" if self._note else "",
            f" {self.failure}" if self.failure else "",
            exc_info=error,
        )
