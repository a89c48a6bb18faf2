"""Deployments that turn everybody away: what passes is waited for, and only the end is an end."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError

from shared.domain.ledger import Amounts
from shared.domain.outage import Outage, TurnedAway
from shared.domain.quota import DeploymentState
from shared.domain.video import Stage, Status
from shared.domain.work import Attempt
from shared.lifecycle import line, slots
from shared.lifecycle.requests.views import shown
from shared.lifecycle.services import Services
from shared.lifecycle.steps.submit_job import submit_job
from shared.lifecycle.steps.take_turn import take_turn
from shared.settings.upstreams import EntraAuth
from shared.upstream import http
from shared.upstream.sora2 import Sora2
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.clock import Clock

EVER: Any = "unlimited"


def answers(status: int, *, times: int | str = EVER, **action: Any) -> dict[str, Any]:
    action = {"type": "status", "status": status, **action}
    return {"operation": "create", "times": times, "action": action}


def lift(simulator: Simulator) -> None:
    httpx.delete(f"{simulator.url}/_sim/faults", timeout=60, trust_env=False)


def state(services: Services, name: str = "sora-2") -> DeploymentState:
    return next(each.state for each in line.deployments(services, [name]))


def turn_away(services: Services, job: Job, refusal: TurnedAway) -> None:
    assert job.work is not None
    slots.turn_away(services, replace(job.work, attempt=Attempt(deployment="sora-2")), refusal)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(services: Services, clock: Clock) -> Services:
    return replace(services, clock=clock)


def look(services: Services, job: Job, hint: str = "h") -> str:
    return take_turn(services, job.id, 1, hint).result["outcome"]


def test_access_that_comes_after_ten_minutes_renders_everything_sent_meanwhile(
    services: Services, order: Order, simulator: Simulator
) -> None:
    """Nobody touches it. Ten minutes are six seconds here."""
    simulator.script(answers(401))
    jobs = [order(prompt=f"fox {number}") for number in range(3)]
    threading.Timer(services.settings.durations.of(600), lift, [simulator]).start()
    with ThreadPoolExecutor(3) as workers:
        list(workers.map(lambda job: job.drive(), jobs))
    for job in jobs:
        assert job.video.status is Status.COMPLETED
        assert len(job.upstream_jobs()) == 1
        assert job.booked == Amounts(settled=job.video.cost.estimated)
    assert state(services).outage is None
    # the pause grows, and one video at a time tries: some tens of creates in all, not hundreds
    assert sum(simulator.journal()["requests"]["sora-2 create"].values()) < 40


def test_what_callers_are_told_meanwhile(
    timed: Services, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    services = timed
    simulator.script(answers(403, message="the key sk-secret may not"))
    job = Order(services, simulator)()
    assert look(services, job) == "granted"
    assert submit_job(services, job.id, 1).result["outcome"] == "again"
    assert look(services, job) == "waiting"
    video = job.video
    assert (video.status, video.stage) == (Status.QUEUED, Stage.WAITING_FOR_QUOTA)
    place = line.position_of(services, video)
    told = shown(video, place)
    assert (told.notice or "").startswith("sora-2 answers 403 (since 2")
    assert "sk-secret" not in (told.notice or "")
    assert told.estimated_completion_at is None
    assert "deployment_paused deployment=sora-2" in caplog.text
    assert "reason=403 since_seconds=" in caplog.text
    assert "deployment_out" not in caplog.text


def test_those_who_wait_behind_are_told_no_more_once_it_is_over(
    timed: Services, clock: Clock, simulator: Simulator
) -> None:
    services, order = timed, Order(timed, simulator)
    first, second = order(), order()
    turn_away(services, first, TurnedAway(status=401, message="no"))
    for job in (first, second):
        assert look(services, job) == "waiting"
    services.snapshots._kept.clear()
    place = line.position_of(services, second.video)
    assert place is not None
    assert place.notice is not None
    clock.now += services.settings.durations.of(6)
    assert look(services, second, "again") == "granted"  # the first one was turned away
    assert submit_job(services, second.id, 1).result["outcome"] == "submitted"
    for _ in range(2):  # both render at a time; the third waits
        third = order()
        look(services, third)
    assert look(services, first, "again") == "granted"
    submit_job(services, first.id, 1)
    assert look(services, third, "again") == "waiting"
    services.snapshots._kept.clear()
    place = line.position_of(services, third.video)
    assert place is not None
    assert place.notice is None


def test_a_model_that_is_gone_ends_its_videos_and_says_so_loudly(
    order: Order, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.script(answers(410, message="The model has been retired."))
    job = order()
    job.drive()
    error = job.video.error
    assert error is not None
    assert (error.code, error.charged, error.retryable) == ("no_deployment", False, False)
    assert "410 The model has been retired." in error.message
    assert job.booked == Amounts()
    assert "deployment_out deployment=sora-2" in caplog.text


def test_a_video_that_a_deployment_minds_holds_up_nobody_for_long(
    services: Services, order: Order, simulator: Simulator
) -> None:
    """It answers 403 to this one alone: the others go on, and it ends with the reason, unpaid."""
    rule = answers(403, message="not in your plan")
    simulator.script({**rule, "match": {"prompt_contains": "the expensive one"}})
    minded = order(prompt="the expensive one")
    others = [order(prompt=f"fox {number}") for number in range(8)]
    with ThreadPoolExecutor(9) as workers:
        list(workers.map(lambda job: job.drive(), [minded, *others]))
    assert {job.video.status for job in others} == {Status.COMPLETED}
    error = minded.video.error
    assert error is not None
    assert (error.code, error.charged) == ("refused", False)
    assert "403 not in your plan" in error.message
    assert minded.booked == Amounts()
    assert state(services).outage is None


def test_one_that_is_alone_waits_for_as_long_as_it_may(
    services_with: Callable[..., Services], simulator: Simulator
) -> None:
    services = services_with(QUEUE_DEADLINE_HOURS="0.1")
    simulator.script(answers(401))
    job = Order(services, simulator)()
    job.drive()
    error = job.video.error
    assert error is not None
    assert (error.code, error.charged, error.retryable) == ("queue_timeout", False, True)
    assert "sora-2 answers 401 (since 2" in error.message
    assert job.booked == Amounts()


class NoTokenYet:
    """An identity that is just being set up."""

    MISSES = 3

    def __init__(self) -> None:
        self.asked = 0

    def get_token(self, _: str) -> Any:
        self.asked += 1
        if self.asked <= self.MISSES:
            raise ClientAuthenticationError("AADSTS700016: not found in the directory")
        return type("Token", (), {"token": "a-token-of-some-length"})


def test_a_token_that_comes_late_costs_no_submission(
    timed: Services, clock: Clock, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token nothing was sent, so nothing has to be looked for."""
    services = timed
    identity = NoTokenYet()
    monkeypatch.setattr(http, "credential", lambda: identity)
    client = services.client("sora-2")
    assert isinstance(client, Sora2)
    entra = {"auth": EntraAuth(type="entra")}  # which the settings allow for Azure's hosts only
    client._http._upstream = client._http._upstream.model_copy(update=entra)
    job = Order(services, simulator)()
    for _ in range(NoTokenYet.MISSES):
        clock.now += services.settings.durations.of(600)
        assert look(services, job) == "granted"
        assert submit_job(services, job.id, 1).result["outcome"] == "again"
        assert job.work is not None
        assert job.work.posts == 0
    assert state(services).outage is not None
    assert simulator.journal()["jobs"] == []
    assert identity.asked == NoTokenYet.MISSES


