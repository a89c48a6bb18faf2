"""Puts the parts together, listens on loopback and stops."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

import uvicorn

from . import invocations
from .admin import Admin
from .app import HostApp
from .bindings import DurableLinks
from .config import HostConfig, apply_settings, load_host_config, thread_count
from .durable.clock import SystemClock
from .durable.delivery import Queues
from .durable.engine import Engine
from .durable.functions import DurableFunctions, WorkerDeaths
from .durable.management import ManagementApi
from .durable.remote_engine import RemoteEngine
from .durable.replay import ReplayOptions, speed_up_replay
from .durable.sqlite_engine import Limits, SqliteEngine
from .durable.store import Store
from .durable.task_hub import HubOptions
from .event_grid import EventGridTriggers
from .http_trigger import HttpTriggers, route_of
from .index import Function, index_app
from .keys import Auth, Keys
from .log import set_up_logging
from .routing import RouteError
from .timer_trigger import Monitor, ScheduleError, Singleton, TimerTriggers, parse_schedule
from .worker import Worker

_log = logging.getLogger("host")

STOP_GRACE_SECONDS = 1.0
CLIENT_LATENCY = timedelta(milliseconds=100)
"""How long a client's message to an instance is on its way: on Azure it goes through a queue."""
_KEEP_ALIVE = 130
"""Seconds that Kestrel keeps an idle connection open (its default), and so the real host."""
_MAX_HEAD_BYTES = 256 * 1024
"""What uvicorn reads of a request's head before it gives up; ``kestrel`` refuses far less."""


