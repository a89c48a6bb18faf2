"""Copying what the upstream rendered: nothing spoiled is kept, and nothing is given up too soon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared import names
from shared.lifecycle.collect import Spoiled, receive
from shared.lifecycle.services import Services
from shared.lifecycle.steps import before_deadline
from shared.storage.layout import output_blob
from shared.upstream.protocol import Content
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Order
from tests.support.movies import movie


def content_fault(times: int, **action: Any) -> dict[str, Any]:
    return {"operation": "content", "times": times, "action": action}


@pytest.mark.parametrize(
    "action",
    [
        {"type": "corrupted", "where": "index"},
        {"type": "truncated", "share": 0.5, "how": "length"},
        {"type": "truncated", "share": 0.5, "how": "connection"},
        {"type": "wrong_length", "difference": 100},
        {"type": "status", "status": 404},
        {"type": "status", "status": 503},
    ],
)
def test_what_fails_once_is_fetched_again(
    order: Order, simulator: Simulator, action: dict[str, Any]
) -> None:
    simulator.script(content_fault(1, **action))
    job = order()
    assert job.drive().count(names.COLLECT_OUTPUT) == 2
    (output,) = job.video.outputs
    assert output.sha256 == job.upstream_jobs()[0]["outputs"][0]["files"]["video"]["sha256"]


def test_what_is_spoiled_five_times_is_the_end(
    services: Services, order: Order, simulator: Simulator
) -> None:
    simulator.script(content_fault(99, type="corrupted", where="index"))
    job = order()
    assert job.drive().count(names.COLLECT_OUTPUT) == 5
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.charged) == ("bad_output", True)
    assert services.outputs.find(output_blob(job.id, 0)) is None
    assert job.booked.settled == 400_000
    assert job.work is None


@pytest.mark.parametrize("difference", [-1, 1])
def test_the_announced_length_is_compared(services: Services, difference: int) -> None:
    data = movie(480, 480, 12)
    content = Content(len(data) + difference, "video/mp4", iter([data]))
    with pytest.raises(Spoiled, match=f"{len(data):,} bytes arrived"):
        receive(services.outputs.writer("v/0"), content, lambda: None)


def test_a_pause_ends_with_the_deadline_of_its_job(order: Order) -> None:
    work = order().work
    assert work is not None
    assert before_deadline(work, 90.0, 30.0) == 30.0
    work = replace(work, job_deadline=100.0)
    assert before_deadline(work, 10.0, 30.0) == 30.0
    assert before_deadline(work, 90.0, 30.0) == pytest.approx(10.1)
    assert before_deadline(work, 500.0, 30.0) == pytest.approx(0.1)
    assert before_deadline(replace(work, ended=True), 90.0, 30.0) == 30.0
