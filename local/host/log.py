"""The host's log: one stream on standard error, the app's own records included."""

import logging
import sys
import time

LEVELS = ("debug", "info", "warning", "error")


class _Formatter(logging.Formatter):
    """``[2026-11-21T08:00:00.123Z] name: message``; UTC."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(levelname)s %(name)s: %(message)s")


def set_up_logging(level: str) -> None:
    """Send everything from ``level`` on to standard error.

    The root logger gets the level: the worker sets it to INFO too, so that ``logging.info`` in an
    app is seen.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn", "asyncio", "httpx", "azure.core.pipeline.policies"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
