"""Real services for tests: one Azurite and one simulator per run, a storage account per test. Where
a folder judges what is decided and not how it is stored, the account is in memory."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.data.tables import TableServiceClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from local import audit
from local.loopback import NO_TLS
from local.stack import Ports, Stack
from shared.lifecycle.services import Services, build
from shared.settings import app as settings_module
from shared.settings.app import Settings
from tests.support import accounts
from tests.support.memory import MemoryAccount
from tests.support.stacks import Client, local_caller

# No test looks at a clock, and so hypothesis does not either: a busy machine is no failure.
hypothesis_settings.register_profile(
    "timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("timeless")

TIME_SCALE = 100
SWEEP_SCHEDULE = "*/10 * * * * *"
"""Of hosts that idle beside other tests. In the scale of time it would be each second."""
_ACCOUNTS = 2000
LAST_ACCOUNT = _ACCOUNTS - 1
"""Of no test that takes the next one: for those that share an account on purpose."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-storage", action="store_true", help="on Azurite also what is else in memory"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long modules first: while one waits, the other workers have the rest to do."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What is loaded now stays: to look through it for garbage again and again is a fifteenth of
    the work of all tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Azurite and the simulator, without a Functions host."""
    data = tmp_path_factory.mktemp("stack")
    config = data / "simulator.json"
    fixed = {"distribution": {"type": "fixed", "seconds": 40}}
    config.write_text(json.dumps({"render_times": [fixed]}))
    running = Stack(
        data,
        Ports.any_free(),
        overrides={"TIME_SCALE": str(TIME_SCALE), "SWEEP_SCHEDULE": SWEEP_SCHEDULE},
        simulator_config=config,
    )
    names = accounts.named(_ACCOUNTS)
    os.environ["AZURITE_ACCOUNTS"] = f"devstoreaccount1:{_dev_key(running)};{names}"
    try:
        running.start_azurite()
        running.start_simulator()
        yield running
    finally:
        running.stop()
        del os.environ["AZURITE_ACCOUNTS"]


@pytest.fixture(scope="session")
def _account_numbers() -> Iterator[int]:
    return iter(range(LAST_ACCOUNT))


@pytest.fixture
def on_real_storage() -> bool:
    """Whether a test's storage account is one of Azurite's. Folders override it."""
    return True


def judges_storage(request: pytest.FixtureRequest) -> bool:
    """Where storage is in memory: whether this test is marked to be on Azurite as well, or all."""
    marked = request.node.get_closest_marker("real_storage") is not None
    return marked or bool(request.config.getoption("real_storage"))


@pytest.fixture
def connection(stack: Stack, _account_numbers: Iterator[int], on_real_storage: bool) -> str:
    """The connection string of a storage account that no other test uses, with its layout; of none
    that Azurite has where storage is in memory."""
    if not on_real_storage:
        return accounts.connection(stack.ports.azurite, "memory")
    return storage_account(stack, next(_account_numbers))


def storage_account(stack: Stack, number: int) -> str:
    """The connection string of one of Azurite's accounts, with its layout."""
    return accounts.account(stack.ports.azurite, number)


@dataclass
class Simulator:
    """The running simulator, freshly reset, and its control endpoints."""

    url: str

    def journal(self) -> dict[str, Any]:
        body: dict[str, Any] = self._http("GET", "/_sim/journal").json()
        return body

    def script(self, *rules: Mapping[str, Any]) -> None:
        """Add fault rules."""
        self._http("POST", "/_sim/faults", json=list(rules))

    def force(self, job_id: str, **state: Any) -> None:
        """Put a job into a state, if time has not done so already."""
        path = f"{self.url}/_sim/jobs/{job_id}"
        answer = httpx.post(path, json=state, timeout=60, trust_env=False, verify=NO_TLS)
        if answer.status_code == 409:
            found = httpx.get(path, timeout=60, trust_env=False, verify=NO_TLS).json()
            words = {state["state"], {"completed": "succeeded"}.get(state["state"])}
            assert found["status"] in words, answer.text
        else:
            assert answer.is_success, answer.text

    def reset(self) -> None:
        self._http("POST", "/_sim/reset")

    def _http(self, method: str, path: str, **extra: Any) -> httpx.Response:
        answer = httpx.request(
            method, self.url + path, timeout=60, trust_env=False, verify=NO_TLS, **extra
        )
        assert answer.is_success, answer.text
        return answer


@pytest.fixture
def simulator(stack: Stack) -> Simulator:
    running = Simulator(stack.simulator_url)
    running.reset()
    return running


@pytest.fixture
def make_settings(
    stack: Stack, connection: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Settings]:
    """Settings of the local stack with a storage account of this test's own."""

    def make(**overrides: str) -> Settings:
        for name, value in {**stack.settings, "STORAGE_CONNECTION": connection}.items():
            monkeypatch.setenv(name, value)
        for name, value in overrides.items():
            monkeypatch.setenv(name, value)
        settings_module.settings.cache_clear()
        return settings_module.settings()

    return make


@pytest.fixture
def services_with(
    make_settings: Callable[..., Settings], connection: str, on_real_storage: bool
) -> Iterator[Callable[..., Services]]:
    """Make the app's services with changed settings, all on this test's storage account."""
    made: list[Services] = []
    account = None if on_real_storage else MemoryAccount(connection)

    def make(**overrides: str) -> Services:
        made.append(build(make_settings(**overrides), account))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def services(services_with: Callable[..., Services], simulator: Simulator) -> Services:
    """The app's services on this test's storage account and the simulator."""
    return services_with()


@pytest.fixture
def upstreams(make_settings: Callable[..., Settings]) -> Callable[..., str]:
    """The setting UPSTREAMS with fields of every deployment replaced."""

    def make(**changes: Any) -> str:
        listed = json.loads(make_settings().model_dump_json(include={"upstreams"}))["upstreams"]
        return json.dumps([{**upstream, **changes} for upstream in listed])

    return make


@pytest.fixture(scope="session")
def served(stack: Stack) -> Iterator[Stack]:
    """Azurite, the simulator and the Functions host with the app. At the end of all tests that
    used it, the books must balance."""
    stack.start_host()
    yield stack
    with TableServiceClient.from_connection_string(stack.settings["STORAGE_CONNECTION"]) as tables:
        account, breaches = audit.persistent(tables)
    stack.children.pop().stop()
    assert breaches == []
    assert account.entries


@pytest.fixture
def api(served: Stack, simulator: Simulator) -> Iterator[Client]:
    """The local caller of the running app; the simulator is freshly reset."""
    with local_caller(served) as caller:
        yield caller


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    yield
    settings_module.settings.cache_clear()


@pytest.fixture
def histories() -> Path:
    """Durable histories of releases, kept to be replayed."""
    return Path(__file__).parent / "histories"


def _dev_key(running: Stack) -> str:
    parts = dict(part.split("=", 1) for part in running.settings["STORAGE_CONNECTION"].split(";"))
    return parts["AccountKey"]
