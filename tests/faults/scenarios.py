"""Kinds of scenario: a fault of the upstream, a kill at one effect of a job, one at an effect of
its cancellation, and a small round of chaos among several hosts."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults import chaos, profiles
from tests.faults.fleet import Fleet
from tests.faults.gate import Trap, When
from tests.faults.matrix import COMPLETED, Fault, rule, scenarios
from tests.faults.rig import HANGS, Rig, Survives, TookTooLong, a_red_image, shapes
from tests.faults.verdict import Allowed

SHAPES = dict(shapes()) | profiles.shapes()
IMAGE = "sora-2 with an image"
_IMAGE = {"input_reference": {"image_url": a_red_image()}}
SHAPES[IMAGE] = SHAPES["sora-2"] | _IMAGE

_LONG_RENDER = rule("create", "render_time", seconds=3600)
_LONG_ENOUGH = 60
"""Minutes of a job that has to complete, even if its host is slow to come back."""


@dataclass(frozen=True)
class Outcome:
    """How a scenario ended; an empty list of breaches is the only pass."""

    name: str
    breaches: list[str]
    seconds: float
    log: str = ""
    reached: bool = True
    """For kills: whether the run had as many effects as that."""


@dataclass(frozen=True)
class FaultScenario:
    fault: Fault
    column: str
    """A dialect or a profile."""
    borrowed: bool = False
    """Whether the row is another column's, so that only the verdict counts, and not how it ends."""

    @property
    def name(self) -> str:
        return f"{self.column} {self.fault.name}"

    @property
    def allowed(self) -> Allowed:
        """What it may leave behind."""
        if not self.borrowed:
            return self.fault.allowed
        return replace(self.fault.allowed, unreachable_outputs=True, watched=True)

    def run(self, rig: Rig) -> Outcome:
        began = time.monotonic()
        try:
            breaches = self._breaches(rig)
        except (TookTooLong, AssertionError) as error:
            breaches = [f"{type(error).__name__}: {error}", *rig.breaches(self.allowed)]
        log = rig.log_tail() if breaches else ""
        return Outcome(self.name, breaches, time.monotonic() - began, log)

    def _breaches(self, rig: Rig) -> list[str]:
        fault, breaches = self.fault, []
        rig.begin("tables")
        rig.ensure_host()
        rig.clear(*fault.script)
        prompt = fault.name.removeprefix("prompt: ")
        shape = SHAPES[self.column] | (_IMAGE if fault.image else {})
        video_id = rig.order(1, prompt=prompt, **shape)
        if fault.then is not None:
            first = self._until_ended(rig, video_id)
            breaches += self._not_as(fault.ends, first)
            self._lift(rig)
        rig.settle(watched=self.allowed.watched)
        video = rig.video(video_id)
        breaches += self._not_as(fault.then or fault.ends, ending(video))
        if fault.reason not in ((video["error"] or {}).get("message") or ""):
            breaches.append(f"the reason is missing in {video['error']}")
        jobs = rig.simulator("GET", "/_sim/journal")["jobs"]
        if any(job["spec"]["has_reference"] is not fault.image for job in jobs):
            breaches.append("an image was forgotten, or made up")
        return breaches + rig.breaches(self.allowed) + rig.cost_breaches(fault.cost)

    def _not_as(self, expected: tuple[str, str | None], found: tuple[str, str | None]) -> list[str]:
        if self.borrowed or found == expected:
            return []
        return [f"ended {found} instead of {expected}"]

    def _until_ended(self, rig: Rig, video_id: str) -> tuple[str, str | None]:
        until = time.monotonic() + HANGS
        while (video := rig.video(video_id))["status"] in ("queued", "in_progress"):
            if time.monotonic() > until:
                raise TookTooLong(f"still {video['status']}/{video['stage']}")
            time.sleep(0.05)
        return ending(video)

    def _lift(self, rig: Rig) -> None:
        """The fault is over: the scripts are cleared, what hung is finished."""
        rig.simulator("DELETE", "/_sim/faults")
        for job in rig.simulator("GET", "/_sim/journal")["jobs"]:
            if job["foreign"] and self.fault.foreign_vanish:
                rig.force(job["id"], "vanished")
            elif job["ended_at"] is None or job["status"] in ("queued", "in_progress", "running"):
                rig.force(job["id"], "completed")


def fault_scenarios(*, everywhere: bool = False) -> list[FaultScenario]:
    """Each row in each of its dialects, and the rows of each profile; `everywhere` each row of
    Sora 2 in each profile as well."""
    found = [FaultScenario(fault, dialect) for fault, dialect in scenarios()]
    found += [
        FaultScenario(fault, name) for name in profiles.NAMES for fault in profiles.rows(name)
    ]
    if everywhere:
        sora_2 = [fault for fault, dialect in scenarios() if dialect == "sora-2"]
        found += [
            FaultScenario(fault, name, borrowed=True) for name in profiles.NAMES for fault in sora_2
        ]
    return found


