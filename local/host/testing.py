"""Two ways to run an app in tests: as a process of its own, or in this one with a clock to turn.

``HostProcess`` starts ``python -m PACKAGE`` and speaks HTTP to it, like any other client.
``TimeTravel`` runs durable functions on an in-memory engine whose time stands still until a test
moves it: an orchestration of hours ends in milliseconds, and its history is the same every time.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from azure.functions.decorators.function_app import FunctionBuilder

from . import __name__ as package
from .bindings import DurableLinks
from .durable.clock import ManualClock
from .durable.engine import Instance, StartRequest
from .durable.functions import DurableFunctions, WorkerDeaths
from .durable.history import HistoryEvent
from .durable.replay import ReplayOptions, speed_up_replay
from .durable.sqlite_engine import Limits, SqliteEngine
from .durable.store import Store
from .durable.task_hub import HubOptions
from .index import describe
from .worker import Worker

FOUND_IN = Path(__file__).resolve().parents[package.count(".") + 1]
"""The folder from which this package is imported."""
_LISTENING = "Listening on "
_PATIENCE = 90.0
"""Seconds for a start, or one answer of the engine: a guard against hanging, not a promise."""


class HostProcess:
    """A host in a process of its own, on a free port; a context manager that ends it."""

    def __init__(
        self,
        app: Path,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """Start it and wait until it listens, unless ``wait`` is false.

        ``arguments`` go to the command line, ``environ`` on top of this process's environment.
        Raises ``RuntimeError`` with the host's log when it does not come up.
        """
        self.app = app
        self._log: IO[bytes] = tempfile.NamedTemporaryFile()  # noqa: SIM115  closed by ``close``
        self.log_file = Path(self._log.name)
        """Where its output goes; gone after ``close``."""
        environment = {**os.environ, **(environ or {})}
        found_in = filter(None, (environment.get("PYTHONPATH"), str(FOUND_IN)))
        self.process = subprocess.Popen(
            [sys.executable, "-m", package, "--app", str(app), "--port", "0", *arguments],
            env={**environment, "PYTHONPATH": os.pathsep.join(found_in)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self.url = ""
        """``http://127.0.0.1:PORT``."""
        if wait:
            self._await_listening(_PATIENCE)

    def __enter__(self) -> "HostProcess":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def log(self) -> str:
        """What the host has written so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode()

    def stop(self) -> int:
        """End it as an operator would (SIGTERM); the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self.process.kill()
        self.process.wait(timeout=10)

    def close(self) -> None:
        """Leave nothing running."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()

    def _await_listening(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            log = self.log
            if _LISTENING in log:
                self.url = log.partition(_LISTENING)[2].split()[0]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        log = self.log
        self.close()
        raise RuntimeError(f"the host did not come up:\n{log}")


class TimeTravel:
    """Durable functions on an in-memory engine with a manual clock; a context manager.

    Functions that bind a durable client cannot be called: there is no HTTP server here.
    """

    START = datetime(2030, 1, 1, tzinfo=UTC)

    def __init__(
        self,
        functions: Iterable[FunctionBuilder],
        *,
        threads: int = 4,
        split_long_timers: bool = True,
        deaths: WorkerDeaths | None = None,
    ) -> None:
        """``functions`` are what the decorators of a blueprint return, ``deaths`` faults."""
        links = DurableLinks("http://127.0.0.1:0", "TestHub", "Storage", "key")
        script = Path.cwd() / "function_app.py"
        described = [describe(builder.build(), script, os.environ) for builder in functions]
        self.clock = ManualClock(self.START)
        self._worker = Worker(threads)
        self.engine = SqliteEngine(
            Store(None),
            DurableFunctions(
                described, self._worker, links, ReplayOptions(split_long_timers), deaths
            ),
            self.clock,
            Limits(activities=threads, orchestrators=threads),
            HubOptions(),
            on_failure=lambda: None,
        )

    def __enter__(self) -> "TimeTravel":
        speed_up_replay()
        self._worker.start()
        self.engine.run()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.engine.stop(grace=1)
        self._worker.stop()

    def start(self, name: str, data: Any = None, instance_id: str | None = None) -> str:
        """Start an orchestration as the SDK's client does, and let it go as far as it can."""
        text = None if data is None else json.dumps(json.dumps(data))
        started = self.engine.start(StartRequest(name, text, instance_id)).result(timeout=_PATIENCE)
        self.settle()
        return started

    def raise_event(self, instance_id: str, name: str, data: Any = None) -> None:
        """Raise an event with raw JSON, and let the orchestration go as far as it can."""
        self.engine.raise_event(instance_id, name, json.dumps(data)).result(timeout=_PATIENCE)
        self.settle()

    def advance(self, step: timedelta) -> None:
        """Let time pass, firing timers on the way."""
        end = self.clock.now() + step
        while True:
            due = self.engine.next_due().result(timeout=_PATIENCE)
            now = self.clock.now()
            if due is None or due > end:
                self.clock.advance(end - now)
                self.settle()
                return
            self.clock.advance(max(due - now, timedelta(0)))
            self.settle()

    def finish(self, instance_id: str, within: timedelta = timedelta(days=30)) -> Instance:
        """Jump from timer to timer until the instance has ended; its state.

        Raises ``TimeoutError`` when it has not ended after ``within``, or waits for no timer.
        """
        end = self.clock.now() + within
        while not (instance := self.get(instance_id)).status.is_terminal:
            due = self.engine.next_due().result(timeout=_PATIENCE)
            if due is None or due > end:
                raise TimeoutError(f"'{instance_id}' is {instance.status} and no timer will end it")
            self.clock.advance(max(due - self.clock.now(), timedelta(0)))
            self.settle()
        return instance

    def get(self, instance_id: str) -> Instance:
        """The state of an instance. Raises ``KeyError``."""
        instance = self.engine.get(instance_id).result(timeout=_PATIENCE)
        if instance is None:
            raise KeyError(instance_id)
        return instance

    def output(self, instance_id: str) -> Any:
        """The decoded output of an instance."""
        output = self.get(instance_id).output
        return None if output is None else json.loads(output)

    def history(self, instance_id: str) -> list[HistoryEvent]:
        return self.engine.history(instance_id).result(timeout=_PATIENCE)

    def settle(self, seconds: float = 60) -> None:
        """Wait (in real time) until only time or a message can bring more work."""
        deadline = time.monotonic() + seconds
        while not self.engine.is_idle().result(timeout=_PATIENCE):
            if time.monotonic() > deadline:
                raise TimeoutError("functions are still running")
            time.sleep(0.002)
