"""A move to a successor that is interrupted: by death, by another worker, by a cancellation, at any
request to storage. The video is rendered once, by one model, and its money is right."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.domain.errors import Conflict
from shared.domain.ledger import Amounts
from shared.domain.quota import QueuedVideo, granted
from shared.domain.video import Stage, Status, advance
from shared.domain.work import Attempt
from shared.lifecycle import line
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video
from shared.lifecycle.steps.submit_job import submit_job
from shared.storage.booking import totals_of
from shared.storage.ledger import Ledger
from tests.shared.lifecycle.test_succession import CALLER, YES, World
from tests.support import heirs
from tests.support.dying import StopsAt
from tests.support.heirs import DEAR, HEIR
from tests.support.memory import all_in_memory
from tests.support.writes import Watched, Writes

MAPS = {"sizes": {"720x1280": "480x854"}, "seconds": {"4": 5}}
MOVED = 1_500_000
"""Micro-USD of what it is mapped to, at the dear price."""
MOST = 12
"""More writes than a move has."""


@pytest.fixture
def writes() -> Writes:
    return Writes()


@pytest.fixture
def world(
    services_with: Callable[..., Services], upstreams: Callable[..., str], writes: Writes
) -> World:
    ups = heirs.upstreams(upstreams(), MAPS, price=DEAR)
    services = services_with(UPSTREAMS=ups, BUDGET_USD_PER_DAY="4")
    return World(all_in_memory(services, lambda: Watched(writes)))


@pytest.fixture
def video_id(world: World) -> str:
    """A video that may move, and whose model is gone."""
    heirs.change(world.services, lambda state: replace(state, paused_until=world.clock.now + 1))
    waiting = world.order(allow_successor=YES)
    heirs.retire(world.services)
    return waiting


def die() -> None:
    raise StopsAt


def elsewhere(world: World) -> World:
    """The same app in another process, which knows nothing of this one's ledger."""
    ledger = Ledger(world.services.ledger._table)
    return World(replace(world.services, ledger=ledger), world.clock)


def new_worker(world: World, video_id: str) -> int:
    """What the sweep does: an older worker stops at its next step. Its epoch."""
    work = world.work(video_id)
    return world.services.work.replace(replace(work, epoch=work.epoch + 1)).epoch


def looks(world: World, video_id: str, epoch: int) -> str:
    """A worker looks until its turn has come, or its video has ended."""
    for _ in range(6):
        outcome = world.look(video_id, epoch)
        if outcome != "again":
            return outcome
    raise AssertionError("it moves for ever")


def is_sound(world: World, video_id: str) -> None:
    """Video, work, line and ledger say the same, and nothing is booked twice."""
    services = world.services
    stored = services.videos.find(CALLER, video_id)
    work = services.work.get(video_id)
    booked = world.booked(video_id)
    if work is None:
        assert booked == Amounts()
        assert stored is None or stored.video.status is Status.CANCELLED
    else:
        assert stored is not None
        assert work.move is None
        assert (work.model, work.asked_model) == (HEIR, "sora-2")
        assert stored.video.request.renderer == HEIR
        assert (stored.video.request.size, stored.video.request.seconds) == ("480x854", 5)
        assert booked == Amounts(reserved=MOVED)
        assert {entry.attempt for entry in world.entries(video_id)} == {1, 2}  # moved once
        assert work.reserved == stored.video.cost.estimated == MOVED
        assert work.deployment == "ltx"
    month = world.entries(video_id)[0].month
    for total in totals_of(world.entries(video_id)[0]):
        assert services.ledger.total(month, total) == booked
    table = services.ledger._table
    row = table.get(month, "t_m")
    assert row is not None
    assert row.number("open") == (0 if work is None else 1)
    places = [row.key for row in services.places._table.range("open", before="video_")]
    assert places == []
    holding = [each.state.running for each in line.deployments(services)]
    assert [list(running) for running in holding] == [[], [] if work is None else [video_id]]


def test_a_move_is_a_few_writes(world: World, video_id: str, writes: Writes) -> None:
    writes.arm(MOST)
    assert looks(world, video_id, 1) == "granted"
    assert 5 <= writes.count < MOST
    is_sound(world, video_id)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, MOST))
def test_a_worker_that_dies_at_any_write_is_followed_by_one_that_goes_on(
    world: World, video_id: str, writes: Writes, at: int, when: str
) -> None:
    writes.arm(at, **{when: die})
    with suppress(StopsAt):
        looks(world, video_id, 1)
    writes.arm(0)
    after = elsewhere(world)
    epoch = new_worker(after, video_id)
    assert looks(after, video_id, epoch) == "granted"
    is_sound(after, video_id)


@pytest.mark.parametrize("again", [False, True], ids=["a new worker", "the same step twice"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, MOST))
def test_two_at_once_move_it_once(
    world: World, video_id: str, writes: Writes, at: int, when: str, *, again: bool
) -> None:
    """The same step finds the successor busy, so that its video stands in line after the move."""
    other = elsewhere(world)
    if again:
        busy = world.clock.now + 1
        heirs.change(world.services, lambda state: replace(state, paused_until=busy), "ltx")

    def overtake() -> None:
        with writes.of_others():
            epoch = 1 if again else new_worker(other, video_id)
            assert looks(other, video_id, epoch) in ("granted", "waiting")

    writes.arm(at, **{when: overtake})
    assert looks(world, video_id, 1) in ("granted", "superseded", "waiting")
    writes.arm(0)
    world.clock.now += world.services.settings.durations.grant_lease + 1
    epoch = world.work(video_id).epoch
    assert looks(other, video_id, epoch) == "granted"
    is_sound(other, video_id)


