"""Cancelling and deleting: what it costs, what is left behind, and what happens to the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.domain.errors import Conflict
from shared.domain.ledger import Amounts
from shared.domain.video import CostState, Stage, Status
from shared.domain.work import Work
from shared.lifecycle import line
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import (
    collect_output,
    finish_video,
    follow_job,
    submit_job,
    take_turn,
)
from shared.storage.names import video_folder
from shared.storage.rows import RowChanged
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import CALLER, Job, Order


def to_submitted(job: Job) -> None:
    take_turn.take_turn(job.services, job.id, 1, "turn")
    assert submit_job.submit_job(job.services, job.id, 1).result["outcome"] == "submitted"


def slot_holders(services: Services) -> list[str]:
    return [video for found in line.deployments(services) for video in found.state.running]


def blobs(services: Services, video_id: str) -> list[str]:
    return [
        name
        for container in ("videos", "inputs")
        for name in services.account.container(container).list_blob_names(
            name_starts_with=video_folder(video_id)
        )
    ]


def test_before_its_submission_nothing_is_charged(order: Order, simulator: Simulator) -> None:
    job = order()
    cancelled = cancel_video(job.services, job.video).video
    assert (cancelled.status, cancelled.stage) == (Status.CANCELLED, None)
    assert (cancelled.cost.state, cancelled.cost.actual) == (CostState.RELEASED, 0)
    assert job.booked == Amounts()
    assert job.work is None
    assert job.drive() == ["take_turn"]  # the worker finds nothing left to do
    assert simulator.journal()["jobs"] == []


@pytest.mark.parametrize("end", [cancel_video, delete_video])
def test_a_new_worker_at_the_same_moment_keeps_nobody_from_cancelling(
    order: Order, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]
) -> None:
    job = order()
    work = job.services.work
    read, reads = work.get, count()

    def beside(video_id: str) -> Work | None:
        """The sweep takes the video over just after the cancellation has read its row."""
        found = read(video_id)
        if found is not None and next(reads) == 0:
            work.replace(replace(found, epoch=found.epoch + 1))
        return found

    monkeypatch.setattr(work, "get", beside)
    end(job.services, job.video)
    stored = job.services.videos.get(CALLER, job.id)
    assert stored is None or stored.video.status is Status.CANCELLED
    assert (stored is None) == (end is delete_video)
    assert job.booked == Amounts()
    assert job.work is None


@pytest.mark.real_storage
def test_the_worker_may_carry_the_same_end_out_at_the_same_time(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = order()
    work = job.services.work
    delete = work.delete

    def beside(mine: Work) -> None:
        """The worker leaves a sign of life just before the cancellation's last write."""
        monkeypatch.setattr(work, "delete", delete)
        current = work.get(job.id)
        assert current is not None
        work.replace(replace(current, heartbeat_at=current.heartbeat_at + 1))
        delete(mine)

    monkeypatch.setattr(work, "delete", beside)
    assert cancel_video(job.services, job.video).video.status is Status.CANCELLED
    assert job.work is None
    assert job.booked == Amounts()


