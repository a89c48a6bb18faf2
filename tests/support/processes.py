"""Which processes run, from /proc, and until when; and what they are started with."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def running_under(pid: int) -> set[int]:
    """All processes that a process started, and those that they started in turn."""
    children: set[int] = set()
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            children |= {int(child) for child in (thread / "children").read_text().split()}
    return children.union(*(running_under(child) for child in children))


def marked(variable: str) -> dict[int, str]:
    """The command lines of the processes with a `NAME=value` in their environment, by their ids:
    what a program started inherits it, and whom it was handed to does not matter."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is not ours
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                pid = int(folder.name)
                found[pid] = _command(pid)
    return found


def until_gone(pids: Iterable[int], *, seconds: float = 120) -> None:
    """Wait for processes to end, by whomever they are reaped."""
    limit = time.monotonic() + seconds
    while left := {pid for pid in pids if _runs(pid)}:
        assert time.monotonic() < limit, [_command(pid) for pid in left]
        time.sleep(0.05)


def end_all(pids: Iterable[int]) -> None:
    """Kill what is left of processes."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def heed_signals() -> None:
    """For a child before it begins: what the tests ignore, because of `nohup` or of a shell that
    started them in the background, the child does not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def in_background() -> None:
    """For a child before it begins: as a shell starts something in the background."""
    heed_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return f"{pid}, gone since"
