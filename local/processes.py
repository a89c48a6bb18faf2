"""Child processes whose output is kept, and that end with us, however we end."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

_PR_SET_PDEATHSIG = 1
_PATIENCE = 8.0
_running: set[Child] = set()
_interrupted = Event()


class StackError(Exception):
    """A problem that the user can fix; the message is one line that says how."""


class Child:
    """A running program that writes to a log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        cwd: Path,
    ) -> None:
        if _interrupted.is_set():
            raise StackError(f"{name} is not started: we are stopping.")
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end the children in order
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when `ready` is true. Raises StackError with the last log lines if it never is."""
        until = time.monotonic() + seconds
        while not ready():
            if self.exit_code() is not None:
                raise StackError(f"{self.name} ended while starting:\n{self.last_lines()}")
            if time.monotonic() > until:
                raise StackError(
                    f"{self.name} was not ready within {seconds:.0f} s:\n{self.last_lines()}"
                )
            time.sleep(0.05)

    def last_lines(self, count: int = 15) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-count:]) or "  (it printed nothing)"

    def signal_kill(self) -> None:
        """Send SIGKILL without waiting."""
        self._process.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.signal_kill()
        self._process.wait()
        _running.discard(self)

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL if it does not end."""
        if self.exit_code() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        _running.discard(self)


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for our children. Ctrl-C kills all children, because nothing else would end
    the threads."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            _interrupted.set()
            kill_all()
            raise


@atexit.register
def kill_all() -> None:
    """Kill all running children without waiting, so that signal handlers may call it."""
    for child in list(_running):
        child.signal_kill()


def _die_with_parent() -> None:
    # Linux: the kernel kills this child when its parent is killed and cannot clean up
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)
