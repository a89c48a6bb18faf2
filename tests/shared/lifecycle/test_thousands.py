"""A line of thousands: everybody has a true place, and what happens in it costs no more than in a
short one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.ids import new_video_id
from shared.domain.likeness import facts
from shared.domain.quota import live
from shared.domain.video import Cost, CostState, Stage, Status, Video
from shared.domain.work import Phase, Work
from shared.lifecycle import line
from shared.lifecycle.background import backlog
from shared.lifecycle.line import Line
from shared.lifecycle.services import Services
from shared.lifecycle.steps.take_turn import take_turn
from shared.storage.snapshots import Snapshot
from tests.support import farm
from tests.support.memory import in_memory

START = 1_796_000_000.0
MANY = 2500
FAR = 2000
MINUTE = 60.0


class Clock:
    """It stands still."""

    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(services_with: Callable[..., Services], clock: Clock) -> Services:
    """2,500 in line for a deployment that takes six a minute, and a forecast of them."""
    entry = farm.entry("openai", "https://farm.example", 6)
    app = services_with(TIME_SCALE="1", UPSTREAMS=json.dumps([entry]))
    app = replace(in_memory(app), clock=clock)
    for number in range(MANY):
        wait(app, number)
    assert forecast(app) is not None
    return app


def id_of(number: int) -> str:
    return new_video_id(int(START * 1000) + number, number.to_bytes(10))


def wait(services: Services, number: int) -> None:
    """One more, whose worker waits."""
    now, request = START - 3600, farm.request(f"fox {number}")
    work = Work(
        video_id=id_of(number),
        caller="key:a",
        model="wan",
        epoch=1,
        created_at=now,
        heartbeat_at=now,
        queue_deadline=START + 24 * 3600,
        deployments=("wan",),
        day="2026-11-30",
        reserved=1,
        expected=30.0,
        facts=facts(request),
    )
    stored = services.work.insert(work)
    services.work.replace(replace(stored, hint=f"h{number}"))
    cost = Cost(estimated=1, actual=None, state=CostState.RESERVED, price_version="v")
    services.videos.insert(
        Video(
            id=work.video_id,
            caller=work.caller,
            request=request,
            status=Status.QUEUED,
            stage=Stage.WAITING_FOR_QUOTA,
            progress=0,
            created_at=int(now),
            estimated_completion_at=None,
            cost=cost,
        )
    )


def forecast(services: Services, **changes: Any) -> Snapshot | None:
    before = services.snapshots.get("wan")
    return line.refresh(services, "wan", Line(line.deployments(services)), before, **changes)


def place_of(services: Services, number: int) -> int:
    services.snapshots._kept.clear()
    services.deployments._kept.clear()
    stored = services.videos.get("key:a", id_of(number))
    assert stored is not None
    found = line.position_of(services, stored.video)
    assert found is not None
    return found.position


def test_everybody_moves_up_by_the_turns_that_were_given(services: Services) -> None:
    assert [place_of(services, number) for number in (0, 999, 1000, 2499)] == [1, 1000, 1001, 2500]
    written = services.snapshots.get("wan")
    _, hints = line.call_next(services)
    assert len(hints) == 6, "all turns of the minute"
    assert services.snapshots.get("wan") == written, "no forecast for six of thousands"
    assert [place_of(services, number) for number in (6, 999, 2499)] == [1, 994, 2494]


def test_those_who_came_later_stand_behind_each_other(services: Services) -> None:
    for number in range(MANY, MANY + 3):
        wait(services, number)
    assert [place_of(services, MANY + number) for number in range(3)] == [2501, 2502, 2503]


def test_a_long_line_is_forecast_again_when_enough_has_moved_or_after_a_while(
    services: Services, clock: Clock
) -> None:
    assert forecast(services, joined=MANY // 50 - 1) is None
    newer = forecast(services, joined=MANY // 50)
    assert newer is not None
    clock.now += 9 * MINUTE
    assert forecast(services) is None
    clock.now += 2 * MINUTE
    assert forecast(services) is not None


def test_who_is_far_back_sleeps_long_and_is_not_taken_for_dead(
    services: Services, clock: Clock
) -> None:
    """Half of the way to its turn, some five hours off, but two hours at most."""
    waits = take_turn(services, id_of(FAR), 1, "again").result["wait"]
    assert 1.5 * 3600 <= waits <= 2 * 3600
    before = clock.now + waits - MINUTE
    silent = services.work.silent({Phase.WAITING: before - 12 * MINUTE}, limit=MANY)
    assert id_of(FAR) not in {work.video_id for work in silent}
    assert id_of(FAR - 1) in {work.video_id for work in silent}


def test_a_place_that_nobody_waits_at_holds_nothing_up(services: Services) -> None:
    """Only a process of another release can leave one."""
    ghost = services.work.get(id_of(0))
    assert ghost is not None
    services.work._table.delete(services.work._table.get("open", ghost.video_id))  # type: ignore[arg-type]
    _, hints = line.call_next(services)
    assert id_of(0) not in {hint["instance"].rpartition("-")[0] for hint in hints}
    (stored,) = line.deployments(services)
    assert id_of(0) not in live(stored.state, START)
    assert id_of(0) not in {video.video_id for video in services.places.all("wan")}


def test_a_long_line_is_counted_by_its_forecast(services: Services) -> None:
    assert backlog.unfinished(services) == backlog.Unfinished(MANY, START - 3600, 0)
    line.call_next(services)
    services.snapshots._kept.clear()
    services.deployments._kept.clear()
    assert backlog.unfinished(services).waiting == MANY - 6


def test_what_a_list_may_show_is_learned_of_a_video_of_an_earlier_release(
    services: Services,
) -> None:
    work = services.work.get(id_of(FAR))
    assert work is not None
    services.work.replace(replace(work, facts=None))
    take_turn(services, work.video_id, 1, "again")
    found = services.work.get(work.video_id)
    assert found is not None
    assert found.facts == work.facts