@pytest.mark.parametrize("delete", [False, True], ids=["cancelled", "deleted"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, MOST))
def test_cancelled_in_the_middle_of_it_nothing_is_charged(
    world: World, video_id: str, writes: Writes, at: int, when: str, *, delete: bool
) -> None:
    other = elsewhere(world)

    def cancel() -> None:
        with writes.of_others():
            stored = other.services.videos.get(CALLER, video_id)
            assert stored is not None
            if delete:
                delete_video(other.services, stored.video)
            else:
                cancel_video(other.services, stored.video)

    writes.arm(at, **{when: cancel})
    with suppress(Conflict):
        looks(world, video_id, 1)
    writes.arm(0)
    if world.services.work.get(video_id) is not None:
        stored = world.services.videos.get(CALLER, video_id)
        if stored is not None and not stored.video.terminal:  # it was never reached
            cancel_video(world.services, stored.video)
        finish_video.finish_video(world.services, video_id, 1)
    is_sound(world, video_id)


@pytest.mark.parametrize("at", range(1, MOST))
def test_where_the_money_is_gone_in_the_middle_of_it_the_video_waits_and_moves_later(
    world: World, video_id: str, writes: Writes, at: int
) -> None:
    """Another request takes what is left of the budget; once it has ended, there is room again."""
    other = elsewhere(world)
    taken: list[str] = []

    def spend() -> None:
        with writes.of_others():
            while len(taken) < 3:
                with suppress(Exception):
                    taken.append(other.order(len(taken), seconds=4, allow_successor=YES))
                    continue
                break

    writes.arm(at, before=spend)
    outcome = looks(world, video_id, 1)
    writes.arm(0)
    assert outcome in ("granted", "waiting")
    for each in taken:
        cancel_video(other.services, other.video(each))
    world.clock.now += 60
    if outcome == "waiting":
        assert looks(world, video_id, 1) in ("granted", "waiting")
    for _ in range(3):  # the creates of the successor are two a minute
        world.clock.now += world.services.settings.durations.minute
        if world.look(video_id) == "granted":
            break
    is_sound(world, video_id)


def test_a_late_exchange_finds_the_books_of_an_ended_video_closed(
    world: World, video_id: str, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker stands still before the money moves; the video is cancelled and gone meanwhile."""
    exchange = Ledger.exchange

    def late(self: Ledger, *args: object, **extra: object) -> bool:
        monkeypatch.setattr(Ledger, "exchange", exchange)
        cancel_video(world.services, world.video(video_id))
        return exchange(self, *args, **extra)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "exchange", late)
    assert world.look(video_id) == "done"
    is_sound(world, video_id)


def test_a_submit_that_comes_late_sends_nothing_for_a_video_that_moves(
    world: World, video_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turn at the old model is over, and its worker's last submit is repeated in the middle of
    the move."""
    services = world.services
    turn = replace(world.work(video_id), hint=None, attempt=Attempt(deployment="sora-2"))
    services.work.replace(turn)
    exchange = Ledger.exchange

    def late(self: Ledger, *args: object, **extra: object) -> bool:
        monkeypatch.setattr(Ledger, "exchange", exchange)
        submit_job(services, video_id, 1)
        return exchange(self, *args, **extra)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "exchange", late)
    assert looks(world, video_id, 1) == "granted"
    assert world.work(video_id).posts == 0
    is_sound(world, video_id)


def test_a_worker_that_is_late_does_not_take_the_video_back_into_the_line(
    world: World, video_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still in the move; another one has carried that out, and the video renders."""
    services = world.services
    exchange = Ledger.exchange

    def late(self: Ledger, *args: object, **extra: object) -> bool:
        monkeypatch.setattr(Ledger, "exchange", exchange)
        assert looks(world, video_id, 1) == "granted"
        stored = services.videos.find(CALLER, video_id)
        assert stored is not None
        services.videos.replace(stored, advance(stored.video, Stage.RENDERING, progress=50))
        return exchange(self, *args, **extra)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "exchange", late)
    world.look(video_id)
    video = world.video(video_id)
    assert (video.stage, video.progress) == (Stage.RENDERING, 50)
    is_sound(world, video_id)


@pytest.mark.parametrize("booked", [False, True], ids=["before its money", "after its money"])
def test_a_turn_that_comes_while_it_moves_is_not_taken_after_the_deadline(
    world: World, video_id: str, monkeypatch: pytest.MonkeyPatch, *, booked: bool
) -> None:
    """The old model answers again, and has granted a turn to a video that was leaving its line. Its
    worker dies in the move, and the next one comes too late."""
    services = world.services
    exchange = Ledger.exchange

    def dies(self: Ledger, *args: object, **extra: object) -> bool:
        if booked:
            exchange(self, *args, **extra)  # type: ignore[arg-type]
        raise StopsAt

    monkeypatch.setattr(Ledger, "exchange", dies)
    with suppress(StopsAt):
        world.look(video_id)
    monkeypatch.setattr(Ledger, "exchange", exchange)
    assert world.work(video_id).move is not None
    heirs.back(services)
    world.clock.now = world.work(video_id).queue_deadline + 1
    work = world.work(video_id)
    late = QueuedVideo(
        video_id=video_id,
        caller=CALLER,
        deployments=work.deployments,
        expected=work.expected,
        facts=work.facts or "",
        model=work.model,
    )
    heirs.change(services, lambda state: granted(state, late, world.clock.now, lease=60.0))
    assert world.look(video_id) == "decided"
    ended = world.end(video_id)
    assert ended.error is not None
    assert ended.error.code == "queue_timeout"
    assert world.booked(video_id) == Amounts()
