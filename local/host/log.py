"""The host's log, on standard error, and which of the app's lines reach it.

The Python worker sends each record with the id of the invocation that it belongs to, if it knows
one, and the host drops all others (``GrpcWorkerChannel.Log``): lines of threads that the app made
itself, of ``asyncio.to_thread`` and ``run_in_executor``, of tasks that outlive their invocation,
and all that is logged while the app is imported. They are counted here instead.
"""

import copy
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

LEVELS = ("debug", "info", "warning", "error")

_OWN = ("host", "uvicorn")
_SYSTEM = ("azure_functions_worker", "azure.functions")  # worker logging.is_system_log_category


class _Formatter(logging.Formatter):
    """``[2026-11-21T08:00:00.123Z] LEVEL name: message``; UTC."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(levelname)s %(name)s: %(message)s")


class AppLog(logging.Handler):
    """The app's records; as the root logger's only handler it gets whatever is not the host's."""

    def __init__(
        self, stream: logging.Handler, invocation: Callable[[], tuple[str, str] | None]
    ) -> None:
        """``invocation`` tells (function, invocation id) of the calling code, None if unknown."""
        super().__init__()
        self._stream = stream
        self._invocation = invocation
        self._lost: Counter[str] = Counter()
        self._counting = threading.Lock()

    @property
    def lost(self) -> dict[str, int]:
        """Logger's name -> how many of its lines belonged to no invocation."""
        with self._counting:
            return dict(sorted(self._lost.items()))

    def emit(self, record: logging.LogRecord) -> None:
        invocation = self._invocation()
        if invocation is not None:
            function, identifier = invocation
            record = copy.copy(record)
            record.name = f"Function.{function}.User (Id={identifier}) {record.name}"
        elif not record.name.startswith(_SYSTEM):
            with self._counting:
                self._lost[record.name] += 1
            return
        if record.levelno >= self._stream.level:
            self._stream.handle(record)


def set_up_logging(
    level: str, *, debug: bool, invocation: Callable[[], tuple[str, str] | None]
) -> AppLog:
    """Write from ``level`` on to standard error; what takes the app's records.

    The root logger gets INFO whatever the level, DEBUG with ``debug``: so does the worker's.
    """
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_Formatter())
    stream.setLevel(level.upper())
    for name in _OWN:
        own = logging.getLogger(name)
        own.handlers = [stream]
        own.propagate = False
        own.setLevel(logging.WARNING if name == "uvicorn" else level.upper())
    app_log = AppLog(stream, invocation)
    root = logging.getLogger()
    root.handlers = [app_log]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    return app_log
