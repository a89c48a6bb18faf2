"""Starting and waking workers: what is lost is said, and nothing raises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from shared.domain.request import VideoRequest
from shared.domain.video import Status
from shared.durable import names, workers
from shared.durable.sdk import Client
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.services import Services

REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)


class Durable:
    """A durable client that notes what it is asked, or fails at all of it."""

    def __init__(
        self, error: Exception | None = None, *, unreadable: Exception | None = None
    ) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.instances: dict[str, Any] = {}
        """Instance id -> what the host says of it."""
        self.listed: dict[str, Any] = {}
        """The same where the host lists, if that differs."""
        self._error = error
        self._unreadable = unreadable

    def has(self, instance: str, status: str) -> None:
        self.instances[instance] = {
            "instanceId": instance,
            "runtimeStatus": status,
            "createdTime": "2026-11-28T00:00:00Z",
            "lastUpdatedTime": "2026-11-28T00:00:00Z",
        }

    async def start_new(self, name: str, instance: str, payload: Any) -> None:
        self._note(name, instance, payload)

    async def raise_event(self, instance: str, event: str, data: Any) -> None:
        self._note(instance, event, data)

    async def get_status(self, instance: str) -> Any:
        if self._unreadable is not None:
            raise self._unreadable
        # what the SDK makes of an answer's body; an unknown instance's 404 is empty
        return DurableOrchestrationStatus.from_json(self.instances.get(instance, ""))

    async def get_status_by(self, _from: None, _to: None, _statuses: None, prefix: str) -> Any:
        return [
            DurableOrchestrationStatus.from_json(known)
            for instance, known in (self.listed or self.instances).items()
            if instance.startswith(prefix)
        ]

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


def test_a_lost_start_is_said_unless_the_worker_runs(
    admitted: Admitted, caplog: pytest.LogCaptureFixture
) -> None:
    # as the SDK raises them
    said = Exception("{'Message': 'An Orchestration instance ... Running already exists.'}")
    running = Durable(said)
    running.has(admitted.instance, "Running")
    for replayed in (False, True):
        start(running, replace(admitted, replayed=replayed))
    assert "start_lost" not in caplog.text
    start(Durable(Exception("no room")), replace(admitted, replayed=True))
    assert f"start_lost instance={admitted.instance}" in caplog.text
    assert "no room" in caplog.text
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


def test_workers_that_are_gone_are_told_from_those_that_live(
    caplog: pytest.LogCaptureFixture,
) -> None:
    durable = Durable()
    alive = ("Running", "Pending", "Suspended", "ContinuedAsNew")
    ended = ("Completed", "Failed", "Terminated", "Canceled")
    for status in alive + ended:
        durable.has(status, status)
    asked = [*alive, *ended, "missing"]
    found = asyncio.run(workers.gone(cast("Client", durable), asked))
    assert found == {**dict.fromkeys(ended, "ended"), "missing": "missing"}
    assert "worker_unknown" not in caplog.text


def test_an_engine_that_fails_is_no_sign_that_a_worker_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Durable(unreadable=ConnectionError("http://127.0.0.1/?code=KEY"))
    assert asyncio.run(workers.gone(cast("Client", failing), ["video_1-1"])) == {}
    assert "worker_unknown instance=video_1-1 message=ConnectionError" in caplog.text
    broken = Durable()
    broken.instances["video_1-1"] = {"Message": "Something went wrong"}  # the body of a 500
    assert asyncio.run(workers.gone(cast("Client", broken), ["video_1-1"])) == {}


@pytest.fixture
def app(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(workers, "services", lambda: services)
    return services


def test_a_hint_that_finds_no_worker_starts_another(app: Services, admitted: Admitted) -> None:
    video_id = admitted.video.id
    hint = {"instance": admitted.instance, "event": "turn-0-1"}
    alive = Durable(Exception("not now"))
    alive.has(admitted.instance, "Running")
    asyncio.run(workers.wake(cast("Client", alive), cast("Any", [hint])))
    assert len(alive.asked) == 1  # the hint, and no start

    class Gone(Durable):
        async def raise_event(self, instance: str, event: str, data: Any) -> None:
            raise Exception(f"Instance with ID {instance} is gone: either completed or failed")

    failed = Gone()
    failed.has(admitted.instance, "Failed")
    for _ in range(2):  # the second time it is of an older epoch
        asyncio.run(workers.wake(cast("Client", failed), cast("Any", [hint])))
    payload = {**admitted.payload, "epoch": 2}
    assert failed.asked == [(names.GENERATE_VIDEO, f"{video_id}-2", payload)]


def test_an_empty_answer_is_no_sign_that_a_worker_is_gone() -> None:
    """The client reads any answer without a body like an unknown instance's."""
    durable, other = Durable(), Durable()
    other.has("video_a-1", "Running")
    durable.listed = other.instances
    assert asyncio.run(workers.gone(cast("Client", durable), ["video_a-1"])) == {}


def test_an_engine_that_hangs_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging(Durable):
        async def get_status(self, instance: str) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr(workers, "_ALL_ANSWER_WITHIN", 0.2)
    many = [f"video_{number}-1" for number in range(50)]
    assert asyncio.run(workers.gone(cast("Client", Hanging()), many)) == {}
    assert "worker_unknown instance=video_49-1" in caplog.text
