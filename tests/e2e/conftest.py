"""The whole stack, and the watched one: its own callers, tenant and keys, and logs that can be
searched. Both end with the tests of this folder: a host that nobody asks is not idle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.data.tables import TableServiceClient

from local import audit
from local.stack import Stack
from tests.conftest import Simulator
from tests.support.stacks import Client, local_caller
from tests.support.watched import Watched, watched


@pytest.fixture(scope="package")
def served(stack: Stack) -> Iterator[Stack]:
    """Azurite, the simulator and the Functions host with the app. At the end of the tests here the
    books must balance."""
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


@pytest.fixture(scope="package")
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched")) as running:
        yield running


@pytest.fixture(name="watched")
def watched_fixture(_watched: Watched) -> Watched:
    """The watched stack; one for all tests of a run."""
    for child in _watched.stack.ended():
        pytest.fail(f"{child.name} ended:\n{child.last_lines(40)}")
    return _watched
