"""Log lines of threads: kept while the thread works, written by the coroutine that awaits it.

Azure's worker knows whose invocation a line belongs to in the function's own coroutine and in the
threads of its own pool, and nowhere else; the host drops every line without an invocation, and
every line of one that has ended (docs/decisions/0011).
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
"""Whose lines come from our threads: the app's own, and those of the libraries that it calls."""
_MOST_LATE = 1000

_keeper: ContextVar["Lines | None"] = ContextVar("lines", default=None)
_late: deque[logging.LogRecord] = deque(maxlen=_MOST_LATE)


class Lines:
    """What the threads of one invocation log. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[logging.LogRecord] = []
        self._written = False

    def keep(self, record: logging.LogRecord) -> None:
        """Keep a line for `write`. One that comes after it is late: the next invocation of this
        process writes it."""
        record.msg, record.args = record.getMessage(), None  # as it reads now
        with self._lock:
            (_late if self._written else self._records).append(record)

    def write(self) -> None:
        """Log what was kept, and what came too late for invocations before. In the coroutine of
        the invocation."""
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
    """Keep what is logged in this context; threads that should do the same run in a copy of it."""
    _install()
    token = _keeper.set(lines)
    try:
        yield
    finally:
        _keeper.reset(token)


class _Router(logging.Handler):
    """Takes the place of the root logger for a library's lines, and hands them on to it."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = _keeper.get()
        if lines is None:
            logging.getLogger().handle(record)
            return
        try:
            lines.keep(record)
        except Exception:  # noqa: BLE001  # a line that cannot be formatted harms nobody
            self.handleError(record)


@lru_cache(maxsize=1)
def _install() -> None:
    router = _Router()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(router)
        logger.propagate = False
