"""Waiting for what another process is about to do."""

import time
from collections.abc import Callable
from typing import Any


def eventually(found: Callable[[], Any], *, seconds: float = 90) -> Any:
    """What `found` returns as soon as it is something."""
    until = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
    return result