def test_a_turn_that_had_come_goes_to_the_next(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with(UPSTREAMS=upstreams(max_running=1))
    order = Order(services, simulator)
    first, second = order(), order(prompt="another fox")
    assert take_turn.take_turn(services, first.id, 1, "turn-a").result["outcome"] == "granted"
    assert take_turn.take_turn(services, second.id, 1, "turn-b").result["outcome"] == "waiting"
    hints = cancel_video(services, first.video).hints
    assert {"instance": f"{second.id}-1", "event": "turn-b"} in hints
    assert take_turn.take_turn(services, second.id, 1, "turn-c").result["outcome"] == "granted"
    assert slot_holders(services) == [second.id]


def test_a_turn_that_nobody_has_taken_up_yet_goes_to_the_next(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with(UPSTREAMS=upstreams(max_running=1))
    order = Order(services, simulator)
    first, second, third = order(), order(prompt="two"), order(prompt="three")
    for job, hint in ((first, "a"), (second, "b"), (third, "c")):
        take_turn.take_turn(services, job.id, 1, hint)
    cancel_video(services, first.video)
    assert slot_holders(services) == [second.id]  # which is only about to be told
    hints = cancel_video(services, second.video).hints
    assert {"instance": f"{third.id}-1", "event": "c"} in hints
    assert slot_holders(services) == [third.id]


@pytest.mark.real_storage
def test_what_cannot_be_written_now_is_carried_out_by_the_worker(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict counts; that the video's own row changes all the time only delays it."""
    job = order()

    def changed(*_: Any) -> None:
        raise RowChanged("somebody else was first")

    with monkeypatch.context() as patched:
        patched.setattr(job.services.videos, "replace", changed)
        assert cancel_video(job.services, job.video).video.status is Status.QUEUED
    job.drive()
    assert job.video.status is Status.CANCELLED
    assert (job.work, job.booked) == (None, Amounts())


def test_what_is_about_to_end_otherwise_cannot_be_cancelled(order: Order) -> None:
    job = order()
    assert job.work is not None
    job.services.work.replace(replace(job.work, queue_deadline=1.0))
    assert take_turn.take_turn(job.services, job.id, 1, "turn").result["outcome"] == "decided"
    with pytest.raises(Conflict, match="about to end"):
        cancel_video(job.services, job.video)
    job.drive()
    assert job.video.error is not None
    assert job.video.error.code == "queue_timeout"


def test_one_that_waits_is_woken_and_the_line_goes_on(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with(UPSTREAMS=upstreams(max_running=1))
    order = Order(services, simulator)
    first, second = order(), order(prompt="another fox")
    take_turn.take_turn(services, first.id, 1, "turn-a")
    take_turn.take_turn(services, second.id, 1, "turn-b")
    cancelled = cancel_video(services, second.video)
    assert cancelled.hints == ({"instance": f"{second.id}-1", "event": "turn-b"},)
    first.drive()
    assert first.video.status is Status.COMPLETED
    assert slot_holders(services) == []


@pytest.mark.parametrize("model", ["sora-2", "sora"])
def test_a_running_job_is_deleted_where_its_dialect_can_and_its_money_stays_unknown(
    order: Order, simulator: Simulator, model: str
) -> None:
    job = order(model)
    to_submitted(job)
    cancelled = cancel_video(job.services, job.video).video
    assert (cancelled.status, cancelled.cost.state) == (Status.CANCELLED, CostState.UNKNOWN)
    assert slot_holders(job.services) == [job.id]  # until the job is known to be gone
    (upstream,) = simulator.journal()["jobs"]
    assert upstream["status"] == "deleted"
    job.drive()
    assert job.work is None
    assert slot_holders(job.services) == []
    assert job.video.status is Status.CANCELLED
    assert job.booked.reserved == 0
    assert job.booked.unknown > 0


def test_elsewhere_the_render_is_watched_to_its_end_and_its_bill_is_known(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with(UPSTREAMS=upstreams(can_delete_running=False))
    job = Order(services, simulator)()
    to_submitted(job)
    cancel_video(services, job.video)
    assert job.booked == Amounts(unknown=400_000)
    job.drive()
    assert job.booked == Amounts(settled=400_000)
    assert (job.video.status, job.video.cost.state) == (Status.CANCELLED, CostState.SETTLED)
    assert job.video.cost.basis == "rendered_after_cancel"
    assert blobs(services, job.id) == []
    assert (job.work, slot_holders(services)) == (None, [])


def test_what_was_being_copied_is_not_kept(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with(UPSTREAMS=upstreams(can_delete_running=False))
    job = Order(services, simulator)()
    to_submitted(job)
    while follow_job.follow_job(job.services, job.id, 1).result["outcome"] != "rendered":
        pass
    assert job.video.stage is Stage.COLLECTING
    cancel_video(job.services, job.video)
    assert collect_output.collect_output(job.services, job.id, 1, 0).result["outcome"] == "stored"
    assert finish_video.finish_video(job.services, job.id, 1).result["outcome"] == "watching"
    job.drive()
    assert job.video.status is Status.CANCELLED
    assert job.video.cost.state is CostState.SETTLED
    assert blobs(job.services, job.id) == []
    assert job.booked == Amounts(settled=400_000)


def test_cancelling_again_changes_nothing_and_an_ended_video_cannot_be_cancelled(
    order: Order,
) -> None:
    job = order()
    cancel_video(job.services, job.video)
    before = job.entries
    assert cancel_video(job.services, job.video).video == job.video
    assert job.entries == before
    finished = order(prompt="another fox")
    finished.drive()
    with pytest.raises(Conflict, match="is completed"):
        cancel_video(finished.services, finished.video)
    assert finished.video.status is Status.COMPLETED


@pytest.mark.real_storage
def test_a_cancel_between_intent_and_answer_does_not_lose_the_job(
    services_with: Callable[..., Services],
    upstreams: Callable[..., str],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The POST is on its way when its caller cancels: the job is claimed and watched."""
    services = services_with(UPSTREAMS=upstreams(can_delete_running=False))
    job = Order(services, simulator)()
    client = services.client("sora-2")
    assert client is not None
    send = client.submit

    def cancelled_meanwhile(*args: Any, **kwargs: Any) -> Any:
        answer = send(*args, **kwargs)
        cancel_video(services, job.video)
        return answer

    monkeypatch.setattr(client, "submit", cancelled_meanwhile)
    job.drive()
    assert job.video.status is Status.CANCELLED
    assert job.booked == Amounts(settled=400_000)
    assert len(job.upstream_jobs()) == 1
    assert slot_holders(services) == []


def stored(job: Job) -> Any:
    found = job.services.videos.get(CALLER, job.id)
    assert found is not None
    return found


@pytest.mark.real_storage
def test_deleting_a_finished_video_leaves_its_ledger_only(
    order: Order, simulator: Simulator
) -> None:
    job = order()
    job.drive()
    assert len(blobs(job.services, job.id)) == 4  # video, thumbnail, spritesheet, manifest
    before = job.entries
    delete_video(job.services, stored(job).video)
    assert job.services.videos.find(CALLER, job.id) is None
    assert blobs(job.services, job.id) == []
    assert job.entries == before
    assert simulator.journal()["jobs"][0]["status"] == "deleted"


def test_deleting_what_ends_at_the_same_moment_deletes_it(order: Order) -> None:
    job = order()
    seen = stored(job)
    assert not seen.video.terminal
    job.drive()
    delete_video(job.services, seen.video)
    assert job.services.videos.find(CALLER, job.id) is None
    assert blobs(job.services, job.id) == []
    assert job.booked == Amounts(settled=400_000)


@pytest.mark.real_storage
def test_deleting_an_unfinished_video_hides_it_and_settles_it_later(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with(UPSTREAMS=upstreams(can_delete_running=False))
    job = Order(services, simulator)()
    to_submitted(job)
    delete_video(services, stored(job).video)
    assert services.videos.get(CALLER, job.id) is None
    assert services.videos.page(CALLER, after=None, limit=5) == []
    assert services.videos.page(CALLER, after=None, limit=5, oldest_first=True) == []
    job.drive()
    assert job.booked == Amounts(settled=400_000)
    assert services.videos.find(CALLER, job.id) is None
    assert (job.work, blobs(services, job.id)) == (None, [])
    assert simulator.journal()["jobs"][0]["status"] == "deleted"


def test_the_key_of_a_deleted_video_says_so(services: Services, order: Order) -> None:
    job = order()
    request = job.video.request
    made = admit(services, CALLER, request, Repeatable(key="k"))
    cancel_video(services, made.video)
    found = services.videos.get(CALLER, made.video.id)
    assert found is not None
    delete_video(services, found.video)
    with pytest.raises(Conflict) as raised:
        admit(services, CALLER, request, Repeatable(key="k"))
    assert (raised.value.code, raised.value.retryable) == ("video_deleted", False)
