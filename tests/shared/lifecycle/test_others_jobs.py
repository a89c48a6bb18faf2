"""Nobody gets another's clip and no lane is held for long: other videos, workers that die, and
deployments that share a server."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from shared.domain.video import Status
from shared.lifecycle import line, slots
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import follow_job, submit_job, take_turn
from shared.storage import jobs as rows
from shared.storage.rows import as_key
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.shared.lifecycle.test_living_servers import lost, until_ended
from tests.support.fake_upstream import FakeUpstream, serving
from tests.support.movies import movie

Patch = pytest.MonkeyPatch
TWO_PAUSES = 4.0
"""Longer than a closed lane pauses, at the time scale of the tests."""


class DiedError(Exception):
    """A worker ends here."""


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with serving(movie(frames=48)) as running:
        yield running


Begin = Callable[..., Order]


@pytest.fixture
def begin(
    services_with: Callable[..., Services], simulator: Simulator, upstream: FakeUpstream
) -> Begin:
    """Services with deployments of the given names, all at the fake upstream."""

    def entry(name: str, **changes: Any) -> dict[str, Any]:
        return {
            "name": name,
            "endpoint": upstream.url,
            "path_prefix": "/v1",
            "deployment": name,
            "model": name,
            "auth": {"type": "none"},
            "prices": {"version": "v", "usd_per_second": "0.05"},
            "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
            **changes,
        }

    def make(*names: str, **changes: Any) -> Order:
        entries = [entry(name, **changes) for name in names]
        return Order(services_with(UPSTREAMS=json.dumps(entries)), simulator)

    return make


def wan(order: Order, model: str = "wan") -> Job:
    return order(model, width=1280, height=720)


def submitting(services: Services) -> list[str]:
    return list(line.deployments(services)[0].state.submitting)


def send(job: Job) -> None:
    take_turn.take_turn(job.services, job.id, 1, "h")
    submit_job.submit_job(job.services, job.id, 1)


def dies(*_: Any, **__: Any) -> Any:
    raise DiedError


def test_a_cancelled_video_holds_no_lane_because_of_a_list_that_cannot_be_read(
    begin: Begin, upstream: FakeUpstream
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (500, {"error": "database is locked"})
    job = wan(begin("wan"))
    send(job)
    cancel_video(job.services, job.video)
    for _ in range(100):
        follow_job.follow_job(job.services, job.id, 1)
        if not submitting(job.services):
            return
        time.sleep(0.05)
    raise AssertionError("the lane is held")


def test_a_cancelled_video_whose_worker_died_takes_no_later_job(
    begin: Begin, upstream: FakeUpstream, monkeypatch: Patch
) -> None:
    order = begin("wan", profile="litellm")  # whose list proves nothing: the lane is opened
    cancelled, other = wan(order), wan(order)
    services = cancelled.services

    def creating(job: dict[str, Any]) -> Any:
        cancel_video(services, cancelled.video)
        upstream.unmade(job)

    upstream.creating = creating
    with monkeypatch.context() as patched:
        patched.setattr(submit_job, "_not_submitted", dies)
        with pytest.raises(DiedError):
            send(cancelled)
    upstream.listing = lambda jobs: (200, {"data": [{**job, "prompt": None} for job in jobs]})
    follow_job.follow_job(services, cancelled.id, 1)
    assert submitting(services) == []
    time.sleep(TWO_PAUSES)

    def seen_by_the_other(job: dict[str, Any]) -> Any:
        follow_job.follow_job(services, cancelled.id, 1)
        return 200, job

    upstream.creating = seen_by_the_other
    other.drive()
    assert other.video.status is Status.COMPLETED
    assert len(upstream.sent) == 2
    assert cancelled.work is None or cancelled.work.job is None


@pytest.mark.parametrize("freed", [False, True])
def test_who_dies_on_the_way_to_a_second_turn_does_not_send_beside_another(
    begin: Begin, upstream: FakeUpstream, monkeypatch: Patch, freed: bool
) -> None:
    upstream.creating = upstream.unmade
    order = begin("wan")
    first, second = wan(order), wan(order)
    services, hand_over = first.services, slots.hand_over
    upstream.listing = lambda jobs: (500, {})
    send(first)
    while submitting(services):
        submit_job.submit_job(services, first.id, 1)
        time.sleep(0.02)
    upstream.listing = lambda jobs: (200, {"data": jobs})

    def handing_over(*arguments: Any) -> Any:
        if freed:
            hand_over(*arguments)
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr(slots, "hand_over", handing_over)
        with suppress(DiedError):
            while True:
                submit_job.submit_job(services, first.id, 1)
                time.sleep(0.02)
    time.sleep(TWO_PAUSES)
    while take_turn.take_turn(services, second.id, 1, "h").result["outcome"] != "granted":
        time.sleep(0.02)
    submit_job.submit_job(services, first.id, 1)
    assert take_turn.take_turn(services, first.id, 1, "h").result["outcome"] != "granted"
    assert submitting(services) == [second.id]
    upstream.creating = lambda job: (200, job)
    second.drive()
    first.drive()
    assert (first.video.status, second.video.status) == (Status.COMPLETED, Status.COMPLETED)
    assert len(upstream.jobs) == 2


def test_a_job_of_another_deployment_of_the_same_gateway_is_its_own(
    begin: Begin, upstream: FakeUpstream
) -> None:
    """A gateway lists the jobs of all its models, under names of its providers."""
    order = begin("wan", "veo", profile="litellm")
    veo = wan(order, "veo")
    veo.drive()
    upstream.creating = upstream.unmade
    job = wan(order)
    until_ended(job)
    assert job.video.status is Status.FAILED
    assert veo.video.status is Status.COMPLETED


def test_a_job_that_another_deployment_is_about_to_get_is_left_to_it(
    begin: Begin, upstream: FakeUpstream
) -> None:
    order = begin("wan", "veo", profile="litellm")
    job, veo = wan(order), wan(order, "veo")

    def creating(made: dict[str, Any]) -> Any:
        if len(upstream.sent) == 1:
            upstream.unmade(made)
        submit_job.submit_job(job.services, job.id, 1)  # looks while the other's answer is coming
        return 200, made

    upstream.creating = creating
    send(job)
    veo.drive()
    assert veo.video.status is Status.COMPLETED
    assert len(upstream.sent) == 2
    assert job.work is not None
    assert job.work.job is None


def test_a_list_that_was_read_before_is_not_given_up_for_one_answer(
    begin: Begin, upstream: FakeUpstream
) -> None:
    looks: list[int] = []

    def listing(jobs: list[dict[str, Any]]) -> Any:
        looks.append(len(looks))
        return (404, {"detail": "Not Found"}) if len(looks) == 2 else (200, {"data": jobs})

    def creating(job: dict[str, Any]) -> Any:
        if len(upstream.sent) == 1:
            upstream.unmade(job)
        return 200, job

    upstream.creating, upstream.listing = creating, listing
    job = wan(begin("wan"))
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(looks) == 3


def test_a_job_that_an_earlier_release_has_bound_stays_bound(begin: Begin) -> None:
    """It took the whole id for the key."""
    jobs = wan(begin("wan")).services.jobs
    packed = "litellm:custom_llm_provider:openai;model_id:m;video_id:video_6b0c;deployment_id:5d41"
    job_id = "video_" + b64encode(packed.encode()).decode()
    job = rows.Job(
        deployment="wan",
        job_id=job_id,
        video_id="video_1",
        caller="c",
        created_at=1.0,
        expires_at=2.0,
    )
    jobs._table.insert("wan", as_key(job_id), rows._columns(job))
    assert jobs.get("wan", job_id) == job
    assert not jobs.free_for("video_2", "wan", job_id)
    jobs.close("wan", job_id)
    assert jobs.bound_to("wan", "video_1") is None
