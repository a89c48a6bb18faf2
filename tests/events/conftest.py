"""The app with somebody to tell: a topic and webhooks on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.lifecycle.services import Services
from shared.storage.layout import INBOX_CONTAINER
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.receivers import Receiver

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()


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
