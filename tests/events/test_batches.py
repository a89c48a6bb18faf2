"""How the end of a batch is told: once to the topic, once to the webhook that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from openai import OpenAI

from shared.lifecycle.background.deliver import deliver_due
from shared.lifecycle.batches import views
from shared.lifecycle.requests import batches
from tests.events.conftest import SECRET, Told
from tests.shared.lifecycle.batches.conftest import PRICE, World, jsonl, line
from tests.support.dying import Dies, StopsAt

FILM = jsonl(line(1), line(2))


@pytest.fixture
def world(told: Told) -> World:
    """Its worker, with those who are told."""
    return World(told.services)


def ends(world: World) -> None:
    world.finish()
    world.services.courier.wait()


def kinds(told: Told) -> tuple[list[str], list[str]]:
    """What the topic and the webhook got about batches."""
    events = [event["type"] for event in told.topic.events() if "Batch" in event["type"]]
    return events, [request.json["type"] for request in told.receiver.received]


ONCE = (["DurableVideo.BatchCompleted"], ["batch.completed"])


def test_the_end_is_a_cloud_event_and_a_webhook_in_openais_form(told: Told, world: World) -> None:
    batch = world.create(FILM, webhook="mine", metadata={"film": "one"})
    ends(world)
    assert kinds(told) == ONCE
    (event,) = told.events("BatchCompleted")
    parsed: CloudEvent[Any] = CloudEvent.from_dict(event)
    assert (parsed.subject, parsed.specversion) == (batch.id, "1.0")
    assert parsed.source.endswith("/openai/v1/batches")
    data = views.shown(world.batch, world.now).as_dict()
    assert event["data"] == data
    assert (data["request_counts"]["completed"], data["metadata"]) == (2, {"film": "one"})
    assert data["output_file_id"] is not None
    (request,) = told.receiver.received
    with OpenAI(api_key="none", webhook_secret=SECRET) as openai:
        unwrapped: Any = openai.webhooks.unwrap(request.body, request.headers)
    assert (unwrapped.type, unwrapped.data.id) == ("batch.completed", batch.id)
    assert request.json["created_at"] == world.batch.ended_at


def cancelled(world: World) -> None:
    world.turn()
    batches.cancel(world.services, world.batch)


def expired(world: World) -> None:
    world.turn()
    world.now += 30 * 24 * 3600


@pytest.mark.parametrize(
    ("film", "asked", "meanwhile", "name", "kind"),
    [
        (jsonl({"custom_id": "x"}), {}, None, "BatchFailed", "batch.failed"),
        (FILM, {}, cancelled, "BatchCancelled", "batch.cancelled"),
        (FILM, {}, expired, "BatchExpired", "batch.expired"),
        (FILM, {"budget": PRICE}, None, "BatchCompleted", "batch.completed"),
        (FILM, {"dry_run": True}, None, "BatchCompleted", "batch.completed"),
    ],
)
def test_every_ending_has_its_name(
    told: Told,
    world: World,
    film: bytes,
    asked: dict[str, Any],
    meanwhile: Callable[[World], None] | None,
    name: str,
    kind: str,
) -> None:
    world.create(film, webhook="mine", **asked)
    if meanwhile is not None:
        meanwhile(world)
    ends(world)
    assert kinds(told) == ([f"DurableVideo.{name}"], [kind])


def test_a_batch_that_names_no_webhook_is_told_to_the_topic_only(told: Told, world: World) -> None:
    world.create(FILM)
    ends(world)
    assert kinds(told) == (ONCE[0], [])


def test_its_videos_are_told_as_all_videos_are(told: Told, world: World) -> None:
    """And what is known of their deliveries is theirs alone."""
    batch = world.create(jsonl(line(1, webhook="mine")))
    world.turn()
    (video,) = world.running()
    world.services.courier.wait()
    (queued,) = told.events("VideoQueued")
    assert queued["subject"] == video.id
    ends(world)
    (of_video,) = world.services.outbox.of(video.id)
    (of_batch,) = world.services.outbox.of(batch.id)
    subjects = [each.delivery.announcement.subject for each in (of_video, of_batch)]
    assert subjects == [video.id, batch.id]


def test_a_repeated_last_step_tells_nothing_again(told: Told, world: World) -> None:
    world.create(FILM, webhook="mine")
    ends(world)
    world.services.batches.touch(world.batch_id, 0.0)  # as if it had died before its last write
    for _ in range(2):
        assert world.advance().result["outcome"] == "done"
    world.restart()
    assert world.advance().result["outcome"] == "done"
    world.services.courier.wait()
    world.now += 3600
    deliver_due(world.services)
    assert kinds(told) == ONCE


@pytest.mark.real_storage
@pytest.mark.parametrize(
    ("part", "method", "after"),
    [
        ("outbox", "put", False),
        ("outbox", "put", True),
        ("batches", "close", False),
        ("batches", "close", True),
    ],
)
def test_an_ending_that_was_cut_off_is_told_once(
    told: Told, world: World, part: str, method: str, after: bool
) -> None:
    world.create(FILM, webhook="mine", dry_run=True)
    dying: Any = {part: Dies(getattr(world.services, part), method, after=after)}
    alive, world.services = world.services, replace(world.services, **dying)
    with pytest.raises(StopsAt):
        world.finish()
    world.services = alive
    world.restart()
    if world.epoch > 1:  # the sweep found it: nobody else would go on
        assert world.advance().result["outcome"] == "done"
    world.services.courier.wait()
    world.now += 3600
    deliver_due(world.services)
    assert kinds(told) == ONCE
    assert world.services.batches.silent(world.now, limit=9) == []


def test_who_does_not_listen_is_told_later(told: Told, world: World) -> None:
    told.topic.otherwise = told.receiver.otherwise = 503
    world.create(FILM, webhook="mine", dry_run=True)
    ends(world)
    told.topic.otherwise = told.receiver.otherwise = 200
    world.now += 3600
    assert deliver_due(world.services) == 2
    assert deliver_due(world.services) == 0
    assert set(kinds(told)[0]) == set(ONCE[0])
    ids = {request.headers["webhook-id"] for request in told.receiver.received}
    assert len(ids) == 1
    states = {each.delivery.state for each in world.services.outbox.of(world.batch_id)}
    assert states == {"delivered"}
