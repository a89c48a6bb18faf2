"""Make a browser's pages slower by a factor: its renderers run for a part of each moment only.

`Emulation.setCPUThrottlingRate` does the same from inside, but the Chromium of `node_modules` takes
the command and stays as fast as it was.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.processes import running_under

_RUNS = 0.004
"""Seconds that a renderer runs at a time."""


@contextmanager
def slower(factor: float) -> Iterator[None]:
    """All renderers below this process, while the block runs. For Linux."""
    ended = threading.Event()
    thread = threading.Thread(target=_pulse, args=(factor, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _pulse(factor: float, ended: threading.Event) -> None:
    found: list[int] = []
    while not ended.is_set():
        began = time.monotonic()
        _send(found, signal.SIGSTOP)
        there = _renderers()  # a page is painted before one that looks rarely has found it
        time.sleep(max(0.0, began + _RUNS * (factor - 1) - time.monotonic()))
        _send(found, signal.SIGCONT)
        # as much as the pause has really taken on a busy machine
        time.sleep((time.monotonic() - began) / (factor - 1))
        found = there


def _renderers() -> list[int]:
    found = []
    for pid in running_under(os.getpid()):
        with suppress(OSError):
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _send(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)