@dataclass(frozen=True)
class KillScenario:
    """The host is killed at effect `number`, before it is sent or after it was answered."""

    shape: str
    survives: Survives
    number: int
    when: When

    @property
    def name(self) -> str:
        return f"{self.shape} killed {self.when} effect {self.number}, {self.survives} survive"

    def run(self, rig: Rig) -> Outcome:
        began = time.monotonic()
        rig.begin(self.survives)
        rig.ensure_host()
        rig.clear()
        trap = rig.arm(self.number, self.when)
        unsure = self.shape in profiles.UNSURE
        breaches: list[str] = []
        try:
            video_id = rig.order(1, **SHAPES[self.shape])
            rig.settle(watched=unsure)
            ended = ending(rig.video(video_id))
            if ended != COMPLETED and not (unsure and ended == profiles.UNKNOWN):
                breaches.append(f"the video ended {ended}")
        except (TookTooLong, AssertionError) as error:
            breaches.append(f"{type(error).__name__}: {error}")
        breaches += rig.breaches(Allowed(unreachable_outputs=unsure, watched=unsure))
        return outcome_of(rig, self.name, trap, breaches, began)


@dataclass(frozen=True)
class CancelScenario:
    """A video is cancelled while it renders, and the host is killed at effect `number` after that.

    The client repeats its cancel until it is answered."""

    shape: str
    number: int
    when: When

    @property
    def name(self) -> str:
        return f"{self.shape} cancelled, killed {self.when} effect {self.number}"

    def run(self, rig: Rig) -> Outcome:
        began = time.monotonic()
        rig.begin("tables")
        video_id = a_rendering_video(rig, self.shape)
        trap = rig.arm(self.number, self.when)
        breaches: list[str] = []
        try:
            rig.cancel(video_id)
            rig.settle()
            status = rig.video(video_id)["status"]
            if status != "cancelled":
                breaches.append(f"the video ended {status}")
        except (TookTooLong, AssertionError) as error:
            breaches.append(f"{type(error).__name__}: {error}")
        breaches += rig.breaches()
        return outcome_of(rig, self.name, trap, breaches, began)


@dataclass(frozen=True)
class HostsScenario:
    """A round of `make chaos ARGS="--hosts N"`, small enough for every run."""

    seed: int
    hosts: int
    videos: int = 30
    strikes: int = 5

    @property
    def name(self) -> str:
        return f"{self.hosts} hosts over one storage, seed {self.seed}"

    def run(self, _rig: Rig) -> Outcome:
        """On a stack of its own."""
        began, breaches, log = time.monotonic(), [], ""
        settings = {"BUDGET_USD_PER_DAY": str(self.videos)}
        with (
            tempfile.TemporaryDirectory() as folder,
            Fleet(Path(folder), settings=settings, caller_limits={}) as fleet,
        ):
            try:
                breaches = chaos.play_hosts(
                    fleet, self.seed, self.videos, self.strikes, self.hosts, chaos.CERTAIN
                )
            except (TookTooLong, AssertionError) as error:
                breaches = [f"{type(error).__name__}: {error}", *fleet.breaches()]
            if breaches:
                log = fleet.log_tail()
        return Outcome(self.name, breaches, time.monotonic() - began, log)


def a_rendering_video(rig: Rig, shape: str) -> str:
    """A video whose job renders for long."""
    rig.ensure_host()
    rig.clear(_LONG_RENDER)
    video_id = rig.order(1, **SHAPES[shape])
    until = time.monotonic() + HANGS
    while rig.video(video_id)["stage"] != "rendering":
        if time.monotonic() > until:
            raise TookTooLong(f"{video_id} does not render")
        time.sleep(0.02)
    return video_id


def killed(
    rig: Rig, name: str, number: int, when: When, play: Callable[[Rig], list[str]]
) -> Outcome:
    """What `play` came to, whose host is killed at an effect; it says itself what is wrong."""
    began = time.monotonic()
    rig.begin("tables", job_minutes=_LONG_ENOUGH)
    rig.ensure_host()
    rig.clear()
    trap = rig.arm(number, when)
    breaches: list[str] = []
    try:
        breaches += play(rig)
    except (TookTooLong, AssertionError) as error:
        breaches.append(f"{type(error).__name__}: {error}")
    breaches += rig.breaches()
    return outcome_of(rig, name, trap, breaches, began)


def outcome_of(rig: Rig, name: str, trap: Trap, breaches: list[str], began: float) -> Outcome:
    where = "" if trap.sprung is None else f" ({trap.sprung.target} {trap.sprung.method})"
    return Outcome(
        name + where,
        breaches,
        time.monotonic() - began,
        rig.log_tail() if breaches else "",
        reached=trap.sprung is not None,
    )


def effects_of_a_clean_run(rig: Rig, shape: str, *, runs: int = 3) -> int:
    """How many effects a video has when nothing goes wrong: the most of several runs."""
    counts = []
    for _ in range(runs):
        rig.ensure_host()
        rig.clear()
        rig.order(1, **SHAPES[shape])
        rig.settle()
        assert rig.breaches() == []
        counts.append(len(rig.gate.effects))
    return max(counts)


def effects_of_a_clean_cancel(rig: Rig, shape: str) -> int:
    """How many effects there are from a cancel to the end of its job."""
    video_id = a_rendering_video(rig, shape)
    rig.gate.reset()
    rig.cancel(video_id)
    rig.settle()
    assert rig.breaches() == []
    return len(rig.gate.effects)


def ending(video: dict[str, Any]) -> tuple[str, str | None]:
    error = video["error"]
    return video["status"], None if error is None else error["code"]