class PortInUseError(Exception):
    """The port cannot be had; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    app: Path
    port: int = 7071
    """0 takes any free one."""
    state_dir: Path | None = None
    """None keeps all state in memory."""
    hub: Path | None = None
    """The folder of a task hub that is shared with other hosts; then there is no state here."""
    grace: float = STOP_GRACE_SECONDS
    """Seconds that what runs at SIGTERM may go on (up to an hour on Azure's Flex Consumption)."""
    settings: Path | None = None
    """None reads the app's local.settings.json, if there is one."""
    auth: Auth = Auth.FUNCTIONS
    names_itself_localhost: bool = False
    """``WEBSITE_HOSTNAME`` is ``localhost:PORT`` unless it is set, as with ``func start``."""
    drop_events: float = 0.0
    """Probability of losing an external event."""
    lose_turns: float = 0.0
    """Probability of losing an orchestrator's turn, as when the worker dies in it."""
    lose_activities: float = 0.0
    """The same for the result of an activity."""
    rpc_origin: str | None = None
    """Where the durable client's own requests go; None sends them to this host directly."""
    seed: int | None = None
    log_level: str = "info"


def serve(options: Options) -> int:
    """Run the host until SIGTERM or SIGINT; the exit code.

    Raises ``PortInUseError``, ``ConfigError``, ``IndexingError``, ``StoreError`` and
    ``HubGoneError`` before it listens.
    """
    listener = _listen(options.port)
    app = options.app.resolve()
    state_dir = options.state_dir.resolve() if options.state_dir else None
    settings = options.settings.resolve() if options.settings else app / "local.settings.json"
    if options.settings or settings.exists():
        apply_settings(settings, os.environ)
    # What the Core Tools set, too.
    os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    os.environ.setdefault("FUNCTIONS_WORKER_RUNTIME", "python")
    os.environ.setdefault("AzureWebJobsScriptRoot", str(app))
    port = listener.getsockname()[1]
    if options.names_itself_localhost:
        os.environ.setdefault("WEBSITE_HOSTNAME", f"localhost:{port}")
    config = load_host_config(app, os.environ)
    app_log = set_up_logging(
        options.log_level,
        debug=os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in ("1", "true"),
        invocation=invocations.current,
    )
    worker = Worker(thread_count(os.environ), app_log)
    keys = Keys.from_environment(os.environ)
    links = DurableLinks(
        origin=f"http://127.0.0.1:{port}",
        hub_name=config.hub_name,
        connection_name=config.connection_name,
        system_key=keys.system,
        rpc_origin=options.rpc_origin,
        host_name=os.environ.get("WEBSITE_HOSTNAME"),
    )
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    functions = [_checked(function, config) for function in index_app(app, script, os.environ)]
    speed_up_replay()
    if state_dir is not None:
        state_dir.mkdir(parents=True, exist_ok=True)
    host = _Host(options, config, functions, worker, keys, links, state_dir)
    return host.run(listener)


class _Host:
    """All parts of one running host."""

    def __init__(
        self,
        options: Options,
        config: HostConfig,
        functions: list[Function],
        worker: Worker,
        keys: Keys,
        links: DurableLinks,
        state_dir: Path | None,
    ) -> None:
        clock = SystemClock()
        chance = _Chance(options.seed)
        self._config = config
        self._functions = functions
        self._worker = worker
        self._links = links
        self._keys = keys
        self._auth = options.auth
        self._grace = options.grace
        durable = DurableFunctions(
            functions,
            worker,
            links,
            ReplayOptions(config.splits_long_timers),
            WorkerDeaths(chance.of(options.lose_turns), chance.of(options.lose_activities)),
        )
        singleton = None
        if options.hub is not None:
            remote = RemoteEngine(options.hub, durable, lambda: self._stop(exit_code=1))
            singleton = Singleton(remote.lock, remote.lock_polling)
            self._engine: Engine = remote
        else:
            self._engine = SqliteEngine(
                Store(state_dir / "taskhub.db" if state_dir else None),
                durable,
                clock,
                Limits(config.max_concurrent_activities, config.max_concurrent_orchestrators),
                HubOptions(
                    config.default_version,
                    config.override_any_state,
                    Queues(
                        CLIENT_LATENCY, config.control_queue_timeout, config.work_item_queue_timeout
                    ),
                    chance.of(options.drop_events),
                ),
                on_failure=lambda: self._stop(exit_code=1),
            )
        kept = options.hub or state_dir
        monitor = Monitor(kept / "timers.json" if kept else None)
        self._timers = TimerTriggers(functions, worker, links, clock, monitor, singleton)
        event_grid = EventGridTriggers(functions, worker, links)
        self._app = HostApp(
            HttpTriggers(functions, config.route_prefix, worker, links, keys, options.auth),
            event_grid,
            ManagementApi(self._engine, links, inputs_are_kept=config.keeps_inputs),
            Admin(
                functions,
                config.route_prefix,
                worker,
                links,
                self._timers,
                event_grid,
                keys,
                options.auth,
            ),
            keys,
            options.auth,
        )
        self._exit_code = 0
        self._deadline = 0.0
        self._silence_timers: Callable[[], object] = lambda: None
        self._server = _Server(
            links.origin,
            uvicorn.Config(
                self._app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=ceil(options.grace),
                backlog=2048,
                timeout_keep_alive=_KEEP_ALIVE,
                h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            ),
        )

    def run(self, listener: socket.socket) -> int:
        """Serve until told to stop; the exit code."""
        self._worker.start()
        self._engine.run()
        self._announce()
        asyncio.run(self._serve(listener))
        is_drained = self._engine.stop(max(0.0, self._deadline - time.monotonic()))
        if not (self._worker.stop() and is_drained):
            # Threads in user code cannot be stopped, and Python would wait for them. What they
            # were doing was never confirmed, so with a state directory it is done again.
            _log.warning("Left functions behind that were still running")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._exit_code)
        return self._exit_code

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_fault)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        timers = asyncio.create_task(self._timers.run())
        timers.add_done_callback(self._timers_ended)
        self._silence_timers = lambda: loop.call_soon_threadsafe(timers.cancel)
        await self._server.serve(sockets=[listener])
        timers.cancel()

    def _timers_ended(self, timers: asyncio.Task[None]) -> None:
        if not timers.cancelled() and (error := timers.exception()) is not None:
            _log.critical("The timer triggers cannot go on", exc_info=error)
            self._stop(exit_code=1)

    def _stop(self, exit_code: int = 0) -> None:
        """Begin to stop: nothing new is taken, what runs gets ``grace`` to finish (drain mode,
        azure-functions-host#7772)."""
        if not self._server.should_exit:
            self._exit_code = exit_code
            self._deadline = time.monotonic() + self._grace
            self._engine.drain()
            self._silence_timers()
            self._server.should_exit = True

    def _announce(self) -> None:
        for function in self._functions:
            if function.error is not None:
                _log.error("Function '%s' is in error: %s", function.name, function.error)
            elif function.trigger.type == "httpTrigger":
                methods = ",".join(function.trigger.properties.get("methods") or ["all"])
                path = route_of(function, self._config.route_prefix).template
                _log.info("%s: [%s] %s/%s", function.name, methods, self._links.origin, path)
            else:
                _log.info("%s: %s", function.name, function.trigger.type)
        if self._asks_for_keys():
            _log.info("Host key: %s  Master key: %s", self._keys.host, self._keys.master)

    def _asks_for_keys(self) -> bool:
        if self._auth is Auth.FUNCTIONS:
            levels = {f.trigger.properties.get("authLevel") for f in self._functions}
            return bool(levels & {"FUNCTION", "ADMIN"})
        return self._auth is Auth.ALL


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which ends the process by the signal, not with 0."""

    def __init__(self, origin: str, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._origin = origin

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Tools wait for this line to learn the port, so no log level leaves it out, and it is one
        # write: print has two where nothing is buffered, and a line of the log fits in between.
        sys.stdout.write(f"Listening on {self._origin}\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _log_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio's own logger is the app's, and what goes wrong on the host's loop is the host's."""
    _log.error("%s", context["message"], exc_info=context.get("exception"))


def _listen(port: int) -> socket.socket:
    # Only for sockets that name their protocol does asyncio turn Nagle's algorithm off, which would
    # cost 40 ms for each answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise PortInUseError(
            f"cannot listen on 127.0.0.1:{port}: {error.strerror}"
            " (is another host running? choose another --port)"
        ) from error
    return listener


def _checked(function: Function, config: HostConfig) -> Function:
    """The function, in error if its route or schedule is none."""
    if function.error is not None:
        return function
    try:
        if function.trigger.type == "httpTrigger":
            route_of(function, config.route_prefix)
        elif function.trigger.type == "timerTrigger":
            parse_schedule(function.trigger.properties["schedule"])
    except (RouteError, ScheduleError) as error:
        return replace(function, error=str(error))
    return function


class _Chance:
    """Faults with a probability, repeatable with a seed; each kind draws numbers of its own."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed

    def of(self, probability: float) -> Callable[[], bool]:
        drawn = random.Random(self._seed)
        return lambda: drawn.random() < probability
