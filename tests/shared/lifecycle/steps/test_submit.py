"""Submitted at most once, whatever becomes of the answer, the worker or the upstream's list."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.ledger import Amounts
from shared.domain.video import CostState, Status
from shared.durable import names
from shared.lifecycle.services import Services
from shared.lifecycle.steps import submit_job, take_turn
from shared.lifecycle.steps.reconcile import ABSENCE
from shared.upstream.protocol import check_time
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.driver import drive

MODELS = ["sora-2", "sora"]


def create_fault(times: int = 1, **action: Any) -> dict[str, Any]:
    return {"operation": "create", "times": times, "action": action}


PROCESSED: list[dict[str, Any]] = [
    {"type": "drop", "when": "after"},
    {"type": "status", "status": 500, "processed": True},
    {"type": "status", "status": 504, "processed": True},
    {"type": "html", "status": 502, "processed": True},
    {"type": "html", "status": 200, "processed": True},
]
NOT_PROCESSED: list[dict[str, Any]] = [
    {"type": "drop", "when": "before"},
    {"type": "status", "status": 500},
    {"type": "html", "status": 200},
    {"type": "status", "status": 408},
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("action", PROCESSED, ids=str)
def test_a_lost_answer_to_a_create_that_worked_is_found_in_the_list(
    order: Order, simulator: Simulator, model: str, action: dict[str, Any]
) -> None:
    simulator.script(create_fault(**action))
    job = order(model)
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1
    assert job.booked.settled == job.video.cost.estimated


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("action", NOT_PROCESSED, ids=str)
def test_a_create_that_did_not_work_is_sent_again_when_it_is_absent_twice(
    order: Order, simulator: Simulator, model: str, action: dict[str, Any]
) -> None:
    simulator.script(create_fault(**action))
    job = order(model)
    began = time.monotonic()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1
    assert time.monotonic() - began > 1.2  # 120 s at this time scale
    lists = simulator.journal()["requests"]
    assert lists[f"{'sora-1' if model == 'sora' else 'sora-2'} list"]["200"] >= 2


def test_a_job_that_appears_late_in_the_list_is_still_found(
    order: Order, simulator: Simulator
) -> None:
    simulator.script(
        create_fault(type="hide_from_list", seconds=90), create_fault(type="drop", when="after")
    )
    job = order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


def test_two_submissions_at_most(order: Order, simulator: Simulator) -> None:
    simulator.script(create_fault(times=5, type="drop", when="before"))
    job = order()
    calls = job.drive()
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.charged) == ("upstream_failed", False)
    assert job.booked == Amounts()
    creates = simulator.journal()["creates"]
    assert len(creates) == 2
    assert calls.count(names.FINISH_VIDEO) == 1


def test_several_candidates_end_unknown_and_are_never_submitted_again(
    services_with: Callable[..., Services], simulator: Simulator
) -> None:
    services = services_with(JOB_DEADLINE_MINUTES="1")
    simulator.script(
        create_fault(type="look_alike", count=1), create_fault(type="drop", when="after")
    )
    job = Order(services, simulator)()
    job_id = job.id
    take_turn.take_turn(services, job_id, 1, "h")
    until = time.monotonic() + 60
    while job.work is not None and not job.work.ended:
        drive_once(services, job)
        assert time.monotonic() < until
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.charged) == ("submit_unknown", None)
    assert job.video.cost.state is CostState.UNKNOWN
    assert job.booked == Amounts(unknown=400_000)
    assert len([c for c in simulator.journal()["creates"] if c["job"]]) <= 1


def drive_once(services: Services, job: Job) -> None:
    from shared.lifecycle.steps import finish_video

    outcome = submit_job.submit_job(services, job.id, 1).result["outcome"]
    if outcome == "decided":
        finish_video.finish_video(services, job.id, 1)


@pytest.mark.parametrize("model", MODELS)
def test_an_upstream_that_cannot_list_ends_unknown(
    services_with: Callable[..., Services],
    upstreams: Callable[..., str],
    simulator: Simulator,
    model: str,
) -> None:
    services = services_with(UPSTREAMS=upstreams(can_list=False), JOB_DEADLINE_MINUTES="2")
    simulator.script(create_fault(type="drop", when="after"))
    job = Order(services, simulator)(model)
    job.drive()
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.retryable) == ("submit_unknown", False)
    assert job.booked.unknown == job.video.cost.estimated
    assert job.work is None
    assert len(simulator.journal()["jobs"]) == 1


def test_an_unknown_submission_is_claimed_by_a_later_listing(
    services_with: Callable[..., Services], simulator: Simulator
) -> None:
    """The list is switched off for longer than anybody waits, then it is back."""
    services = services_with(JOB_DEADLINE_MINUTES="1")
    simulator.script(
        create_fault(type="drop", when="after"),
        {"operation": "list", "times": "unlimited", "action": {"type": "switched_off"}},
    )
    job = Order(services, simulator)()

    def until_ended() -> None:
        limit = time.monotonic() + 60
        while job.video.status is not Status.FAILED:
            assert time.monotonic() < limit
            time.sleep(0.05)
        simulator._http("DELETE", "/_sim/faults")

    with ThreadPoolExecutor(1) as pool:
        switched_on = pool.submit(until_ended)
        job.drive()
        switched_on.result()
    assert (job.video.status, job.video.rescued) == (Status.COMPLETED, True)
    assert len(simulator.journal()["jobs"]) == 1
    assert job.booked == Amounts(settled=400_000)


def test_prompts_that_the_list_does_not_return_do_not_hide_a_job(
    order: Order, simulator: Simulator
) -> None:
    simulator.script(
        create_fault(type="drop", when="after"),
        {"operation": "list", "times": "unlimited", "action": {"type": "prompt_null"}},
    )
    job = order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


def test_another_videos_job_is_never_taken(order: Order, simulator: Simulator) -> None:
    """Two equal requests: the second one's lost answer is not mistaken for the first one's job."""
    first = order()
    take_turn.take_turn(first.services, first.id, 1, "h")
    submit_job.submit_job(first.services, first.id, 1)
    simulator.script(create_fault(type="drop", when="after"))
    second = order()
    second.drive()
    first.drive()
    ids = {first.video.job_id, second.video.job_id}
    assert ids == {job["id"] for job in simulator.journal()["jobs"]}
    assert len(ids) == 2


@pytest.mark.real_storage
def test_simultaneous_executions_post_once(
    services: Services, order: Order, simulator: Simulator
) -> None:
    job = order()
    take_turn.take_turn(services, job.id, 1, "h")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: submit_job.submit_job(services, job.id, 1), range(6)))
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


class _Dies:
    """A dialect whose process dies before or after the POST."""

    def __init__(self, client: Any, when: str) -> None:
        self._client = client
        self._when = when

    def submit(self, *args: Any, **extra: Any) -> Any:
        if self._when == "after":
            self._client.submit(*args, **extra)
        raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_around_the_post_leaves_a_trace_that_another_follows(
    services: Services, order: Order, simulator: Simulator, model: str, when: str
) -> None:
    job = order(model)
    take_turn.take_turn(services, job.id, 1, "h")
    client = services.client(model)

    class Upstreams:
        def client(self, upstream: Any) -> Any:
            return _Dies(client, when)

    with pytest.raises(KeyboardInterrupt):
        submit_job.submit_job(replace(services, upstreams=Upstreams()), job.id, 1)  # type: ignore[arg-type]
    assert job.work is not None
    assert job.work.intent is not None
    assert job.work.job is None
    assert drive(services, job.admitted.payload)[0] == "done"
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


def stands_still(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """The next create is ready but for its body; then its process stands still while others go
    on."""

    def wakes_up() -> None:
        monkeypatch.setattr("shared.upstream.http.check_time", check_time)
        meanwhile()
        check_time()

    monkeypatch.setattr("shared.upstream.http.check_time", wakes_up)


def test_a_worker_that_stands_still_between_intent_and_post_does_not_send_what_another_has_sent(
    services: Services, order: Order, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine is paused, or its container frozen, with the connection made. The other worker
    looks at the list twice, finds nothing, and sends the create; then the first one wakes up."""
    job = order()
    take_turn.take_turn(services, job.id, 1, "h")
    ways: list[str] = []

    def another_worker() -> None:
        while job.work is not None and job.work.job is None:
            ways.append(submit_job.submit_job(services, job.id, 1).result["outcome"])

    stands_still(monkeypatch, another_worker)
    late = submit_job.submit_job(services, job.id, 1).result["outcome"]
    assert ways[-1] == "submitted"
    assert ways.count("reconcile") >= 2
    assert len(simulator.journal()["jobs"]) == 1
    assert late == "again"
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1
    assert job.booked.settled == job.video.cost.estimated


