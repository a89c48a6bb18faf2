"""``python -m PACKAGE hub``: the task hub of several hosts, in a process of its own.

It is to them what the storage account is on Azure: it keeps what they owe, and is not among what is
killed. ``durable.hosts`` says who gets what.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

from .config import apply_settings, load_host_config
from .durable.clock import SystemClock
from .durable.delivery import Queues
from .durable.hosts import Hosts, Terms
from .durable.link import (
    ANSWER,
    ASK,
    DONE,
    DRAIN,
    FAILED,
    HELLO,
    LOCK,
    REFUSED,
    RENEW,
    Message,
    Wire,
    listen,
)
from .durable.members import Members
from .durable.sqlite_engine import Limits, SqliteEngine
from .durable.store import Store
from .durable.task_hub import HubOptions
from .log import set_up_logging

LEASE_SECONDS = 30.0
"""DurableTask.AzureStorage ``AzureStorageOrchestrationServiceSettings.LeaseInterval``."""
_UNBOUNDED = 1_000_000
_STOP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HubProcessOptions:
    """What the command line says."""

    app: Path
    """For its host.json."""
    state_dir: Path
    """Where the task hub is kept, and its address."""
    latency: timedelta
    lease: float = LEASE_SECONDS
    """Seconds for which a host owns its partitions without a sign of life."""
    settings: Path | None = None
    log_level: str = "info"


def serve_hub(options: HubProcessOptions) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Raises ``ConfigError`` and ``StoreError``."""
    app, folder = options.app.resolve(), options.state_dir.resolve()
    settings = options.settings or app / "local.settings.json"
    if options.settings or settings.exists():
        apply_settings(settings, os.environ)
    config = load_host_config(app, os.environ)
    set_up_logging(options.log_level, debug=False, invocation=lambda: None)
    folder.mkdir(parents=True, exist_ok=True)
    queues = Queues(options.latency, config.control_queue_timeout, config.work_item_queue_timeout)
    ended = threading.Event()
    exit_code = 0

    def fail() -> None:
        nonlocal exit_code
        exit_code = 1
        ended.set()

    hosts = Hosts(
        Members(config.partition_count, options.lease),
        Terms(
            turns=config.max_concurrent_orchestrators,
            activities=config.max_concurrent_activities,
            turn_timeout=config.control_queue_timeout.total_seconds(),
            activity_timeout=config.work_item_queue_timeout.total_seconds(),
        ),
        time.monotonic,
    )
    engine = SqliteEngine(
        Store(folder / "taskhub.db"),
        hosts,
        SystemClock(),
        Limits(_UNBOUNDED, _UNBOUNDED),  # each host has its own
        HubOptions(config.default_version, config.override_any_state, queues),
        on_failure=fail,
    )
    engine.run()
    renewal = min(queues.seconds_between_renewals, options.lease / 3)
    listener, address = listen(renewal, lock_polling=2 * options.lease)
    hub = _Hub(listener, engine, hosts)
    threading.Thread(target=hub.accept, name="hub", daemon=True).start()
    address.write(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    print(f"Task hub in {folder}", flush=True)
    while not ended.wait(renewal / 3):
        hosts.tick()
    hub.end()
    engine.stop(_STOP_SECONDS)
    return exit_code


class _Hub:
    """Takes hosts' connections; each has a thread that reads it."""

    def __init__(self, listener: Listener, engine: SqliteEngine, hosts: Hosts) -> None:
        self._listener = listener
        self._hosts = hosts
        self._ended = threading.Event()
        self._methods: dict[str, Callable[..., Future[Any]]] = {
            "start": engine.start,
            "get": engine.get,
            "history": engine.history,
            "query": engine.query,
            "raise_event": engine.raise_event,
            "terminate": engine.terminate,
            "suspend": engine.suspend,
            "resume": engine.resume,
            "rewind": engine.rewind,
            "restart": engine.restart,
            "purge": engine.purge,
            "purge_by": engine.purge_by,
            "signal": engine.signal,
            "get_entity": engine.get_entity,
            "list_entities": engine.list_entities,
        }

    def accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, OSError):
                if self._ended.is_set():
                    return
                continue  # whoever came has gone again
            peer = _Peer(Wire(connection), self._hosts, self._methods)
            threading.Thread(target=peer.follow, name="host", daemon=True).start()

    def end(self) -> None:
        self._ended.set()
        self._listener.close()


class _Peer:
    """One host's connection."""

    def __init__(
        self, wire: Wire, hosts: Hosts, methods: dict[str, Callable[..., Future[Any]]]
    ) -> None:
        self._wire = wire
        self._hosts = hosts
        self._methods = methods
        self._name = ""

    def follow(self) -> None:
        self._wire.read(self._receive)
        self._wire.close()
        self._hosts.leave(self._name)

    def _receive(self, message: Message) -> None:
        match message:
            case (kind, name) if kind == HELLO:
                self._name = name
                self._hosts.join(name, self._wire.send)
            case (kind,) if kind == RENEW:
                self._hosts.renew(self._name)
            case (kind,) if kind == DRAIN:
                self._hosts.drain(self._name)
            case (kind, number, lock) if kind == LOCK:
                self._wire.send((ANSWER, number, self._hosts.lock(lock, self._name)))
            case (kind, number, outcome) if kind == DONE:
                self._hosts.done(self._name, number, lambda future: future.set_result(outcome))
            case (kind, number, text) if kind == FAILED:
                error = RuntimeError(text)
                self._hosts.done(self._name, number, lambda future: future.set_exception(error))
            case (kind, number, method, arguments, named) if kind == ASK:
                answer = self._methods[method](*arguments, **named)
                answer.add_done_callback(partial(self._answer, number))

    def _answer(self, number: int, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            self._wire.send((ANSWER, number, future.result()))
        else:
            self._wire.send((REFUSED, number, type(error).__name__, str(error)))
