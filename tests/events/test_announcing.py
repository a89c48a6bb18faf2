"""What is told when, to whom, and what happens when they do not listen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from openai import OpenAI
from standardwebhooks import Webhook

from shared.delivery import webhooks
from shared.domain.announcement import Delivery, DeliveryState
from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.video import Status
from shared.lifecycle.background.deliver import deliver_due, deliver_soon, redeliver
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.requests.views import shown
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video
from tests.conftest import Simulator
from tests.events.conftest import SECRET, Told, tell
from tests.shared.lifecycle.background.test_sweep import die_after
from tests.shared.lifecycle.conftest import Order
from tests.support.driver import drive
from tests.support.dying import Dies, StopsAt
from tests.support.receivers import Receiver

DAY = 24 * 3600 / 100


def later(services: Services, seconds: float) -> Services:
    """The same services with a clock that is ahead."""
    return replace(services, clock=lambda: time.time() + seconds)


def deliveries(told: Told, video_id: str) -> dict[tuple[str, str], Delivery]:
    return {
        (each.delivery.announcement.name.value, each.delivery.target): each.delivery
        for each in told.services.outbox.of(video_id)
    }


def test_a_video_is_told_as_cloud_events_when_it_is_queued_and_when_it_ends(told: Told) -> None:
    job = told.finish()
    sent = told.topic.events()
    assert [event["type"] for event in sent] == [
        "DurableVideo.VideoQueued",
        "DurableVideo.VideoCompleted",
    ]
    for event in sent:
        parsed: CloudEvent[Any] = CloudEvent.from_dict(event)
        assert (parsed.subject, parsed.specversion) == (job.id, "1.0")
        assert parsed.source.endswith("/openai/v1/videos")
    queued, completed = (event["data"] for event in sent)
    assert (queued["status"], queued["stage"]) == ("queued", "accepted")
    assert completed == shown(job.video).as_dict()
    assert completed["outputs"][0]["url"].endswith(f"/videos/{job.id}/content")
    assert told.receiver.received == []  # the request names no webhook


def test_a_webhook_is_verified_by_openais_and_standard_webhooks_packages(told: Told) -> None:
    job = told.finish(webhook="mine")
    (request,) = told.receiver.received
    event: dict[str, Any] = Webhook(SECRET).verify(request.body, request.headers)
    assert event == {
        "id": request.headers["webhook-id"],
        "object": "event",
        "created_at": job.video.completed_at,
        "type": "video.completed",
        "data": {"id": job.id},
    }
    with OpenAI(api_key="none", webhook_secret=SECRET) as openai:
        unwrapped: Any = openai.webhooks.unwrap(request.body, request.headers)
    assert (unwrapped.type, unwrapped.data.id) == ("video.completed", job.id)
    other = "whsec_" + "b" * 40
    with pytest.raises(Exception, match="signature"):
        Webhook(other).verify(request.body, request.headers)


@pytest.mark.parametrize(
    ("prompt", "name", "kind"),
    [
        ("content-filter", "VideoFailed", "video.failed"),
        (None, "VideoCancelled", "video.cancelled"),
    ],
)
def test_other_endings_are_told_too(told: Told, prompt: str | None, name: str, kind: str) -> None:
    job = told.order(prompt=prompt or "a fox", webhook="mine")
    if prompt is None:
        cancel_video(told.services, job.video)
    job.drive()
    told.services.courier.wait()
    (event,) = told.events(name)
    assert event["data"]["status"] == job.video.status
    assert [request.json["type"] for request in told.receiver.received] == [kind]


def test_a_request_may_only_name_a_webhook_of_its_callers(
    services_with: Callable[..., Services],
    simulator: Simulator,
    receivers: Callable[..., Receiver],
) -> None:
    told = tell(services_with, simulator, receivers(), receivers())
    with pytest.raises(InvalidRequest, match="Yours: mine") as raised:
        told.order(webhook="https://attacker.example")
    assert raised.value.param == "webhook"
    others = '[{"name":"mine","url":"https://x.example/h","secret_setting":"S","callers":["b"]}]'
    callers = '{"local":{},"b":{}}'
    told = tell(
        services_with, simulator, receivers(), receivers(), WEBHOOKS=others, CALLERS=callers
    )
    with pytest.raises(InvalidRequest, match="There is none for you"):
        told.order(webhook="mine")
    assert told.topic.received == []


def test_nothing_is_written_where_nobody_listens(services: Services, simulator: Simulator) -> None:
    job = Order(services, simulator)()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert services.outbox.of(job.id) == []


@pytest.mark.real_storage
def test_a_receiver_that_was_down_gets_it_later_once(told: Told) -> None:
    told.receiver.answers = [500, 302, 404]
    told.receiver.headers = {"location": f"{told.topic.url}/elsewhere"}
    job = told.finish(webhook="mine")
    assert job.video.status is Status.COMPLETED
    key = ("VideoCompleted", "webhook-mine")
    waiting = deliveries(told, job.id)[key]
    assert (waiting.state, waiting.attempts, waiting.last_status) == ("pending", 1, 500)
    assert deliver_due(told.services) == 0  # its pause is not over
    for minutes in (1, 3, 30):
        deliver_due(later(told.services, minutes * 60 / 100))
    done = deliveries(told, job.id)[key]
    assert (done.state, done.attempts, done.last_status) == ("delivered", 4, 200)
    assert deliver_due(later(told.services, DAY)) == 0
    assert len({request.headers["webhook-id"] for request in told.receiver.received}) == 1
    for request in told.receiver.received:
        Webhook(SECRET).verify(request.body, request.headers)
    assert not any(request.path == "/elsewhere" for request in told.topic.received)


def test_every_attempt_is_signed_anew(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.receiver.answers = [503]
    job = told.finish(webhook="mine")
    (first,) = told.receiver.received
    until = int(first.headers["webhook-timestamp"]) + 1
    while time.time() < until:
        time.sleep(0.02)
    deliver_due(later(told.services, 2))
    first, second = told.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert job.video.status is Status.COMPLETED


def test_a_dead_topic_leaves_the_video_completed_and_the_delivery_visible(told: Told) -> None:
    told.topic.otherwise = 503
    job = told.finish()
    assert job.video.status is Status.COMPLETED
    assert job.work is None
    for name in ("VideoQueued", "VideoCompleted"):
        delivery = deliveries(told, job.id)[name, "topic"]
        assert (delivery.state, delivery.last_error) == ("pending", "answered 503")
    deliver_due(later(told.services, DAY + 1))
    states = {each.state for each in deliveries(told, job.id).values()}
    assert states == {DeliveryState.FAILED}
    told.topic.otherwise = 200
    assert deliver_due(later(told.services, 3 * DAY)) == 0  # given up


def test_a_topic_that_hangs_delays_no_ending(told: Told) -> None:
    """The attempt is made elsewhere: a full line is left to the sweep."""
    told.services.courier._line.maxsize = 1

    ended = threading.Event()

    def slow() -> bool:
        return ended.wait(60)

    for _ in range(3):
        told.services.courier.hand("other", slow)
    job = told.order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    ended.set()
    told.services.courier.wait()
    assert deliver_due(later(told.services, 60)) + len(told.topic.received) >= 2
    assert {each.state for each in deliveries(told, job.id).values()} == {"delivered"}


def test_a_receiver_that_is_gone_gets_nothing_until_it_is_asked_for_again(told: Told) -> None:
    told.receiver.answers = [410]
    first = told.finish(webhook="mine")
    key = ("VideoCompleted", "webhook-mine")
    assert deliveries(told, first.id)[key].state is DeliveryState.FAILED
    second = told.finish(webhook="mine")
    failed = deliveries(told, second.id)[key]
    assert (failed.state, failed.last_error) == ("failed", "disabled: it answered 410 before")
    assert len(told.receiver.received) == 1
    for delivery in redeliver(told.services, second.id, None):
        deliver_soon(told.services, delivery)
    told.services.courier.wait()
    assert deliveries(told, second.id)[key].state is DeliveryState.DELIVERED
    assert [request.json["data"]["id"] for request in told.receiver.received] == [
        first.id,
        second.id,
    ]


def test_redelivering_sends_the_same_event_again(told: Told) -> None:
    job = told.finish()
    (sent,) = told.events("VideoCompleted")
    delivery = deliveries(told, job.id)["VideoCompleted", "topic"]
    assert redeliver(told.services, job.id, None) == []  # everything has arrived
    for again in redeliver(told.services, job.id, delivery.id):
        deliver_soon(told.services, again)
    told.services.courier.wait()
    assert told.events("VideoCompleted") == [sent, sent]
    with pytest.raises(NotFound):
        redeliver(told.services, job.id, "evt_of_another")


def test_there_may_be_nothing_to_redeliver(services: Services, simulator: Simulator) -> None:
    job = Order(services, simulator)()
    assert redeliver(services, job.id, None) == []


@pytest.mark.real_storage
@pytest.mark.parametrize(
    ("part", "method", "after"),
    [
        ("videos", "replace", True),
        ("outbox", "put", False),
        ("outbox", "put", True),
        ("work", "delete", False),
    ],
)
def test_an_ending_that_was_cut_off_is_announced_once(
    told: Told, part: str, method: str, after: bool
) -> None:
    services = told.services
    job = told.order()
    services.courier.wait()
    die_after(job, 6)
    dying: Any = {part: Dies(getattr(services, part), method, after=after)}
    with pytest.raises(StopsAt):
        finish_video.finish_video(replace(services, **dying), job.id, 1)
    (restart,) = sweep(later(services, 60))
    assert drive(services, restart.payload)[0] == "done"
    services.courier.wait()
    deliver_due(later(services, 120))
    assert job.video.status is Status.COMPLETED
    assert len(told.events("VideoCompleted")) == 1
    assert job.work is None


@pytest.mark.real_storage
@pytest.mark.parametrize("after", [False, True])
def test_an_admission_that_was_cut_off_is_announced_once(told: Told, after: bool) -> None:
    """By the announcement itself: it was not written, or it was and no worker was started."""
    services = told.services
    dying: Any = {"outbox": Dies(services.outbox, "put", after=after)}
    with pytest.raises(StopsAt):
        Order(replace(services, **dying), told.order._simulator)()
    (restart,) = sweep(later(services, 60))
    assert drive(services, restart.payload)[0] == "done"
    services.courier.wait()
    deliver_due(later(services, 120))
    assert len(told.events("VideoQueued")) == len(told.events("VideoCompleted")) == 1


@pytest.mark.real_storage
def test_a_deleted_video_leaves_nothing_in_the_outbox(told: Told) -> None:
    told.receiver.otherwise = 503
    job = told.finish(webhook="mine")
    stored = told.services.videos.get("key:local", job.id)
    assert stored is not None
    delete_video(told.services, stored.video)
    (left,) = deliveries(told, job.id).values()
    assert (left.target, left.state) == ("webhook-mine", "pending")
    told.receiver.otherwise = 200
    deliver_due(later(told.services, DAY / 2))
    assert told.receiver.received[-1].json["data"]["id"] == job.id
    assert deliveries(told, job.id) == {}


@pytest.mark.real_storage
def test_a_video_that_is_deleted_during_an_attempt_is_told_once(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt notes its outcome although the row was marked meanwhile."""
    told.receiver.otherwise = 503
    job = told.finish(webhook="mine")
    told.receiver.otherwise = 200
    stored = told.services.videos.get("key:local", job.id)
    assert stored is not None

    video = stored.video

    send = webhooks.send

    def deleting(webhook: Any, announcement: Any) -> int:
        delete_video(told.services, video)
        return send(webhook, announcement)

    monkeypatch.setattr(webhooks, "send", deleting)
    assert deliver_due(later(told.services, 60)) == 1
    assert deliveries(told, job.id) == {}
    assert [request.json["data"]["id"] for request in told.receiver.received] == [job.id] * 2


def test_one_delivery_that_breaks_holds_up_no_other(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.topic.otherwise = told.receiver.otherwise = 503
    job = told.finish(webhook="mine")
    told.topic.otherwise = told.receiver.otherwise = 200

    def broken(webhook: Any, announcement: Any) -> int:
        raise UnicodeError("nobody thought of this")

    monkeypatch.setattr(webhooks, "send", broken)
    assert deliver_due(later(told.services, 60)) == 2
    states = {target: each.state for (_, target), each in deliveries(told, job.id).items()}
    assert states == {"topic": "delivered", "webhook-mine": "pending"}