def test_a_worker_that_stands_still_alone_goes_back_into_the_line(
    services: Services, order: Order, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = order()
    take_turn.take_turn(services, job.id, 1, "h")
    pause = services.settings.durations.of(submit_job.SEND_WITHIN)
    stands_still(monkeypatch, lambda: time.sleep(pause))
    assert submit_job.submit_job(services, job.id, 1).result["outcome"] == "again"
    assert job.work is not None
    assert (job.work.sent, job.work.posts) == (False, 0)
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


def test_a_create_is_sent_again_later_than_its_first_post_could_be_sent() -> None:
    assert submit_job.SEND_WITHIN < ABSENCE


@pytest.mark.real_storage
def test_a_worker_that_dies_between_the_answer_and_the_claim(
    services: Services, order: Order, simulator: Simulator
) -> None:
    """The job is claimed but not on record: even an upstream without a list gives it back."""

    class Work:
        def __getattr__(self, name: str) -> Any:
            return getattr(services.work, name)

        def change(self, work: Any, how: Callable[[Any], Any]) -> Any:
            changed = how(work)
            if changed is not None and changed.job is not None:
                raise KeyboardInterrupt
            return services.work.change(work, how)

    job = order()
    take_turn.take_turn(services, job.id, 1, "h")
    with pytest.raises(KeyboardInterrupt):
        submit_job.submit_job(replace(services, work=Work()), job.id, 1)  # type: ignore[arg-type]
    (upstream,) = services.settings.offering("sora-2")
    blind = replace(
        services,
        settings=services.settings.model_copy(
            update={"upstreams": [upstream.model_copy(update={"can_list": False})]}
        ),
    )
    assert submit_job.submit_job(blind, job.id, 1).result["outcome"] == "submitted"
    assert len(simulator.journal()["jobs"]) == 1
    job.drive()
    assert job.video.status is Status.COMPLETED


def test_an_unanswered_create_is_not_repeated_where_its_deployment_was_taken_out(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    """Settings that change restart the app, amid a create as likely as not."""
    services = services_with()
    without = [each for each in json.loads(upstreams()) if each["name"] != "sora-2"]
    poorer = services_with(UPSTREAMS=json.dumps(without))
    simulator.script(create_fault(type="drop", when="after"))
    job = Order(services, simulator)()
    assert take_turn.take_turn(services, job.id, 1, "h").result["outcome"] == "granted"
    assert submit_job.submit_job(services, job.id, 1).result["outcome"] == "reconcile"
    assert take_turn.take_turn(poorer, job.id, 1, "h").result["outcome"] == "granted"
    assert submit_job.submit_job(poorer, job.id, 1).result["outcome"] == "reconcile"
    assert job.work is not None
    assert (job.work.sent, job.work.job, job.work.posts) == (True, None, 1)
    job.drive()  # it is back
    assert job.video.status is Status.COMPLETED
    assert len(simulator.journal()["jobs"]) == 1


def test_where_that_deployment_does_not_come_back_nobody_can_know(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = services_with()
    without = [each for each in json.loads(upstreams()) if each["name"] != "sora-2"]
    simulator.script(create_fault(type="drop", when="after"))
    job = Order(services, simulator)()
    take_turn.take_turn(services, job.id, 1, "h")
    submit_job.submit_job(services, job.id, 1)
    much_later = time.time() + services.settings.durations.job_deadline + 1
    poorer = replace(services_with(UPSTREAMS=json.dumps(without)), clock=lambda: much_later)
    assert submit_job.submit_job(poorer, job.id, 1).result["outcome"] == "decided"
    assert job.work is not None
    assert job.work.verdict is not None
    failure = job.work.verdict.failure
    assert failure is not None
    assert failure.code == "submit_unknown"
    assert len(simulator.journal()["creates"]) == 1
