"""The line as its videos live it: turns, deployments that go away, and what callers see."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.outage import Outage
from shared.domain.video import Stage, Status
from shared.domain.work import Phase, phase
from shared.lifecycle import line, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps.submit_job import submit_job
from shared.lifecycle.steps.take_turn import take_turn
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import CALLER, Job, Order

POOL = ["sora-2", "spare"]


@pytest.fixture
def pool(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> Services:
    """Two deployments of one model, one render at a time each, both served by the simulator's."""
    shape = json.loads(upstreams(max_running=1, max_creates_per_minute=9))[0]
    retires = {"retires_at": "2026-10-15T00:00:00Z"}
    both = [{**shape, "name": name, **retires} for name in POOL]
    return services_with(UPSTREAMS=json.dumps(both))


def outcome(services: Services, job: Job, hint: str = "h") -> str:
    return take_turn(services, job.id, 1, hint).result["outcome"]


def states(services: Services) -> dict[str, Any]:
    return {found.state.deployment: found.state for found in line.deployments(services)}


def refuse(services: Services, name: str, status: int) -> None:
    """A deployment has said so, for good."""
    gone = Outage(status=status, message="no", since=0.0, final=True)
    limits = line.limits(services, next(u for u in services.settings.upstreams if u.name == name))
    services.deployments.change(limits, lambda state: replace(state, outage=gone))


@pytest.mark.real_storage
def test_a_grant_is_taken_up_by_its_worker_and_only_in_time(
    pool: Services, simulator: Simulator
) -> None:
    order = Order(pool, simulator)
    running = [order(), order()]
    assert [outcome(pool, job) for job in running] == ["granted", "granted"]
    waiting = order()
    assert outcome(pool, waiting) == "waiting"
    work = running[0].work
    assert work is not None
    slots.free(pool, work)
    _, hints = line.call_next(pool)
    assert hints == ({"instance": f"{waiting.id}-1", "event": "h"},)
    held = next(state for state in states(pool).values() if waiting.id in state.running)
    assert not held.submitting[waiting.id].sending
    late = replace(pool, clock=lambda: time.time() + pool.settings.durations.grant_lease + 1)
    another = order()
    assert outcome(late, another) == "waiting"  # the first in line is granted it again
    assert outcome(pool, waiting, "again") == "granted"
    held = next(state for state in states(pool).values() if waiting.id in state.running)
    assert held.submitting[waiting.id].sending


