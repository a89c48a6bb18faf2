"""The app with somebody to tell: a topic and webhooks on loopback. Storage is in memory, except in
what is marked `real_storage`, and where a host runs."""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.events import Topic
from local.ports import free_ports
from local.stack import WEBHOOK, Ports, Stack
from shared.lifecycle.services import Services
from shared.storage.names import INBOX_CONTAINER
from tests.conftest import LAST_ACCOUNT, Simulator, judges_storage, storage_account
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.receivers import Receiver
from tests.support.stacks import Client, local_caller

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()


@pytest.fixture
def on_real_storage(request: pytest.FixtureRequest) -> bool:
    return judges_storage(request)


@dataclass
class Told:
    """The app's services, a topic, and a receiver of webhooks named `mine`."""

    services: Services
    topic: Receiver
    receiver: Receiver
    order: Order

    def finish(self, **request: Any) -> Job:
        """A video that has ended, with everything announced that could be."""
        job = self.order(**request)
        self.services.courier.wait()
        job.drive()
        self.services.courier.wait()
        return job

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the topic got of one type."""
        return [event for event in self.topic.events() if event["type"] == f"DurableVideo.{name}"]


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    """Make receivers that are closed at the end."""
    made: list[Receiver] = []

    def make(**options: Any) -> Receiver:
        made.append(Receiver(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def told(
    services_with: Callable[..., Services],
    simulator: Simulator,
    receivers: Callable[..., Receiver],
) -> Told:
    return tell(services_with, simulator, receivers(), receivers())


def tell(
    services_with: Callable[..., Services],
    simulator: Simulator,
    topic: Receiver,
    receiver: Receiver,
    **overrides: str,
) -> Told:
    webhook = {"name": "mine", "url": f"{receiver.url}/hook", "secret_setting": "HOOK_SECRET"}
    services = services_with(
        **{
            "EVENT_TOPIC_ENDPOINT": f"{topic.url}/api/events",
            "WEBHOOKS": json.dumps([webhook]),
            "HOOK_SECRET": SECRET,
            **overrides,
        }
    )
    return Told(services, topic, receiver, Order(services, simulator))


@dataclass
class Inbox:
    """The container `inbox`, written by somebody else."""

    services: Services

    def put(self, name: str, data: bytes | str, **metadata: str) -> str:
        """Write a blob; its URL."""
        blob = self.services.account.container(INBOX_CONTAINER).get_blob_client(name)
        blob.upload_blob(data, overwrite=True, metadata=metadata or None)
        return blob.url


@pytest.fixture
def inbox(told: Told) -> Inbox:
    return Inbox(told.services)


LATE_SECRET = "whsec_" + "bGF0ZSByZWNlaXZlcidzIG93biBzZWNyZXQh"


@pytest.fixture(scope="package")
def late_port() -> int:
    """Where a receiver of webhooks will be."""
    return free_ports(1)[0]


@pytest.fixture(scope="package")
def whole(
    stack: Stack, late_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A host and a topic of their own, with Azurite and the simulator of the others."""
    functions, topic = free_ports(2)
    late = {
        "name": "late",
        "url": f"http://127.0.0.1:{late_port}/hook",
        "secret_setting": "LATE_SECRET",
    }
    local = {"url": f"http://127.0.0.1:{topic}/webhooks/local", **WEBHOOK}
    running = Stack(
        tmp_path_factory.mktemp("events"),
        Ports(functions, stack.ports.simulator, stack.ports.azurite, topic),
        overrides={
            **stack.overrides,
            "STORAGE_CONNECTION": storage_account(stack, LAST_ACCOUNT),
            "WEBHOOKS": json.dumps([local, late]),
            "LATE_SECRET": LATE_SECRET,
        },
        with_topic=True,
    )
    try:
        running.start_topic()
        running.start_host()
        yield running
    finally:
        running.stop()


@pytest.fixture
def api(whole: Stack, simulator: Simulator) -> Iterator[Client]:
    with local_caller(whole) as caller:
        yield caller


class Feed:
    """What the topic and its webhook got since this was made."""

    def __init__(self, stack: Stack) -> None:
        self._topic = Topic(stack)
        stamp = str(uuid.uuid4())
        self._topic.publish({"id": stamp, "eventType": "Test.Stamp", "data": {}})
        self._seen = next(
            item["number"]
            for item in self._topic.items()
            if item.get("event", {}).get("id") == stamp
        )
        self.items: list[dict[str, Any]] = []

    def until(self, found: Callable[[], Any]) -> Any:
        """What `found` returns once something came that makes it something."""
        limit = time.monotonic() + 90
        while not (result := found()):
            assert time.monotonic() < limit, self.items
            came = self._topic.next(self._seen)
            self.items += came
            self._seen = came[-1]["number"] if came else self._seen
        return result

    def events(self, name: str, subject: str | None = None) -> list[dict[str, Any]]:
        return [
            item["event"]
            for item in self.items
            if item["kind"] == "event"
            and item["event"].get("type") == f"DurableVideo.{name}"
            and subject in (None, item["event"]["subject"])
        ]

    def webhooks(self) -> list[dict[str, Any]]:
        return [item for item in self.items if item["kind"] == "webhook"]


@pytest.fixture
def feed(whole: Stack) -> Feed:
    return Feed(whole)


def environment(stack: Stack) -> dict[str, str]:
    """What finds a stack that does not have the fixed ports."""
    return {
        **os.environ,
        "FUNCTIONS_PORT": str(stack.ports.functions),
        "SIMULATOR_PORT": str(stack.ports.simulator),
        "TOPIC_PORT": str(stack.ports.topic),
        "AZURITE_PORTS": ",".join(map(str, stack.ports.azurite)),
        "STORAGE_CONNECTION": stack.settings["STORAGE_CONNECTION"],
        "COLUMNS": "300",
    }
