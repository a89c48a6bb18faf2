"""A Functions host that is a command: start it, end it, kill it or its worker, read its output."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from local.stack import ROOT

_WORKERS = ("azure_functions_worker", "proxy_worker", "worker.py")
"""In the command line of a Python worker that is a process of its own."""
_OURS = "local.host"
_STARTS_WITHIN = 300.0
_ENDS_WITHIN = 60.0


def command() -> tuple[list[str], str]:
    """The host's command without `start`, and what to call it."""
    named = os.environ.get("FUNCTIONS_HOST", "").strip()
    if named:
        return shlex.split(named), f"FUNCTIONS_HOST: {named}"
    if func := shutil.which("func"):
        return [func], f"Core Tools: {func}"
    return [sys.executable, "-m", _OURS], "the local host (no FUNCTIONS_HOST, no `func`)"


@dataclass
class Host:
    """One host for one app. `path` answers 200 once the app is served."""

    app: Path
    port: int
    settings: Mapping[str, str]
    log: Path
    path: str
    _process: subprocess.Popen[bytes] | None = None
    _started: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it serves the app."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **self.settings, "PYTHONUNBUFFERED": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        if _OURS in command()[0]:  # a module here; the app's own come first
            environment["PYTHONPATH"] = str(ROOT)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command()[0], "start", "--port", str(self.port)],
                cwd=self.app,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(self._process.pid)
        self.wait()

    def wait(self) -> None:
        """Return when it serves the app."""
        until = time.monotonic() + _STARTS_WITHIN
        while not self._answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > until:
                pytest.fail(f"the host {'ended' if ended else 'does not serve'}:\n{self.tail()}")
            time.sleep(0.1)

    def workers(self) -> list[int]:
        """Its language workers that are processes of their own."""
        return [pid for pid in self._tree()[1:] if _is_worker(pid)]

    @property
    def is_one_process(self) -> bool:
        """Whether it is the local host, which runs functions itself."""
        return any(_OURS in _command_line(pid) for pid in self._tree())

    def terminate(self) -> None:
        """SIGTERM to the host, as a platform sends it; it has to end."""
        self._signal(signal.SIGTERM)
        self._ended()

    def kill(self) -> None:
        """kill -9 of the host."""
        self._signal(signal.SIGKILL)
        self._ended()

    def kill_workers(self) -> None:
        """kill -9 of its language workers; it starts others."""
        for pid in self.workers():
            _send(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it, whatever it takes, and everything that it started."""
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for session in self._started:
            for pid in _in_session(session):
                _send(pid, signal.SIGKILL)

    def said(self) -> str:
        """Everything that it has printed."""
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.said().splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        for pid in set(self._tree()) - set(self.workers()):
            _send(pid, number)

    def _ended(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.stop()  # the next test gets a whole one
            raise
        until = time.monotonic() + _ENDS_WITHIN
        while _in_session(self._process.pid):
            if time.monotonic() > until:  # a worker whose host is gone ends by itself
                for pid in _in_session(self._process.pid):
                    _send(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _tree(self) -> list[int]:
        """The process that was started and all below it."""
        if self._process is None:
            return []
        parents = {pid: _parent(pid) for pid in _pids()}
        found = [self._process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + self.path, timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name; none where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _in_session(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields and int(fields[3]) == session and fields[0] != "Z":
            found.append(pid)
    return found


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _is_worker(pid: int) -> bool:
    return any(name in part for part in _command_line(pid) for name in _WORKERS)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
