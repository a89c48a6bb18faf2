"""Fixtures: a host for the sample app of a test module, and a client that speaks HTTP to it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any

import httpx
import pytest

from ..testing import HostProcess

APPS = Path(__file__).parent / "apps"

MANAGEMENT = "/runtime/webhooks/durabletask"

NO_TLS = SSLContext(PROTOCOL_TLS_CLIENT)
"""Of no certificate: to read those of the world takes 30 ms for each client."""


class Client(httpx.Client):
    """The public HTTP API of a running host."""

    def __init__(self, host: HostProcess) -> None:
        super().__init__(base_url=host.url, timeout=60, verify=NO_TLS)
        self.host = host

    def start(self, name: str, data: Any = None, instance_id: str | None = None) -> str:
        """Start an orchestration through the webhook, the input encoded as the SDK does."""
        path = f"{MANAGEMENT}/orchestrators/{name}" + (f"/{instance_id}" if instance_id else "")
        response = self.post(path, json=json.dumps(data)) if data is not None else self.post(path)
        assert response.status_code == 202, response.text
        started: str = response.json()["id"]
        return started

    def instance(self, instance_id: str, operation: str = "") -> str:
        """The URL of an instance."""
        return f"{MANAGEMENT}/instances/{instance_id}{operation}"

    def status(self, instance_id: str, **parameters: str) -> dict[str, Any]:
        status: dict[str, Any] = self.get(self.instance(instance_id), params=parameters).json()
        return status

    def wait(self, instance_id: str, *wanted: str, seconds: float = 60) -> dict[str, Any]:
        """Poll until the instance has one of the wanted statuses (or has ended)."""
        wanted = wanted or ("Completed", "Failed", "Terminated")
        deadline = time.monotonic() + seconds
        while (status := self.status(instance_id))["runtimeStatus"] not in wanted:
            if time.monotonic() > deadline:
                pytest.fail(f"{instance_id} is {status}\n{self.host.log[-3000:]}")
            time.sleep(0.01)
        return status

    def run(self, name: str, data: Any = None, seconds: float = 60) -> dict[str, Any]:
        """Start and wait for the end."""
        return self.wait(self.start(name, data), seconds=seconds)

    def raise_event(self, instance_id: str, name: str, data: Any = None) -> httpx.Response:
        return self.post(self.instance(instance_id, f"/raiseEvent/{name}"), json=data)


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of a host for the module's ``APP``, with its ``ARGUMENTS`` and ``ENVIRON``."""
    with (
        HostProcess(
            APPS / request.module.APP,
            *getattr(request.module, "ARGUMENTS", ()),
            environ=getattr(request.module, "ENVIRON", None),
        ) as host,
        Client(host) as client,
    ):
        yield client


@pytest.fixture
def client_class() -> type[Client]:
    """For tests that start hosts of their own."""
    return Client
