"""A position in line that cannot be read: it is only shown, so it stops nothing that decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.domain.video import Stage
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import show
from tests.support.surface import Answer, send

App = Callable[..., Services]


class Durable:
    """A client that notes which workers were started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start_new(self, _: str, instance: str, *__: Any) -> None:
        self.started.append(instance)

    async def raise_event(self, *_: Any) -> None: ...


class Unreadable:
    """Snapshots of the line in a storage that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    def recent(self, _: str) -> None:
        self.asked += 1
        raise ServiceRequestError("no answer")


@pytest.fixture
def unreadable(app: App, monkeypatch: pytest.MonkeyPatch) -> tuple[Services, Unreadable]:
    services, snapshots = app(), Unreadable()
    monkeypatch.setattr(services.snapshots, "recent", snapshots.recent)
    return services, snapshots


def create(key: str, client: Durable) -> Answer:
    body = {"model": "sora-2", "prompt": "a fox"}
    return send("POST", "/videos", body=body, client=client, headers={"idempotency-key": key})


def wait_in_line(services: Services) -> None:
    for work in services.work.all():
        assert show(services, work, Stage.WAITING_FOR_QUOTA) is not None


def test_a_repeat_still_starts_the_worker(unreadable: tuple[Services, Unreadable]) -> None:
    services, snapshots = unreadable
    create("once", Durable())
    wait_in_line(services)
    client = Durable()
    repeated = create("once", client)
    assert (repeated.status, repeated.json["queue_position"]) == (200, None)
    assert client.started == [f"{repeated.json['id']}-1"]
    assert snapshots.asked == 1


def test_a_list_fails_at_the_first_and_does_not_ask_for_each(
    unreadable: tuple[Services, Unreadable],
) -> None:
    services, snapshots = unreadable
    for key in ("one", "two", "three"):
        create(key, Durable())
    wait_in_line(services)
    assert send("GET", "/videos").status == 503
    assert snapshots.asked == 1
