"""Starting and waking workers: what is lost is said, and nothing raises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from shared import names, workers
from shared.domain.request import VideoRequest
from shared.domain.video import Status
from shared.durable import Client
from shared.lifecycle.admit import Admitted, admit
from shared.lifecycle.services import Services

REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)


class Durable:
    """A durable client that notes what it is asked, or fails at all of it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._error = error

    async def start_new(self, name: str, instance: str, payload: Any) -> None:
        self._note(name, instance, payload)

    async def raise_event(self, instance: str, event: str, data: Any) -> None:
        self._note(instance, event, data)

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self._error is not None:
            raise self._error


@pytest.fixture
def admitted(services: Services) -> Admitted:
    return admit(services, "key:local", REQUEST)


def start(durable: Durable, admitted: Admitted) -> None:
    asyncio.run(workers.start_admitted(cast("Client", durable), admitted))


def test_an_admitted_video_gets_a_worker_and_one_that_has_ended_does_not(
    admitted: Admitted,
) -> None:
    durable = Durable()
    start(durable, admitted)
    assert durable.asked == [(names.GENERATE_VIDEO, admitted.instance, admitted.payload)]
    ended = replace(admitted, video=replace(admitted.video, status=Status.CANCELLED))
    start(durable, ended)
    assert len(durable.asked) == 1


def test_a_lost_start_is_said_but_for_a_repeat(
    admitted: Admitted, caplog: pytest.LogCaptureFixture
) -> None:
    said = Exception("Instance is already running.")  # as the SDK raises them
    start(Durable(said), replace(admitted, replayed=True))
    assert "start_lost" not in caplog.text
    start(Durable(said), admitted)
    assert f"start_lost instance={admitted.instance}" in caplog.text
    assert "Instance is already running." in caplog.text
    start(Durable(ConnectionError("http://127.0.0.1:17071/runtime?code=KEY")), admitted)
    assert "ConnectionError" in caplog.text
    assert "KEY" not in caplog.text


def test_every_hint_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    durable = Durable(Exception("No instance with this id."))
    caplog.set_level("INFO")
    hints = [{"instance": f"video_{number}-1", "event": "turn"} for number in range(2)]
    asyncio.run(workers.wake(cast("Client", durable), cast("Any", hints)))
    assert durable.asked == [("video_0-1", "turn", None), ("video_1-1", "turn", None)]
    assert "hint_lost instance=video_1-1" in caplog.text
