"""A cancellation or a deletion in the middle of a worker's step: whatever the worker was about to
write, the video has one end, its money is right, its slot is free and nothing of it is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.domain.errors import Conflict, LimitReached, Unavailable
from shared.domain.job import Fault, JobState
from shared.domain.ledger import Amounts
from shared.domain.request import VideoRequest
from shared.domain.video import CostState, Status
from shared.domain.work import Work
from shared.lifecycle import money, slots
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video, follow_job, submit_job, take_turn
from shared.storage.booking import CeilingReached
from shared.upstream.protocol import (
    AnswerLost,
    DeploymentOut,
    Dialect,
    NotSent,
    Refused,
    Throttled,
    TooLate,
)
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import CALLER, Job
from tests.shared.lifecycle.requests.test_cancel import blobs, slot_holders, stored, to_submitted

pytestmark = pytest.mark.real_storage

REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
Patch = pytest.MonkeyPatch


@pytest.fixture
def keeping(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> Services:
    """Upstreams that cannot delete a running job."""
    return services_with(UPSTREAMS=upstreams(can_delete_running=False))


def begin(services: Services, simulator: Simulator, **changes: Any) -> Job:
    return Job(services, simulator, admit(services, CALLER, replace(REQUEST, **changes)))


def upstream_of(services: Services) -> Dialect:
    client = services.client("sora-2")
    assert client is not None
    return client


def rows(services: Services) -> list[str]:
    return [row.key for row in services.videos._table.range(CALLER)]


def is_over(job: Job) -> None:
    """Nothing is left to do, nothing is held, and the row agrees with the ledger."""
    assert job.work is None
    assert slot_holders(job.services) == []
    assert job.booked.reserved == 0
    assert (job.booked.unknown > 0) == (job.video.cost.state is CostState.UNKNOWN)


@pytest.mark.parametrize("late", ["to join the line", "to take its turn"])
def test_an_execution_that_comes_late_does_not_forget_what_another_has_sent(
    keeping: Services, simulator: Simulator, monkeypatch: Patch, late: str
) -> None:
    """An activity may run twice: here the second run begins before the first has submitted, and
    writes after it."""
    job = begin(keeping, simulator)
    module, name = {
        "to join the line": (take_turn, "_line_up"),
        "to take its turn": (take_turn, "_go"),
    }[late]
    slow = getattr(module, name)

    def after_the_other(*arguments: Any) -> Any:
        monkeypatch.setattr(module, name, slow)
        take_turn.take_turn(keeping, job.id, 1, "turn")
        assert submit_job.submit_job(keeping, job.id, 1).result["outcome"] == "submitted"
        return slow(*arguments)

    monkeypatch.setattr(module, name, after_the_other)
    take_turn.take_turn(keeping, job.id, 1, "turn")
    assert job.work is not None
    assert job.work.job is not None
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(job.upstream_jobs()) == 1
    is_over(job)


@pytest.mark.parametrize("error", [Throttled("slow down", 0.0), NotSent("no connection")])
def test_cancelled_during_a_post_that_created_nothing(
    keeping: Services, simulator: Simulator, monkeypatch: Patch, error: Exception
) -> None:
    job = begin(keeping, simulator)

    def refused(*_: Any, **__: Any) -> None:
        cancel_video(keeping, job.video)
        raise error

    monkeypatch.setattr(upstream_of(keeping), "submit", refused)
    take_turn.take_turn(keeping, job.id, 1, "turn")
    assert submit_job.submit_job(keeping, job.id, 1).result["outcome"] == "again"
    assert slot_holders(keeping) == []
    job.drive()
    is_over(job)
    assert job.video.status is Status.CANCELLED
    assert job.booked == Amounts()  # it is known that nothing was created
    assert job.video.cost.basis == "cancelled_before_creation"


@pytest.mark.parametrize(
    "error",
    [
        Throttled("slow down", 0.0),
        NotSent("no connection"),
        TooLate("too late"),
        DeploymentOut("who are you", status=401),
        Refused("no", status=400, moderated=False),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("epoch", [1, 2])
def test_a_create_that_failed_late_does_not_free_the_slot_of_what_another_has_sent(
    keeping: Services, simulator: Simulator, monkeypatch: Patch, error: Exception, epoch: int
) -> None:
    """The worker stood still in its POST. Meanwhile its activity was repeated, or the sweep began a
    new worker, which found no job and sent the create again."""
    job = begin(keeping, simulator)

    def another_sends_it() -> None:
        assert job.work is not None
        if epoch == 2:
            keeping.work.replace(replace(job.work, epoch=2))
        while job.work.job is None:
            take_turn.take_turn(keeping, job.id, epoch, "turn")
            submit_job.submit_job(keeping, job.id, epoch)

    with monkeypatch.context() as patched:

        def late(*_: Any, **__: Any) -> None:
            patched.undo()
            another_sends_it()
            raise error

        patched.setattr(upstream_of(keeping), "submit", late)
        take_turn.take_turn(keeping, job.id, 1, "turn")
        submit_job.submit_job(keeping, job.id, 1)
    assert slot_holders(keeping) == [job.id]
    assert len(job.upstream_jobs()) == 1


def test_cancelled_during_a_post_that_created_nothing_after_a_day_in_line(
    keeping: Services, simulator: Simulator, monkeypatch: Patch
) -> None:
    job = begin(keeping, simulator)
    a_day = keeping.settings.durations.sora_retention
    late = replace(keeping, clock=lambda: time.time() + 2 * a_day)
    assert job.work is not None
    keeping.work.replace(replace(job.work, queue_deadline=job.work.queue_deadline + 3 * a_day))

    def refused(*_: Any, **__: Any) -> None:
        cancel_video(late, job.video)
        raise NotSent("no connection")

    with monkeypatch.context() as patched:
        patched.setattr(upstream_of(keeping), "submit", refused)
        take_turn.take_turn(late, job.id, 1, "turn")
        submit_job.submit_job(late, job.id, 1)
    follow_job.follow_job(late, job.id, 1)
    finish_video.finish_video(late, job.id, 1)
    is_over(job)
    assert job.booked == Amounts()


def test_a_cancellation_that_died_after_its_verdict_knows_later_that_nothing_was_created(
    keeping: Services, simulator: Simulator, monkeypatch: Patch
) -> None:
    job = begin(keeping, simulator)

    def refused(*_: Any, **__: Any) -> None:
        with pytest.raises(SystemExit):
            cancel_video(keeping, job.video)
        raise Throttled("slow down", 0.0)

    def dies(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(upstream_of(keeping), "submit", refused)
        patched.setattr(finish_video, "finish_video", dies)
        take_turn.take_turn(keeping, job.id, 1, "turn")
        assert submit_job.submit_job(keeping, job.id, 1).result["outcome"] == "again"
    job.drive()
    is_over(job)
    assert job.video.cost.basis == "cancelled_before_creation"
    assert job.booked == Amounts()


def test_cancelled_while_a_lost_answer_is_looked_for(
    keeping: Services, simulator: Simulator, monkeypatch: Patch
) -> None:
    """No job was created; the deployment must not stand still, and the money is known."""
    job, other = begin(keeping, simulator), begin(keeping, simulator, prompt="another fox")

    def lost(*_: Any, **__: Any) -> None:
        raise AnswerLost("503")

    with monkeypatch.context() as patched:
        patched.setattr(upstream_of(keeping), "submit", lost)
        take_turn.take_turn(keeping, job.id, 1, "turn")
        assert submit_job.submit_job(keeping, job.id, 1).result["outcome"] == "reconcile"
        submit_job.submit_job(keeping, job.id, 1)
    cancel_video(keeping, job.video)
    job.drive()
    is_over(job)
    assert job.booked == Amounts()
    other.drive()
    assert other.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


@pytest.mark.parametrize(
    ("change", "settled"),
    [
        ({}, 400_000),
        ({"state": JobState.FAILED, "fault": Fault.INTERNAL, "word": "failed"}, 0),
    ],
    ids=["rendered", "failed by the upstream's fault"],
)
def test_cancelled_while_the_upstream_says_that_the_job_is_over(
    keeping: Services,
    simulator: Simulator,
    monkeypatch: Patch,
    change: dict[str, Any],
    settled: int,
) -> None:
    job = begin(keeping, simulator)
    to_submitted(job)
    assert job.work is not None
    simulator.force(job.work.job_id or "", state="completed")
    client = upstream_of(keeping)
    ask = client.status

    def cancelled_meanwhile(job_id: str, *, trace: str) -> Any:
        answer = replace(ask(job_id, trace=trace), **change)
        if job.video.status is not Status.CANCELLED:
            cancel_video(keeping, job.video)
        return answer

    monkeypatch.setattr(client, "status", cancelled_meanwhile)
    assert follow_job.follow_job(keeping, job.id, 1).result["outcome"] in ("again", "decided")
    job.drive()
    is_over(job)
    assert job.booked == Amounts(settled=settled)
    assert blobs(keeping, job.id) == []
    assert len(job.upstream_jobs()) == 1


def test_a_slow_try_of_a_request_does_not_revive_its_cancelled_video(
    services: Services, simulator: Simulator, monkeypatch: Patch
) -> None:
    insert, tries, made = services.work.insert, count(), list[Admitted]()

    def slowly(work: Work) -> Work:
        if next(tries) == 0:
            made.append(admit(services, CALLER, REQUEST, Repeatable(key="k")))
            cancel_video(services, made[0].video)
        return insert(work)

    monkeypatch.setattr(services.work, "insert", slowly)
    with pytest.raises(Unavailable):
        admit(services, CALLER, REQUEST, Repeatable(key="k"))
    job = Job(services, simulator, made[0])
    assert job.work is not None
    later = replace(services, clock=lambda: time.time() + 60)
    assert sweep(later) == []
    is_over(job)
    assert job.upstream_jobs() == []


def test_a_refused_try_leaves_the_admitted_one_alone(
    services_with: Callable[..., Services], simulator: Simulator, monkeypatch: Patch
) -> None:
    services = services_with(BUDGET_USD_PER_DAY="0.5")
    first = begin(services, simulator)
    write, made = services.ledger.write, list[Admitted]()
    wanted = replace(REQUEST, prompt="another fox")

    def refused_just_before_there_is_room(*args: Any) -> bool:
        try:
            return write(*args)
        except CeilingReached:
            if not made:
                cancel_video(services, first.video)
                made.append(admit(services, CALLER, wanted, Repeatable(key="k")))
            raise

    monkeypatch.setattr(services.ledger, "write", refused_just_before_there_is_room)
    with pytest.raises(LimitReached):
        admit(services, CALLER, wanted, Repeatable(key="k"))
    job = Job(services, simulator, made[0])
    job.drive()
    assert job.video.status is Status.COMPLETED
    is_over(job)


def test_a_refused_try_does_not_make_a_repeat_of_what_another_has_made(
    services_with: Callable[..., Services], simulator: Simulator, monkeypatch: Patch
) -> None:
    """The refused one has deleted the row of work, and is about to give up the claim."""
    services = services_with(BUDGET_USD_PER_DAY="0.5")
    first = begin(services, simulator)
    wanted, key = replace(REQUEST, prompt="another fox"), Repeatable(key="k")
    delete, made = services.work.delete, list[Admitted]()

    def then_another_has_room(work: Work) -> None:
        delete(work)
        if not made and work.video_id != first.id:
            monkeypatch.undo()
            cancel_video(services, first.video)
            made.append(admit(services, CALLER, wanted, key))

    monkeypatch.setattr(services.work, "delete", then_another_has_room)
    with pytest.raises(LimitReached):
        admit(services, CALLER, wanted, key)
    again = admit(services, CALLER, wanted, key)
    assert (again.video.id, again.replayed) == (made[0].video.id, True)


@pytest.mark.parametrize("minutes", [0, 2])
def test_a_slow_try_keeps_its_key_though_a_repeat_of_it_was_refused(
    services_with: Callable[..., Services],
    simulator: Simulator,
    monkeypatch: Patch,
    minutes: int,
) -> None:
    """It has claimed its key, and stands still before it writes anything else."""
    noon = [time.time() // 86400 * 86400 + 43200]
    services = replace(services_with(BUDGET_USD_PER_DAY="0.5"), clock=lambda: noon[0])
    first = begin(services, simulator)
    wanted, key = replace(REQUEST, prompt="another fox"), Repeatable(key="k")
    insert = services.work.insert

    def after_a_repeat(work: Work) -> Work:
        monkeypatch.undo()
        noon[0] += minutes * 60
        with pytest.raises(LimitReached):
            admit(services, CALLER, wanted, key)
        cancel_video(services, first.video)
        return insert(work)

    monkeypatch.setattr(services.work, "insert", after_a_repeat)
    made = admit(services, CALLER, wanted, key)
    again = admit(services, CALLER, wanted, key)
    assert (again.video.id, again.replayed) == (made.video.id, True)


def test_a_turn_that_comes_while_its_video_is_cancelled_is_given_back(
    keeping: Services, simulator: Simulator, monkeypatch: Patch
) -> None:
    job, other = begin(keeping, simulator), begin(keeping, simulator, prompt="another fox")
    take_turn.take_turn(keeping, job.id, 1, "turn")
    replace_row, cancelled = keeping.deployments.replace, list[Any]()

    def grant(found: Any, state: Any) -> Any:
        if not cancelled and other.id in state.running:
            cancelled.append(cancel_video(keeping, other.video))
        return replace_row(found, state)

    monkeypatch.setattr(keeping.deployments, "replace", grant)
    submit_job.submit_job(keeping, job.id, 1)
    with suppress(Conflict):
        take_turn.take_turn(keeping, other.id, 1, "turn")
    slots.free_orphans(keeping)
    assert slot_holders(keeping) == [job.id]


def test_a_slot_of_a_video_that_is_gone_is_given_back_by_the_sweep(
    keeping: Services, simulator: Simulator
) -> None:
    job = begin(keeping, simulator)
    take_turn.take_turn(keeping, job.id, 1, "turn")
    assert job.work is not None
    keeping.work.delete(job.work)
    assert slot_holders(keeping) == [job.id]
    slots.free_orphans(keeping)
    assert slot_holders(keeping) == []


def timed_out(job: Job) -> None:
    to_submitted(job)
    assert job.work is not None
    job.services.work.replace(job.work.with_job(deadline=1.0))
    assert follow_job.follow_job(job.services, job.id, 1).result["outcome"] == "decided"
    finish_video.finish_video(job.services, job.id, 1)
    assert job.video.status is Status.FAILED


@pytest.mark.parametrize("collecting", [False, True])
def test_a_deleted_video_is_not_rescued(
    keeping: Services, simulator: Simulator, collecting: bool
) -> None:
    job = begin(keeping, simulator)
    timed_out(job)
    if collecting:
        while follow_job.follow_job(keeping, job.id, 1).result["outcome"] != "rendered":
            time.sleep(0.05)
    delete_video(keeping, stored(job).video)
    job.drive()
    assert (job.work, rows(keeping), blobs(keeping, job.id)) == (None, [], [])
    assert job.booked == Amounts(settled=400_000)
    assert simulator.journal()["jobs"][0]["status"] == "deleted"
    assert slot_holders(keeping) == []


@pytest.mark.parametrize("moment", ["jobs.close", "work.delete"])
def test_deleted_in_the_last_moment_of_its_work(
    keeping: Services, simulator: Simulator, monkeypatch: Patch, moment: str
) -> None:
    job = begin(keeping, simulator)
    of, name = moment.split(".")
    target, deleted = getattr(keeping, of), list[Any]()
    act = getattr(target, name)

    def after_a_delete(*args: Any) -> Any:
        if not deleted:
            deleted.append(delete_video(keeping, stored(job).video))
        return act(*args)

    monkeypatch.setattr(target, name, after_a_delete)
    job.drive()
    assert deleted
    assert (job.work, rows(keeping), blobs(keeping, job.id)) == (None, [], [])
    assert job.booked == Amounts(settled=400_000)
    assert simulator.journal()["jobs"][0]["status"] == "deleted"


def test_the_last_worker_looks_just_before_the_row_is_hidden(
    keeping: Services, simulator: Simulator, monkeypatch: Patch
) -> None:
    """It removes what it sees, and is gone when the row gets its hidden name."""
    job = begin(keeping, simulator)
    to_submitted(job)
    bury = keeping.videos.bury

    def after_the_look(found: Any) -> None:
        bury(found)
        work = keeping.work.get(job.id)
        assert work is not None
        assert work.deleted
        keeping.work.delete(work)

    monkeypatch.setattr(keeping.videos, "bury", after_the_look)
    delete_video(keeping, stored(job).video)
    assert (job.work, rows(keeping), blobs(keeping, job.id)) == (None, [], [])


def test_the_key_of_a_deleted_video_that_still_renders_is_not_answered_with_it(
    keeping: Services, simulator: Simulator
) -> None:
    made = admit(keeping, CALLER, REQUEST, Repeatable(key="k"))
    job = Job(keeping, simulator, made)
    to_submitted(job)
    delete_video(keeping, stored(job).video)
    with pytest.raises(Conflict, match="was deleted"):
        admit(keeping, CALLER, REQUEST, Repeatable(key="k"))


@pytest.fixture
def reserved_again(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> Job:
    """One whose worker died once a second render was reserved, and before it was noted."""
    strict = {"version": "strict", "usd_per_second": "0.10", "failed_render": "settled"}
    services = services_with(UPSTREAMS=upstreams(prices=strict, can_delete_running=False))
    job = begin(services, simulator)
    to_submitted(job)
    assert job.work is not None
    money.book_failed_render(services, job.work)
    return job


def test_what_was_reserved_for_a_second_render_that_never_came_is_released(
    reserved_again: Job,
) -> None:
    job = reserved_again
    cancel_video(job.services, job.video)
    job.drive()
    assert job.booked == Amounts(settled=400_000)


def test_it_is_released_also_where_the_deployment_and_its_price_are_gone(
    reserved_again: Job,
) -> None:
    job = reserved_again
    known = job.services.settings
    left = [each for each in known.upstreams if each.name != "sora-2"]
    settings = known.model_copy(update={"upstreams": left})
    cancel_video(replace(job.services, settings=settings), job.video)
    assert job.booked == Amounts(settled=400_000)


def test_requests_without_a_key_are_each_their_own(services: Services, monkeypatch: Patch) -> None:
    """Also when they are remembered in the same moment."""
    keep, tries, made = services.idempotency.put, count(), list[str]()

    def meanwhile(caller: str, claim: Any) -> Any:
        if next(tries) == 0:
            made.append(admit(services, CALLER, REQUEST).video.id)
        return keep(caller, claim)

    monkeypatch.setattr(services.idempotency, "put", meanwhile)
    assert admit(services, CALLER, REQUEST).video.id != made[0]
