"""The whole product on loopback: Azurite, the simulator and the Functions host, as child processes.

App settings in the environment win over `local.settings.json`. `FUNCTIONS_PORT`, `SIMULATOR_PORT`,
`TOPIC_PORT`, `AZURITE_PORTS` (blob,queue,table) and `DATA_DIR` change ports and the data folder.
`TIME_SCALE` is 1 unless given where an upstream is on another machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from local.loopback import NO_TLS
from local.ports import check_port_free, free_ports, listens
from local.processes import Child, StackError
from shared.loopback import LOOPBACK

ROOT = Path(__file__).resolve().parent.parent
API_KEY = "local-dev-key"
HOST = "Functions host"
HUB = "task hub"
WEBHOOK = {"name": "local", "secret_setting": "LOCAL_WEBHOOK_SECRET"}
"""The webhook of `local.settings.json`; the local topic receives it."""
_AZURITE_PORTS = (10000, 10001, 10002)
_SWEEP_PERIOD = 60.0
_VISIBILITY_TIMEOUT = 60.0
_LEASE = 30.0
_TIMEOUTS = tuple(
    f"AzureFunctionsJobHost__extensions__durableTask__storageProvider__{queue}VisibilityTimeout"
    for queue in ("controlQueue", "workItemQueue")
)


@dataclass(frozen=True)
class Ports:
    """The ports of everything, on 127.0.0.1."""

    functions: int = 7071
    simulator: int = 7080
    azurite: tuple[int, int, int] = _AZURITE_PORTS
    topic: int = 7081

    @classmethod
    def from_environment(cls) -> Ports:
        return cls(
            functions=_port("FUNCTIONS_PORT", 7071),
            simulator=_port("SIMULATOR_PORT", 7080),
            azurite=_azurite_ports(),
            topic=_port("TOPIC_PORT", 7081),
        )

    @classmethod
    def any_free(cls) -> Ports:
        """Free ports, for tests."""
        functions, simulator, topic, *azurite = free_ports(6)
        return cls(functions, simulator, (azurite[0], azurite[1], azurite[2]), topic)


@dataclass
class Stack:
    """Use as `with Stack(...)`: everything stops at the end, whatever happens.

    `overrides` are app settings that win over all others. `ephemeral` keeps all state in memory.
    """

    data: Path
    ports: Ports = field(default_factory=Ports)
    overrides: Mapping[str, str] = field(default_factory=dict)
    ephemeral: bool = True
    seed: int = 0
    simulator_config: Path | None = None
    with_host: bool = True
    with_topic: bool = False
    """Whether the local topic runs and results are announced to it."""
    host_module: str = "local.host"
    rpc_origin: str | None = None
    """A proxy for the durable client's own requests; see `python -m local.host --help`."""
    log_storage: bool = False
    """Whether Azurite logs every request with its headers, in `storage_log`."""
    children: list[Child] = field(default_factory=list)

    @property
    def storage_log(self) -> Path:
        return self.data / "logs" / "azurite-requests.log"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports.functions}/openai/v1"

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.simulator}"

    @property
    def topic_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.topic}"

    @property
    def settings(self) -> dict[str, str]:
        """The app settings: the file with this stack's ports, the environment, the overrides; later
        ones win."""
        values = local_settings()
        shared = {name: os.environ[name] for name in _setting_names() if name in os.environ}
        if not self.with_topic:
            values |= {"EVENT_TOPIC_ENDPOINT": "", "WEBHOOKS": "[]"}
        given = {**shared, **self.overrides}
        merged = {**self._moved(values), **given}
        if "TIME_SCALE" not in given and _is_elsewhere(merged["UPSTREAMS"]):
            merged["TIME_SCALE"] = "1"
        if "SWEEP_SCHEDULE" not in given:
            merged["SWEEP_SCHEDULE"] = _every(_SWEEP_PERIOD / float(merged["TIME_SCALE"]))
        return merged

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and return when it serves. Raises StackError."""
        self._check()
        self.start_azurite()
        self.start_simulator()
        if self.with_topic:
            self.start_topic()
        if self.with_host:
            self.start_host()

    def stop(self) -> None:
        """Stop everything, last started first; kill the rest if interrupted."""
        try:
            while self.children:
                self.children[-1].stop()
                self.children.pop()
        except BaseException:
            for child in self.children:
                child.kill()
            raise

    def child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def restart_host(self) -> None:
        """Replace a Functions host that has ended."""
        self.children = [child for child in self.children if child.name != HOST]
        self.start_host()

    def ended(self) -> list[Child]:
        """Children that ended by themselves."""
        return [child for child in self.children if child.exit_code() is not None]

    def start_azurite(self) -> None:
        blob, queue, table = self.ports.azurite
        command = [_node(), "--require", str(ROOT / "local" / "no_telemetry.cjs"), str(_azurite())]
        command += ["--silent", "--skipApiVersionCheck"]
        command += ["--disableTelemetry", "--blobKeepAliveTimeout", "120"]
        command += ["--tableKeepAliveTimeout", "120", "--blobPort", str(blob)]
        command += ["--queuePort", str(queue), "--tablePort", str(table)]
        if self.ephemeral:
            command += ["--inMemoryPersistence"]
        else:
            command += ["--location", str(self.data / "azurite")]
        if self.log_storage:
            command += ["--debug", str(self.storage_log)]
        child = self._start("Azurite", command)
        child.wait_until(lambda: all(listens(port) for port in (blob, queue, table)), seconds=30)
        create_storage(self.settings["STORAGE_CONNECTION"])

    def start_simulator(self) -> None:
        command = [sys.executable, "-m", "local.simulator", "--port", str(self.ports.simulator)]
        command += ["--time-scale", self.settings["TIME_SCALE"], "--seed", str(self.seed)]
        if self.simulator_config is not None:
            command += ["--config", str(self.simulator_config)]
        if not self.ephemeral:
            command += ["--state-dir", str(self.data / "simulator")]
        child = self._start("simulator", command)
        child.wait_until(lambda: listens(self.ports.simulator), seconds=20)

    def start_topic(self) -> None:
        command = [sys.executable, "-m", "local.topic", "--port", str(self.ports.topic)]
        command += ["--functions", f"http://127.0.0.1:{self.ports.functions}"]
        child = self._start("topic", command)
        child.wait_until(lambda: listens(self.ports.topic), seconds=20)

    def start_host(self) -> None:
        command = ["--ephemeral"] if self.ephemeral else ["--state-dir", str(self.data / "host")]
        if self.rpc_origin:
            command += ["--rpc-origin", self.rpc_origin]
        self._serve(HOST, self.ports.functions, command, {})

    def start_hub(self) -> Child:
        """The task hub of hosts that share one (`start_one_of`), instead of the one host."""
        folder = self.data / "hub"
        scale = float(self.settings["TIME_SCALE"])
        command = [sys.executable, "-m", "local.host", "hub", "--app", str(ROOT)]
        command += ["--state-dir", str(folder), "--lease", str(max(0.5, _LEASE / scale))]
        hub = self._start(HUB, command, **_timeouts(scale))
        hub.wait_until((folder / "hub.json").exists, seconds=30)
        return hub

    def start_one_of(
        self, name: str, port: int, settings: Mapping[str, str], *options: str
    ) -> Child:
        """One of several hosts, with settings and options of its own."""
        command = ["--hub", str(self.data / "hub"), *options]
        return self._serve(name, port, command, settings)

    def _serve(
        self, name: str, port: int, options: list[str], settings: Mapping[str, str]
    ) -> Child:
        command = [sys.executable, "-m", self.host_module, "--app", str(ROOT), "--port", str(port)]
        timeouts = _timeouts(float(self.settings["TIME_SCALE"]))
        child = self._start(name, command + options, **timeouts, **settings)
        status = f"http://127.0.0.1:{port}/admin/host/status"
        child.wait_until(lambda: _answers(status), seconds=30)
        return child

    def _check(self) -> None:
        _node()
        if not _azurite().exists():
            raise StackError("Azurite is not installed. Run: make setup")
        if self.with_host:
            check_port_free(self.ports.functions, "Functions host", "FUNCTIONS_PORT")
        check_port_free(self.ports.simulator, "simulator", "SIMULATOR_PORT")
        if self.with_topic:
            check_port_free(self.ports.topic, "topic", "TOPIC_PORT")
        for port in self.ports.azurite:
            check_port_free(port, "Azurite", "AZURITE_PORTS=blob,queue,table")

    def _start(self, name: str, command: list[str], **more: str) -> Child:
        environment = {**os.environ, **self.settings, **more, "PYTHONUNBUFFERED": "1"}
        log = self.data / "logs" / f"{name.lower().replace(' ', '-')}.log"
        child = Child(name, command, environment=environment, log=log, cwd=ROOT)
        self.children.append(child)
        return child

    def _moved(self, values: dict[str, str]) -> dict[str, str]:
        """The file's settings with this stack's ports."""
        moves = dict(zip(_AZURITE_PORTS, self.ports.azurite, strict=True))
        moves |= {7071: self.ports.functions, 7080: self.ports.simulator, 7081: self.ports.topic}
        moved = {}
        for name, value in values.items():
            for fixed, actual in moves.items():
                value = value.replace(f"http://127.0.0.1:{fixed}", f"http://127.0.0.1:{actual}")
            moved[name] = value
        return moved


def local_settings() -> dict[str, str]:
    """The values of `local.settings.json`, as Core Tools and our host read them."""
    document = json.loads((ROOT / "local" / "local.settings.json").read_text())
    return {str(name): str(value) for name, value in document["Values"].items()}


def _setting_names() -> set[str]:
    from shared.settings.app import Settings

    return set(local_settings()) | {name.upper() for name in Settings.model_fields}


def _is_elsewhere(upstreams: str) -> bool:
    """Whether one of UPSTREAMS is on another machine. It takes its own time: with deadlines divided
    by 20, a render of five minutes would be given up after three, and a create whose answer was
    lost sent again before the server's list could show its job."""
    endpoints = re.findall(r'"endpoint"\s*:\s*"([^"]*)"', upstreams)
    return any(urlsplit(each).hostname not in LOOPBACK for each in endpoints)