def test_one_that_looked_between_the_reading_and_the_grant_is_told_under_its_new_name(
    pool: Services, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It found nothing, and now waits for another event than the one that was read."""
    order = Order(pool, simulator)
    running = [order(), order()]
    assert [outcome(pool, job) for job in running] == ["granted", "granted"]
    waiting = order()
    assert outcome(pool, waiting, "old") == "waiting"
    swap = pool.deployments.replace

    def meanwhile(found: Any, state: Any) -> Any:
        work = waiting.work
        if work is not None and waiting.id in state.running and work.hint == "old":
            pool.work.replace(replace(work, hint="new"))
        return swap(found, state)

    monkeypatch.setattr(pool.deployments, "replace", meanwhile)
    assert running[0].work is not None
    slots.free(pool, running[0].work)
    _, hints = line.call_next(pool)
    assert hints == ({"instance": f"{waiting.id}-1", "event": "new"},)


def test_a_repeated_step_finds_the_turn_that_it_took(pool: Services, simulator: Simulator) -> None:
    job = Order(pool, simulator)()
    assert outcome(pool, job) == "granted"
    before = states(pool)
    assert outcome(pool, job, "again") == "granted"
    assert [state.creates for state in states(pool).values()] == [
        state.creates for state in before.values()
    ]


def test_when_one_deployment_is_out_its_videos_go_elsewhere(
    pool: Services, simulator: Simulator
) -> None:
    simulator.script({"operation": "create", "action": {"type": "status", "status": 401}})
    now = time.time()
    still = replace(pool, clock=lambda: now)  # its pause is not over before the second try
    job = Order(still, simulator)()
    assert outcome(still, job) == "granted"
    assert submit_job(still, job.id, 1).result["outcome"] == "again"
    assert outcome(still, job, "again") == "granted"
    assert submit_job(still, job.id, 1).result["outcome"] == "submitted"
    (out,) = (state for state in states(pool).values() if state.outage)
    assert out.deployment != job.video.deployment
    assert (out.outage.status, out.outage.final) == (401, False)


def test_when_every_deployment_is_retired_it_says_so_with_the_date(
    pool: Services, simulator: Simulator
) -> None:
    order = Order(pool, simulator)
    running, waiting = [order(), order()], order()
    for job in running:
        outcome(pool, job)
    assert outcome(pool, waiting) == "waiting"
    for name in POOL:
        refuse(pool, name, 410)
    _, hints = line.call_next(pool)
    assert [hint["instance"] for hint in hints] == [f"{waiting.id}-1"]
    waiting.drive()
    error = waiting.video.error
    assert error is not None
    assert (error.code, error.charged, error.retryable) == ("no_deployment", False, False)
    assert "the model of sora-2 was retired on 2026-10-15: 410" in error.message
    assert waiting.booked.committed == 0


def test_a_paused_deployment_keeps_its_line(pool: Services, simulator: Simulator) -> None:
    for upstream in pool.settings.upstreams:
        pool.deployments.change(
            line.limits(pool, upstream), lambda state: replace(state, paused=True)
        )
    order = Order(pool, simulator)
    jobs = [order() for _ in range(3)]
    assert [outcome(pool, job) for job in jobs] == ["waiting"] * 3
    line.call_next(pool, jobs[2].work)
    places = [place(pool, job) for job in jobs]
    assert [each.position for each in places] == [1, 2, 3]
    for upstream in pool.settings.upstreams:
        pool.deployments.change(
            line.limits(pool, upstream), lambda state: replace(state, paused=False)
        )
    _, hints = line.call_next(pool)
    assert [hint["instance"] for hint in hints] == [f"{job.id}-1" for job in jobs[:2]]


def place(services: Services, job: Job) -> line.QueuePosition:
    services.snapshots._kept.clear()
    found = line.position_of(services, job.video)
    assert found is not None
    return found


@pytest.mark.real_storage
def test_callers_see_their_place_and_no_waiting_video_is_written(
    pool: Services, simulator: Simulator
) -> None:
    order = Order(pool, simulator)
    for job in (order(), order()):
        outcome(pool, job)
        submit_job(pool, job.id, 1)
    waiting = [order() for _ in range(3)]
    for job in waiting:
        assert outcome(pool, job) == "waiting"
        assert job.video.stage is Stage.WAITING_FOR_QUOTA
    line.call_next(pool, waiting[0].work)
    rows = [pool.videos.get(CALLER, job.id) for job in waiting]
    assert [place(pool, job).position for job in waiting] == [1, 2, 3]
    now = int(time.time())
    ends = [place(pool, job).completes_at or 0 for job in waiting]
    assert sorted(ends) == ends
    assert ends[0] >= now
    first = next(w for w in pool.work.all() if phase(w) is Phase.RENDERING)
    slots.free(pool, first)
    line.call_next(pool)  # grants the first in line
    assert [place(pool, job).position for job in waiting[1:]] == [1, 2]
    after = [pool.videos.get(CALLER, job.id) for job in waiting]
    assert [row and row.row.etag for row in after] == [row and row.row.etag for row in rows]


def test_a_429_pauses_the_deployment_and_is_counted(
    services: Services, simulator: Simulator
) -> None:
    simulator.script({"operation": "create", "action": {"type": "status", "status": 429}})
    job = Order(services, simulator)()
    began = time.time()
    assert outcome(services, job) == "granted"
    assert submit_job(services, job.id, 1).result["outcome"] == "again"
    state = states(services)["sora-2"]
    assert state.throttled == 1
    assert state.paused_until > began
    assert job.video.stage is Stage.WAITING_FOR_QUOTA
    job.drive()
    assert job.video.status is Status.COMPLETED


def test_a_slot_of_a_video_that_has_ended_is_given_back(
    pool: Services, simulator: Simulator
) -> None:
    """Its worker took the turn and died, and the video was cancelled meanwhile."""
    order = Order(pool, simulator)
    ended, working = order(), order()
    assert [outcome(pool, job) for job in (ended, working)] == ["granted", "granted"]
    work = ended.work
    assert work is not None
    pool.work.delete(work)
    slots.free_orphans(pool)
    held = [video_id for state in states(pool).values() for video_id in state.running]
    assert held == [working.id]


def test_a_turn_that_comes_after_the_end_is_given_back(
    pool: Services, simulator: Simulator
) -> None:
    job = Order(pool, simulator)()

    class Ends:
        """Table `deployments`, where every swap comes just after the video's end."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pool.deployments, name)

        def replace(self, *args: Any) -> Any:
            work = job.work
            assert work is not None
            pool.work.delete(work)
            return pool.deployments.replace(*args)

    late = replace(pool, deployments=Ends())  # type: ignore[arg-type]
    assert outcome(late, job) == "done"
    assert [dict(state.running) for state in states(pool).values()] == [{}, {}]
