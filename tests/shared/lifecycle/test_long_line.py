"""A thousand in line: what each of them costs, in virtual time.

The lifecycle is the real one, on tables in memory; workers wake when their sleep ends or their hint
arrives, submit, and free their slot when their render is over.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import pytest

from shared.domain.work import Work, instance_id
from shared.durable.names import Hint
from shared.lifecycle import line, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps.take_turn import take_turn
from tests.support.memory import MemoryTable, in_memory
from tests.support.states import RUNNING
from tests.support.virtual import VirtualTime

RENDER = 45.0
START = 1_796_000_000.0


@dataclass
class Run:
    """Virtual time, the tables, and everybody's next wake-up."""

    services: Services
    deployments: MemoryTable
    works: MemoryTable
    lost: float = 0.0
    """Which share of the hints never arrives."""
    time: VirtualTime = field(default_factory=lambda: VirtualTime(START))
    asleep: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Instance -> the hint it waits for, and which of its sleeps that is."""
    sleeps: Counter[str] = field(default_factory=Counter)
    started: list[tuple[float, str]] = field(default_factory=list)
    awake_at: Counter[int] = field(default_factory=Counter)
    """Wake-ups in each second."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def now(self) -> float:
        return self.time.now

    def at(self, when: float, what: Callable[[], None]) -> None:
        self.time.at(when, what)

    def go(self, until: float = inf) -> None:
        self.time.run(until)

    def work(self, video_id: str) -> None:
        """A worker's `take_turn`, and what follows from it."""
        hint = f"turn-{self.sleeps[video_id]}"
        done = take_turn(self.services, video_id, 1, hint)
        self.tell(done.hints)
        self.sleeps[video_id] += 1
        self.awake_at[int(self.now)] += 1
        if done.result["outcome"] == "waiting":
            number = self.sleeps[video_id]
            self.asleep[instance_id(video_id, 1)] = (hint, number)
            self.at(self.now + done.result["wait"], lambda: self.wake(video_id, number))
            return
        assert done.result["outcome"] == "granted"
        self.started.append((self.now, video_id))
        self.at(self.now + 0.5, lambda: self.submitted(video_id))

    def wake(self, video_id: str, number: int) -> None:
        if self.sleeps[video_id] == number:
            self.work(video_id)

    def tell(self, hints: tuple[Hint, ...]) -> None:
        for hint in hints:
            expected, number = self.asleep.get(hint["instance"], ("", 0))
            if expected == hint["event"] and self.chance.random() >= self.lost:
                video_id = hint["instance"].removesuffix("-1")
                self.at(self.now + 0.1, lambda v=video_id, n=number: self.wake(v, n))  # type: ignore[misc]

    def submitted(self, video_id: str) -> None:
        work = self.services.work.get(video_id)
        assert work is not None
        self.services.work.replace(_rendering(work))
        slots.close_submit(self.services, work, until=self.now + 86400)
        self.tell(line.call_next(self.services)[1])
        self.at(self.now + RENDER, lambda: self.over(video_id))

    def over(self, video_id: str) -> None:
        work = self.services.work.get(video_id)
        assert work is not None
        slots.free(self.services, work)
        self.services.work.delete(work)
        self.tell(line.call_next(self.services)[1])


@pytest.fixture
def make_run(services_with: Callable[..., Services]) -> Callable[..., Run]:
    def make(videos: int, *, lost: float = 0.0) -> Run:
        app = services_with(TIME_SCALE="1", QUEUE_DEADLINE_HOURS="48")
        deployments, works = MemoryTable(), MemoryTable()
        run = Run(app, deployments, works, lost)
        run.services = replace(
            in_memory(run.services, work=works, deployments=deployments),
            videos=_NoVideos(),  # type: ignore[arg-type]
            clock=lambda: run.now,
        )
        for number in range(videos):
            arrives = START + number * 0.01
            run.at(arrives, lambda n=number: admit(run, n))  # type: ignore[misc]
        return run

    return make


def _rendering(work: Work) -> Work:
    assert work.attempt is not None
    return replace(work, posts=1, attempt=replace(work.attempt, job=RUNNING))


class _NoVideos:
    """The callers' rows: writing them is not what is looked at here."""

    def __init__(self) -> None:
        self.reads = 0

    def find(self, *_: Any) -> None:
        self.reads += 1


def admit(run: Run, number: int) -> None:
    entropy = run.chance.randbytes(10).hex()
    work = Work(
        video_id=f"video_{int(run.now * 1000):012x}{entropy}",
        caller=f"key:{number % 5}",
        model="sora-2",
        epoch=1,
        created_at=run.now,
        heartbeat_at=run.now,
        queue_deadline=run.now + 48 * 3600,
        deployments=("sora-2",),
        day="2026-11-30",
        reserved=1,
        expected=RENDER,
    )
    run.services.work.insert(work)
    run.work(work.video_id)


def authority(run: Run) -> int:
    """Requests to the deployments' rows: the partition `d`; the snapshots are not among them."""
    return sum(count for (_, of), count in run.deployments.operations.items() if of == "d")


def test_a_video_costs_a_handful_of_authority_operations_over_its_life(
    make_run: Callable[..., Run],
) -> None:
    videos = 120
    run = make_run(videos)
    run.go()
    order = [video_id for _, video_id in run.started]
    assert order == sorted(order), "first come, first served"
    assert len(set(order)) == videos
    each = authority(run) / videos
    snapshots = run.deployments.operations["replace", "line"] / videos
    took = run.started[-1][0] - START
    print(f"{each:.1f} authority operations, {snapshots:.1f} snapshots for each video")
    assert each < 16
    assert snapshots < 3
    # two a minute, and no time lost between the turns
    assert took < (videos / 2 - 1) * 60 * 1.02


def test_a_thousand_in_line_are_no_herd(make_run: Callable[..., Run]) -> None:
    """Half an hour in the middle of a long wait: nobody looks more often than every seven minutes
    before his turn is near, and they do not look together."""
    run = make_run(1000)
    run.go(until=START + 600)
    run.awake_at.clear()
    before, served = authority(run), len(run.started)
    run.go(until=START + 600 + 1800)
    served = len(run.started) - served
    wakes = sum(run.awake_at.values())
    busiest = max(run.awake_at.values())
    each = (authority(run) - before) / served
    print(f"{served} served, {each:.1f} authority operations for each; {wakes} wake-ups of 1000 in")
    print(f"half an hour, {busiest} in the busiest second")
    assert served >= 58
    assert each < 16
    assert wakes < 1000 * 4 + served * 5
    assert busiest < 20


def test_with_every_hint_lost_it_still_works_later(make_run: Callable[..., Run]) -> None:
    run = make_run(60, lost=1.0)
    run.go()
    assert len({video_id for _, video_id in run.started}) == 60
    ideal = (60 / 2 - 1) * 60
    assert run.started[-1][0] - START < 6 * ideal
