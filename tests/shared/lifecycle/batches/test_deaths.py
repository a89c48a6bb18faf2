"""A worker of a batch that dies, or exists twice, at any request to storage."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.domain.batch import Batch, Outcome
from shared.domain.errors import Conflict
from shared.domain.video import Status
from shared.lifecycle.batches import together
from shared.lifecycle.batches.revive import silent_batches
from shared.lifecycle.requests import batches
from shared.lifecycle.services import Services
from tests.shared.lifecycle.batches.conftest import CALLER, PRICE, World, jsonl, line
from tests.support.dying import StopsAt
from tests.support.memory import all_in_memory
from tests.support.writes import Watched, Writes

FILM = jsonl(*(line(number) for number in range(1, 6)))
BUDGET = 4 * PRICE + PRICE // 2


@pytest.fixture
def writes() -> Writes:
    return Writes()


@pytest.fixture
def new_world(
    settled_services: Services, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], World]:
    monkeypatch.setattr(together, "_AT_ONCE", 1)  # so that the n-th write is always the same
    return lambda: World(all_in_memory(settled_services, lambda: Watched(writes)))


def die() -> None:
    raise StopsAt


def finish(world: World, writes: Writes) -> Batch:
    """As `World.finish`, with a worker that dies where it was told to."""
    for _ in range(100):
        try:
            outcome = world.turn().result["outcome"]
            if outcome == "done":
                return world.batch
            if outcome == "superseded":
                raise StopsAt
        except StopsAt:
            with writes.of_others():
                world.restart()
        world.now += 60
        with writes.of_others():
            world.end_all()
    raise AssertionError(world.batch)


def judge(world: World, batch: Batch) -> None:
    """Four lines fit; each of them is one video, whatever died."""
    assert (batch.status, batch.completed, batch.failed) == ("completed", 4, 0)
    assert batch.committed == 4 * PRICE == world.booked() <= BUDGET
    assert (batch.reserved, batch.unknown) == (0, 0)
    videos = world.videos()
    assert Counter(video.request.prompt for video in videos) == {
        f"clip {number}": 1 for number in range(1, 5)
    }
    assert {video.status for video in videos} == {Status.COMPLETED}
    ended = list(world.services.batches.ended_lines(batch.id))
    assert [each.number for each in ended] == [1, 2, 3, 4]
    assert {each.outcome for each in ended} == {Outcome.COMPLETED}
    assert world.services.batches.open_lines(batch.id) == []
    assert world.services.batches.silent(world.now * 2, limit=10) == []
    answers = world.lines(batch.output_file_id)
    assert [each["custom_id"] for each in answers] == [f"clip-{each}" for each in range(1, 5)]
    assert [each["custom_id"] for each in world.lines(batch.error_file_id)] == ["clip-5"]
    assert list(world.services.work.all()) == []


def writes_of_a_clean_run(world: World, writes: Writes) -> int:
    writes.arm(0)
    world.create(FILM, budget=BUDGET, max_running=3, completion_window="30d")
    judge(world, finish(world, writes))
    return writes.count


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_at_any_write_loses_and_doubles_nothing(
    new_world: Callable[[], World], writes: Writes, when: str
) -> None:
    count = writes_of_a_clean_run(new_world(), writes)
    assert count > 30
    for at in range(1, count + 1):
        world = new_world()
        writes.arm(0)
        world.create(FILM, budget=BUDGET, max_running=3, completion_window="30d")
        writes.arm(at, **{when: die})
        try:
            judge(world, finish(world, writes))
        except AssertionError as error:
            raise AssertionError(f"killed {when} write {at}") from error


@pytest.mark.parametrize("newer", [False, True])
def test_a_second_worker_at_any_write_changes_nothing(
    new_world: Callable[[], World], writes: Writes, newer: bool
) -> None:
    """A whole turn of another worker, of the same or of a newer epoch, just before a write."""
    count = writes_of_a_clean_run(new_world(), writes)
    for at in range(1, count + 1):
        world = new_world()
        writes.arm(0)
        world.create(FILM, budget=BUDGET, max_running=3, completion_window="30d")

        def meanwhile(world: World = world) -> None:
            other = world.elsewhere()
            with writes.of_others():
                if newer:
                    other.restart()
                other.turn()

        writes.arm(at, before=meanwhile)
        try:
            judge(world, finish(world, writes))
        except AssertionError as error:
            raise AssertionError(f"another worker before write {at}") from error


def test_a_repeated_create_goes_on_where_the_first_one_died(
    new_world: Callable[[], World], writes: Writes
) -> None:
    for at, when in itertools.product(range(1, 7), ("before", "after")):
        world = new_world()
        file_id = world.put(FILM)
        writes.arm(at, **{when: die})
        try:
            world.take(world.order(file_id))
        except StopsAt:
            world.services = replace(world.elsewhere().services, clock=world.clock)
        writes.arm(0)
        made = world.take(world.order(file_id))
        listed = world.services.batches.page(CALLER, after=None, limit=9)
        assert [each.id for each in listed] == [made.id], (at, when)
        assert world.finish().total == 5


def test_a_pause_and_a_resume_at_any_write_change_nothing(
    new_world: Callable[[], World], writes: Writes
) -> None:
    """And the workers of all videos are started, though the batch was changed in between."""
    count = writes_of_a_clean_run(new_world(), writes)
    for at in range(1, count + 1):
        world = new_world()
        writes.arm(0)
        world.create(FILM, budget=BUDGET, max_running=3, completion_window="30d")

        def meanwhile(world: World = world) -> None:
            with writes.of_others(), suppress(Conflict):
                for paused in (True, False):
                    batches.pause(world.services, world.batch, paused=paused)

        writes.arm(at, before=meanwhile)
        try:
            judge(world, finish(world, writes))
            assert world.started == {video.id for video in world.videos()}
        except AssertionError as error:
            raise AssertionError(f"paused and resumed before write {at}") from error


def test_a_batch_whose_worker_was_never_started_gets_one(world: World) -> None:
    created = world.create(FILM)
    assert silent_batches(world.services) == []
    world.now += 100
    (worker,) = silent_batches(world.services)
    assert worker.payload["batch_id"] == created.id
    assert (worker.payload["epoch"], world.batch.epoch) == (2, 2)
    assert silent_batches(world.services) == [], "it has time to come to life"


def test_a_create_that_died_before_its_batch_leaves_nothing(world: World) -> None:
    world.services.batches.touch("batch_" + "0" * 32, world.now)
    world.now += 100
    assert silent_batches(world.services) == []
    assert world.services.batches.silent(world.now, limit=9) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_batch_that_is_cancelled_after_its_worker_died_ends(
    new_world: Callable[[], World], writes: Writes, when: str
) -> None:
    """Whatever it was at: also between the claim of a line and all that follows it."""
    count = writes_of_a_clean_run(new_world(), writes)
    for at in range(1, count + 1):
        world = new_world()
        writes.arm(0)
        world.create(FILM, budget=BUDGET, max_running=3, completion_window="30d")
        writes.arm(at, **{when: die})
        with suppress(StopsAt):
            while world.turn().result["outcome"] != "done":
                world.now += 10
        writes.arm(0)
        if world.batch.terminal:
            continue
        with suppress(Conflict):  # it was about to end
            batches.cancel(world.services, world.batch)
        world.restart()
        batch = world.finish()
        assert batch.terminal, (at, when)
        assert batch.reserved == 0, (at, when)
        assert batch.committed == world.booked(), (at, when)
        assert list(world.services.work.all()) == [], (at, when)