def _timeouts(time_scale: float) -> dict[str, str]:
    """The visibility timeouts of host.json, scaled: how long messages of a dead host stay hidden.
    Only the local host accepts less than a minute."""
    span = timedelta(seconds=max(0.5, round(_VISIBILITY_TIMEOUT / time_scale, 3)))
    return {name: str(span) for name in _TIMEOUTS if name not in os.environ}


def _every(seconds: float) -> str:
    """An NCRONTAB schedule of about this period, rounded to seconds or minutes."""
    if seconds < 60:
        return f"*/{max(1, round(seconds))} * * * * *"
    return f"0 */{min(59, round(seconds / 60))} * * * *"


def _port(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    if not value:
        return default
    if not value.isdigit() or not 1 <= int(value) <= 65535:
        raise StackError(f"{name}={value} is not a port number.")
    return int(value)


def _azurite_ports() -> tuple[int, int, int]:
    value = os.environ.get("AZURITE_PORTS", "")
    if not value:
        return _AZURITE_PORTS
    ports = [int(part) for part in value.split(",") if part.isdigit()]
    if len(ports) != 3:
        raise StackError(f"AZURITE_PORTS={value} is not three port numbers: blob,queue,table.")
    return (ports[0], ports[1], ports[2])


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise StackError("Node.js 20 or newer is needed for Azurite; there is no 'node' here.")
    return node


def _azurite() -> Path:
    return ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0, trust_env=False, verify=NO_TLS).status_code == 200
    except httpx.HTTPError:
        return False


def create_storage(connection: str) -> None:
    """Create missing tables and containers of the app; in Azure, Bicep does that."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import CorsRule

    from shared.storage import names
    from shared.storage.accounts import Account

    account = Account(connection=connection)
    for table in names.TABLES:
        account.tables.create_table_if_not_exists(table)
    for container in names.CONTAINERS:
        with suppress(ResourceExistsError):
            account.blobs.create_container(container)
    # the studio reads films where links to them lead
    pages = CorsRule(
        allowed_origins=["*"],
        allowed_methods=["GET", "HEAD"],
        allowed_headers=["range"],
        exposed_headers=["accept-ranges", "content-length", "content-range", "etag"],
        max_age_in_seconds=3600,
    )
    account.blobs.set_service_properties(cors=[pages])
