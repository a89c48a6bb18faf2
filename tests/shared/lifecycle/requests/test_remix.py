"""A remix: a new job from the upstream's own job, on the deployment that has it, or a clear no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import Conflict, InvalidRequest
from shared.domain.request import VideoRequest
from shared.domain.video import Status
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.remix import remix_video
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.shared.lifecycle.requests.test_cancel import to_submitted


def remix(job: Job, prompt: str = "now at night", key: str | None = None) -> Admitted:
    def changed(source: VideoRequest) -> VideoRequest:
        return replace(source, prompt=prompt)

    return remix_video(job.services, job.video, changed, Repeatable("remix", key))


def test_a_remix_is_a_new_video_from_the_upstreams_job(order: Order, simulator: Simulator) -> None:
    job = order()
    job.drive()
    made = Job(job.services, simulator, remix(job))
    made.drive()
    assert made.video.status is Status.COMPLETED, made.video.error
    assert made.video.request.remix is not None
    assert made.video.request.remix.video_id == job.id
    assert made.video.outputs[0].sha256 != job.video.outputs[0].sha256
    source, (upstream,) = job.upstream_jobs()[0], made.upstream_jobs()
    assert upstream["remixed_from"] == source["id"]


def test_only_a_completed_video_can_be_remixed(order: Order) -> None:
    waiting, rendering, cancelled = order(), order(), order()
    to_submitted(rendering)
    to_submitted(cancelled)
    cancel_video(cancelled.services, cancelled.video)
    for job in (waiting, rendering, cancelled):
        with pytest.raises(InvalidRequest, match=f"is {job.video.status}; only a completed one"):
            remix(job)


def test_a_dialect_without_remix_says_so(order: Order) -> None:
    job = order("sora")
    job.drive()
    with pytest.raises(InvalidRequest, match="has no such operation") as raised:
        remix(job)
    assert raised.value.code == "unsupported_operation"


def test_when_the_upstreams_job_is_gone_nothing_is_submitted(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = order()
    job.drive()
    later = job.services.clock() + 86_400 / 100 + 5
    late = replace(job.services, clock=lambda: later)
    with pytest.raises(InvalidRequest, match="24 hours"):
        remix(replace(job, services=late))


def test_a_job_that_vanished_early_fails_the_remix_and_not_the_deployment(
    order: Order, simulator: Simulator
) -> None:
    """A 404 on a remix is about the job; the deployment goes on rendering for everybody."""
    job = order()
    job.drive()
    (upstream,) = job.upstream_jobs()
    client = job.services.client("sora-2")
    assert client is not None
    client.delete(upstream["id"], trace="test")
    made = Job(job.services, simulator, remix(job))
    made.drive()
    assert made.video.error is not None
    assert (made.video.error.code, made.video.error.charged) == ("refused", False)
    other = order(prompt="another fox")
    other.drive()
    assert other.video.status is Status.COMPLETED


def test_a_key_makes_one_remix(order: Order) -> None:
    job = order()
    job.drive()
    first: Any = remix(job, key="k")
    assert remix(job, key="k").video.id == first.video.id
    with pytest.raises(Conflict):
        remix(job, "something else", key="k")