def test_a_key_that_is_not_there_yet_is_waited_for(
    services: Services, order: Order, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = os.environ["SIMULATOR_KEY"]
    monkeypatch.delenv("SIMULATOR_KEY")
    job = order()
    assert look(services, job) == "granted"
    assert submit_job(services, job.id, 1).result["outcome"] == "again"
    outage = state(services).outage
    assert outage is not None
    assert (outage.status, outage.final) == (None, False)
    assert "SIMULATOR_KEY" in outage.message
    monkeypatch.setenv("SIMULATOR_KEY", key)
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(job.upstream_jobs()) == 1


def test_a_deployment_that_is_taken_out_of_the_settings_may_come_back(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    """One faulty deployment of settings must not end everything that waits."""
    services = services_with()
    job = Order(services, simulator)()
    without = [each for each in json.loads(upstreams()) if each["name"] != "sora-2"]
    poorer = services_with(UPSTREAMS=json.dumps(without))
    assert look(poorer, job) == "waiting"
    place = line.position_of(poorer, job.video)
    assert place is not None
    assert place.notice == "No deployment of sora-2 is configured now. Waiting costs nothing."
    job.drive()
    assert job.video.status is Status.COMPLETED


def test_a_429_shows_that_an_outage_is_over(
    timed: Services, clock: Clock, simulator: Simulator
) -> None:
    services = timed
    job = Order(services, simulator)()
    turn_away(services, job, TurnedAway(status=401, message="no"))
    simulator.script(answers(429, times=1))
    clock.now += services.settings.durations.of(6)
    assert look(services, job) == "granted"
    submit_job(services, job.id, 1)
    assert state(services).outage is None
    assert state(services).throttled == 1


@pytest.mark.parametrize(
    ("out", "status", "final"),
    [("410 The model is retired (since 2026-11-01)", 410, True), ("401 no (since x)", 401, False)],
)
def test_a_row_of_release_0_1_is_read(
    services: Services, order: Order, out: str, status: int, final: bool
) -> None:
    order()
    table = services.deployments._table
    table.insert("d", "sora-2", {"v": 1, "running": "{}", "out": out})
    assert state(services).outage == Outage(
        status=status, message=out.partition(" ")[2], since=0.0, final=final
    )


def test_what_a_video_met_during_outages_is_not_held_against_it(
    timed: Services, clock: Clock, simulator: Simulator
) -> None:
    """It is turned away for what everybody would have been, however often."""
    services, order = timed, Order(timed, simulator)
    job, other = order(), order()
    simulator.script(answers(401))
    for _ in range(8):
        clock.now += services.settings.durations.of(600)
        assert look(services, job, "again") == "granted"
        assert submit_job(services, job.id, 1).result["outcome"] == "again"
    lift(simulator)
    clock.now += services.settings.durations.of(600)
    assert look(services, other) == "granted"
    assert submit_job(services, other.id, 1).result["outcome"] == "submitted"
    simulator.script(answers(401, times=1))  # roles that have just arrived come and go
    assert look(services, job, "again") == "granted"
    assert submit_job(services, job.id, 1).result["outcome"] == "again"
    assert job.video.status is Status.QUEUED
    assert job.work is not None
    assert job.work.verdict is None


def test_a_line_at_rest_stays_at_rest_where_a_video_may_go_to_one_deployment_only(
    services_with: Callable[..., Services],
    upstreams: Callable[..., str],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That one is out, and another one of the same model works: callers are told nothing."""
    (first,) = (each for each in json.loads(upstreams()) if each["name"] == "sora-2")
    both = json.dumps([first, {**first, "name": "sora-2-b"}])
    clock = Clock()
    services = replace(services_with(UPSTREAMS=both), clock=clock)
    job = Order(services, simulator)()
    turn_away(services, job, TurnedAway(status=401, message="no"))
    assert job.work is not None
    services.work.replace(replace(job.work, deployments=("sora-2",)))
    look(services, job)
    asked: list[None] = []
    call_next = line.call_next

    def counted(*args: Any) -> Any:
        asked.append(None)
        return call_next(*args)

    monkeypatch.setattr(line, "call_next", counted)
    for _ in range(5):
        assert look(services, job, "again") == "waiting"
    assert asked == []
    place = line.position_of(services, job.video)
    assert place is not None
    assert place.notice is None


def test_a_row_of_release_0_1_does_not_make_an_outage_older_than_it_is_known(
    timed: Services, simulator: Simulator, clock: Clock
) -> None:
    services = timed
    job = Order(services, simulator)()
    services.deployments._table.insert("d", "sora-2", {"v": 1, "running": "{}", "out": "401 no"})
    turn_away(services, job, TurnedAway(status=401, message="no"))
    outage = state(services).outage
    assert outage is not None
    assert outage.since == pytest.approx(clock.now, abs=0.001)
