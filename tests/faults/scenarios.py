"""Two kinds of scenario: a fault of the upstream, and a kill at one effect."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tests.faults.gate import When
from tests.faults.matrix import Fault
from tests.faults.rig import Rig, Survives, TookTooLong, shapes

SHAPES = dict(shapes())


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
    dialect: str

    @property
    def name(self) -> str:
        return f"{self.dialect} {self.fault.name}"

    def run(self, rig: Rig) -> Outcome:
        began = time.monotonic()
        try:
            breaches = self._breaches(rig)
        except (TookTooLong, AssertionError) as error:
            breaches = [f"{type(error).__name__}: {error}", *rig.breaches(self.fault.allowed)]
        log = rig.log_tail() if breaches else ""
        return Outcome(self.name, breaches, time.monotonic() - began, log)

    def _breaches(self, rig: Rig) -> list[str]:
        fault, breaches = self.fault, []
        rig.survive("tables")
        rig.ensure_host()
        rig.clear(*fault.script)
        prompt = fault.name.removeprefix("prompt: ")
        video_id = rig.order(1, prompt=prompt, **SHAPES[self.dialect])
        if fault.then is not None:
            first = self._until_ended(rig, video_id)
            if first != fault.ends:
                breaches.append(f"ended {first} instead of {fault.ends}")
            self._lift(rig)
        rig.settle()
        last = ending(rig.video(video_id))
        expected = fault.then or fault.ends
        if last != expected:
            breaches.append(f"ended {last} instead of {expected}")
        return breaches + rig.breaches(fault.allowed)

    def _until_ended(self, rig: Rig, video_id: str) -> tuple[str, str | None]:
        until = time.monotonic() + 30
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
                rig.simulator("POST", f"/_sim/jobs/{job['id']}", json={"state": "vanished"})
            elif job["ended_at"] is None or job["status"] in ("queued", "in_progress", "running"):
                rig.simulator("POST", f"/_sim/jobs/{job['id']}", json={"state": "completed"})


@dataclass(frozen=True)
class KillScenario:
    """The host is killed at effect `number`, before it is sent or after it was answered."""

    dialect: str
    survives: Survives
    number: int
    when: When

    @property
    def name(self) -> str:
        return f"{self.dialect} killed {self.when} effect {self.number}, {self.survives} survive"

    def run(self, rig: Rig) -> Outcome:
        began = time.monotonic()
        rig.survive(self.survives)
        rig.ensure_host()
        rig.clear()
        trap = rig.arm(self.number, self.when)
        breaches: list[str] = []
        try:
            video_id = rig.order(1, **SHAPES[self.dialect])
            rig.settle()
            status = rig.video(video_id)["status"]
            if status != "completed":
                breaches.append(f"the video ended {status}")
        except (TookTooLong, AssertionError) as error:
            breaches.append(f"{type(error).__name__}: {error}")
        breaches += rig.breaches()
        where = "" if trap.sprung is None else f" ({trap.sprung.target} {trap.sprung.method})"
        return Outcome(
            self.name + where,
            breaches,
            time.monotonic() - began,
            rig.log_tail() if breaches else "",
            reached=trap.sprung is not None,
        )


def effects_of_a_clean_run(rig: Rig, dialect: str, *, runs: int = 3) -> int:
    """How many effects a video has when nothing goes wrong: the most of several runs."""
    counts = []
    for _ in range(runs):
        rig.ensure_host()
        rig.clear()
        rig.order(1, **SHAPES[dialect])
        rig.settle()
        assert rig.breaches() == []
        counts.append(len(rig.gate.effects))
    return max(counts)


def ending(video: dict[str, Any]) -> tuple[str, str | None]:
    error = video["error"]
    return video["status"], None if error is None else error["code"]
