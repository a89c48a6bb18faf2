"""Copying what the upstream rendered: nothing spoiled is kept, and nothing is given up too soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.ledger import Kind
from shared.domain.video import Status
from shared.domain.work import Attempt
from shared.durable import names
from shared.lifecycle.requests.views import shown
from shared.lifecycle.services import Services
from shared.lifecycle.steps import collect_output, follow_job, submit_job, take_turn
from shared.lifecycle.steps.collect_output import Spoiled, receive
from shared.lifecycle.steps.step import before_deadline
from shared.storage.names import manifest_blob, output_blob
from shared.upstream.protocol import Content, JobGone, Throttled
from shared.upstream.sora2 import Sora2
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Order
from tests.support.movies import movie, timeless
from tests.support.states import RUNNING


def content_fault(times: int, **action: Any) -> dict[str, Any]:
    return {"operation": "content", "times": times, "action": action}


@pytest.mark.real_storage
@pytest.mark.parametrize(
    "action",
    [
        {"type": "corrupted", "where": "index"},
        {"type": "truncated", "share": 0.5, "how": "length"},
        {"type": "truncated", "share": 0.5, "how": "connection"},
        {"type": "wrong_length", "difference": 100},
        {"type": "status", "status": 404, "times": 2},  # with `variant`, and without
        {"type": "status", "status": 503},
    ],
)
def test_what_fails_once_is_fetched_again(
    order: Order, simulator: Simulator, action: dict[str, Any]
) -> None:
    simulator.script(content_fault(**{"times": 1, **action}))
    job = order()
    assert job.drive().count(names.COLLECT_OUTPUT) == 2
    (output,) = job.video.outputs
    assert output.sha256 == job.upstream_jobs()[0]["outputs"][0]["files"]["video"]["sha256"]


@pytest.mark.parametrize("operation", ["status", "open"])
def test_a_worker_that_is_told_to_wait_for_a_day_looks_before_it_counts_as_dead(
    order: Order, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """A 429 may name the end of a quota's day. By then the deadline has passed; and the sweep,
    which hears nothing for three minutes, would start one worker after another."""

    def later(*_: Any, **__: Any) -> None:
        raise Throttled("later", retry_after=86_400.0)

    job = order()
    services = job.services
    take_turn.take_turn(services, job.id, 1, "h")
    submit_job.submit_job(services, job.id, 1)
    if operation == "open":
        while follow_job.follow_job(services, job.id, 1).result["outcome"] != "rendered":
            time.sleep(0.02)
    monkeypatch.setattr(Sora2, operation, later)
    done = (
        follow_job.follow_job(services, job.id, 1)
        if operation == "status"
        else collect_output.collect_output(services, job.id, 1, 0)
    )
    assert 0 < done.result["wait"] <= services.settings.durations.of(180)


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


@pytest.fixture
def delivers(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Let the upstream deliver another file, and no pictures."""

    def deliver(data: bytes) -> None:
        @contextmanager
        def opened(*_: Any, variant: str = "video", **__: Any) -> Iterator[Content]:
            if variant != "video":
                raise JobGone("it has none")
            yield Content(len(data), "video/mp4", iter([data]))

        monkeypatch.setattr(Sora2, "open", opened)

    return deliver


@pytest.mark.parametrize(("said", "most"), [("video/mp4", 0), ("application/octet-stream", 1)])
def test_of_a_picture_that_is_the_video_again_no_more_is_read_than_tells_so(
    order: Order, monkeypatch: pytest.MonkeyPatch, said: str, most: int
) -> None:
    """Where `variant` is ignored, the whole MP4 would be fetched three times."""
    data = movie(720, 1280, 48, 12)
    read: list[str] = []

    def pieces(variant: str) -> Iterator[bytes]:
        for at in range(0, len(data), 1024):
            read.append(variant)
            yield data[at : at + 1024]

    @contextmanager
    def opened(*_: Any, variant: str = "video", **__: Any) -> Iterator[Content]:
        kind = "video/mp4" if variant == "video" else said
        yield Content(len(data), kind, pieces(variant))

    monkeypatch.setattr(Sora2, "open", opened)
    job = order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(data) > 3 * 1024
    assert [read.count(variant) for variant in ("thumbnail", "spritesheet")] == [most, most]


def test_a_fragmented_file_is_whole(order: Order, delivers: Callable[[bytes], None]) -> None:
    """It has no duration where most files have theirs; every browser plays it."""
    delivers(movie(720, 1280, 48, 12, flags="frag_keyframe+empty_moov+default_base_moof"))
    job = order()
    assert job.drive().count(names.COLLECT_OUTPUT) == 1
    (output,) = job.video.outputs
    assert (output.width, output.height, output.seconds) == (720, 1280, 4.0)
    assert (job.booked.settled, job.video.cost.basis) == (400_000, "delivered_seconds")


def test_a_file_that_does_not_tell_its_length_is_whole(
    order: Order, delivers: Callable[[bytes], None]
) -> None:
    """What was asked for is booked then, and no length is made up."""
    delivers(timeless(movie(720, 1280, 48, 12)))
    job = order()
    job.drive()
    (output,) = job.video.outputs
    assert job.video.status is Status.COMPLETED
    assert (output.width, output.height, output.seconds) == (720, 1280, None)
    assert (job.booked.settled, job.video.cost.basis) == (400_000, "requested_seconds")
    (entry,) = (each for each in job.entries if each.kind is Kind.SETTLE)
    assert entry.seconds == 4
    assert shown(job.video).outputs[0].seconds is None
    manifest = job.services.outputs.get_json(manifest_blob(job.id))
    assert manifest is not None
    assert manifest["outputs"][0]["seconds"] is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (movie(suffix=".mkv", faststart=False), "a Matroska video (MKV), not an MP4"),
        (b"<!doctype html><title>502</title>", "a web page, not an MP4"),
        (movie().replace(b"ftyp", b"wide"), "a QuickTime movie (MOV), not an MP4"),
        (movie(flags="frag_every_frame+empty_moov")[:-200], "cut off"),
        (b"no video today", "instead of ftyp"),
    ],
)
def test_what_is_no_whole_mp4_is_still_none(
    order: Order, delivers: Callable[[bytes], None], data: bytes, says: str
) -> None:
    delivers(data)
    job = order()
    job.drive()
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.charged) == ("bad_output", True)
    assert says in job.video.error.message


def test_a_pause_ends_with_the_deadline_of_its_job(order: Order) -> None:
    work = order().work
    assert work is not None
    assert before_deadline(work, 90.0, 30.0) == 30.0
    job = replace(RUNNING, deadline=100.0)
    work = replace(work, attempt=Attempt(deployment="sora-2", job=job))
    assert before_deadline(work, 10.0, 30.0) == 30.0
    assert before_deadline(work, 90.0, 30.0) == pytest.approx(10.1)
    assert before_deadline(work, 500.0, 30.0) == pytest.approx(0.1)
    assert before_deadline(replace(work, ended=True), 90.0, 30.0) == 30.0
