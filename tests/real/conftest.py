"""A stack whose host is a command: Azurite, the simulator, receivers, and the packaged app."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from local.stack import Ports, Stack, local_settings
from shared.domain.work import Phase, Work, phase
from shared.lifecycle.services import Services, build
from shared.settings.app import Settings
from tests.conftest import Simulator
from tests.events.conftest import SECRET
from tests.real.host import Host, command
from tests.support.packaged import packaged
from tests.support.receivers import Receiver
from tests.support.stacks import Client, local_caller
from tests.support.waiting import eventually

TIME_SCALE = 20
PATIENCE = 120.0
"""Seconds for whatever takes two of ours: a host whose queues were empty looks at them every five
seconds, and a new hub is taken over first."""
AGENT_KEY = "an-agents-key"
RENDERS = 40.0
"""Seconds of a render, before they are divided by TIME_SCALE."""

_ORDER = ("operations", "clients", "events", "faults", "log_lines", "restarts", "probes")
"""Lines are looked for before anything is killed: what dies takes its lines along."""


def pytest_report_header() -> str:
    return f"Functions host: {command()[1]}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker("real")
            if item.get_closest_marker("timeout") is None:
                # the first one waits for a host that may download its extensions
                item.add_marker(pytest.mark.timeout(500))
    items.sort(key=lambda item: _rank(item.path) if item.path.parent == here else -1)


def _rank(path: Path) -> int:
    return _ORDER.index(path.stem.removeprefix("test_"))


@dataclass
class RealStack(Stack):
    """The local stack with another host in it. Events and webhooks go to `topic` and `receiver`."""

    topic: Receiver = field(default_factory=Receiver)
    receiver: Receiver = field(default_factory=Receiver)
    host: Host | None = None

    @property
    def settings(self) -> dict[str, str]:
        hook = {"name": "mine", "url": f"{self.receiver.url}/hook", "secret_setting": "HOOK_SECRET"}
        return {
            **super().settings,
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "EVENT_TOPIC_ENDPOINT": f"{self.topic.url}/api/events",
            "WEBHOOKS": json.dumps([hook]),
            "HOOK_SECRET": SECRET,
        }

    def start_host(self) -> None:
        app = packaged(self.data)
        environment = {**self.settings, "LOCAL_HOST_STATE_DIR": str(self.data / "host")}
        log = self.data / "logs" / "host.log"
        path = "/openai/v1/health"
        self.host = Host(app, self.ports.functions, environment, log, path)
        self.host.start()

    def stop(self) -> None:
        if self.host is not None:
            self.host.stop()
        super().stop()
        self.topic.close()
        self.receiver.close()


def _callers() -> str:
    """The local caller, and an agent for whom it approves."""
    callers = json.loads(local_settings()["CALLERS"])
    callers["local"]["approves"] = ["agent"]
    hashed = hashlib.sha256(AGENT_KEY.encode()).hexdigest()
    callers["agent"] = {"key_sha256": [hashed], "approval_above_usd": 0}
    return json.dumps(callers)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    """The running stack, one for all tests; its hub is new."""
    data = tmp_path_factory.mktemp("real")
    base = Stack(data, Ports.any_free())
    called = f"{base.api}/callbacks/sora-2"
    config = data / "simulator.json"
    fixed = {"distribution": {"type": "fixed", "seconds": RENDERS}}
    unlimited = {"max_running": None, "max_creates_per_minute": None}
    config.write_text(
        json.dumps(
            {
                "render_times": [fixed],
                "deployments": [
                    {"name": "sora-2", "dialect": "sora-2", "callback_url": called, **unlimited},
                    {"name": "sora", "dialect": "sora-1", **unlimited},
                ],
            }
        )
    )
    upstreams = json.loads(base.settings["UPSTREAMS"])
    for upstream in upstreams:
        upstream |= {"max_running": 12, "max_creates_per_minute": 600}
    upstreams[0] |= {"callback": {}, "wire": {"calls_back": "openrouter"}}
    running = RealStack(
        data,
        base.ports,
        overrides={
            "TIME_SCALE": str(TIME_SCALE),
            "TASKHUB_NAME": f"Real{uuid.uuid4().hex[:12]}",
            "UPSTREAMS": json.dumps(upstreams),
            "PURGE_SCHEDULE": "*/15 * * * * *",
            # a host that is killed stands still for a minute of real time, which is twenty here
            "JOB_DEADLINE_MINUTES": "600",
            "BUDGET_USD_PER_DAY": "-1",
            "CALLERS": _callers(),
        },
        simulator_config=config,
    )
    try:
        running.start_azurite()
        running.start_simulator()
        running.start_host()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def host(real: RealStack) -> Host:
    assert real.host is not None
    return real.host


@contextmanager
def services_of(real: RealStack) -> Iterator[Services]:
    """The app's services on the stack's storage, beside the host."""
    with pytest.MonkeyPatch.context() as patch:
        for name in local_settings():
            patch.delenv(name, raising=False)
        for name, value in real.settings.items():
            patch.setenv(name, value)
        services = build(Settings())  # type: ignore[call-arg]  # the environment gives them
    yield services
    services.close()


def submitting(services: Services) -> list[Work]:
    return [each for each in services.work.all() if phase(each) is Phase.SUBMITTING]


# the names under which tests of the local stack ask for the same


@pytest.fixture(scope="session")
def stack(real: RealStack) -> RealStack:
    return real


@pytest.fixture(scope="session")
def served(real: RealStack) -> RealStack:
    return real


@pytest.fixture(autouse=True)
def simulator(real: RealStack) -> Simulator:
    with services_of(real) as services:
        # what is being submitted belongs to the test before
        eventually(lambda: not submitting(services), seconds=60)
    running = Simulator(real.simulator_url)
    running.reset()
    return running


@pytest.fixture
def api(real: RealStack) -> Iterator[Client]:
    with local_caller(real) as caller:
        caller.patience = PATIENCE
        yield caller


def event_grid(real: RealStack) -> str:
    """Where Event Grid posts: with the host's key, where it asks for one."""
    key = os.environ.get("FUNCTIONS_MASTER_KEY", "")
    code = f"&code={quote(key, safe='')}" if key else ""
    base = f"http://127.0.0.1:{real.ports.functions}"
    return f"{base}/runtime/webhooks/eventgrid?functionName=on_event{code}"
