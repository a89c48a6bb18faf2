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
_LOOKS = 0.25
"""Seconds between two looks for new renderers."""


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
    looked = 0.0
    while not ended.is_set():
        if time.monotonic() - looked > _LOOKS:
            found, looked = _renderers(), time.monotonic()
        began = time.monotonic()
        _send(found, signal.SIGSTOP)
        time.sleep(_RUNS * (factor - 1))
        _send(found, signal.SIGCONT)
        # as much as the pause has really taken on a busy machine
        time.sleep(max(_RUNS, (time.monotonic() - began) / (factor - 1)))


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
