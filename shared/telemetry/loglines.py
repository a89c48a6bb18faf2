"""Log lines of threads: kept while the thread works, written by the coroutine that awaits it.

Azure's worker knows the invocation of a line only in the function's coroutine and in the threads of
its own pool; the host drops lines without an invocation, and lines of one that has ended
(docs/decisions/0011).
"""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

_LOGGERS = (
    "durable_video",
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.storage",
    "httpx",
    "msal",
    "urllib3",
)
"""The loggers that our threads use: the app's own, and those of its libraries."""
_MOST_LATE = 1000

_keeper: ContextVar["Lines | None"] = ContextVar("lines", default=None)
_late: deque[logging.LogRecord] = deque(maxlen=_MOST_LATE)


class Lines:
    """The log lines of one invocation's threads. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[logging.LogRecord] = []
        self._written = False

    def keep(self, record: logging.LogRecord) -> None:
        """Keep a line for `write`. A later line is written by the process's next invocation."""
        record.msg, record.args = record.getMessage(), None  # formatted now: args may change
        with self._lock:
            (_late if self._written else self._records).append(record)

    def write(self) -> None:
        """Log the kept lines, and the late ones of earlier invocations. Call it in the invocation's
        coroutine."""
        with self._lock:
            records, self._records, self._written = self._records, [], True
        while _late:
            try:
                records.append(_late.popleft())
            except IndexError:  # another invocation writes the last one
                break
        for record in records:
            logging.getLogger().handle(record)


@contextmanager
def keeping(lines: Lines) -> Iterator[None]:
    """Keep lines logged in this context, and in threads that run in a copy of it."""
    _install()
    token = _keeper.set(lines)
    try:
        yield
    finally:
        _keeper.reset(token)


class _Router(logging.Handler):
    """Keeps a logger's lines, or passes them on to the root logger."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = _keeper.get()
        if lines is None:
            logging.getLogger().handle(record)
            return
        try:
            lines.keep(record)
        except Exception:  # noqa: BLE001  # a line that cannot be formatted must not break its caller
            self.handleError(record)


@lru_cache(maxsize=1)
def _install() -> None:
    router = _Router()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(router)
        logger.propagate = False
