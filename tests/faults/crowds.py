"""Several videos at once at one deployment, whose creates are in flight together: each of their
answers is lost, and each must find its own job or none."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import profiles
from tests.faults.matrix import COMPLETED, EVER, LOST_ANSWER, rule
from tests.faults.rig import Rig, TookTooLong
from tests.faults.scenarios import Outcome, ending
from tests.faults.verdict import Allowed

DIFFERENT = ("a fox", "an owl", "a hare", "a wren")
IN_PAIRS = ("a fox", "an owl", "a fox", "an owl")
NO_PROMPTS = rule("list", "prompt_null", times=EVER)


@dataclass(frozen=True)
class Crowd:
    """One row: what is asked for, what goes wrong, and how each video may end."""

    column: str
    name: str
    prompts: tuple[str, ...]
    script: tuple[dict[str, Any], ...]
    ends: frozenset[tuple[str, str | None]] = frozenset({COMPLETED})

    def play(self, rig: Rig) -> list[str]:
        """What is wrong afterwards."""
        rig.begin("tables")
        rig.ensure_host()
        rig.clear(*self.script)
        shape = profiles.shapes()[self.column]
        asked = {
            rig.order(number, prompt=prompt, **shape): prompt
            for number, prompt in enumerate(self.prompts, start=1)
        }
        unsure = self.ends != {COMPLETED}
        rig.settle(watched=unsure)
        allowed = Allowed(videos_per_prompt=2, watched=unsure, unreachable_outputs=unsure)
        breaches = rig.breaches(allowed)
        made = {
            job["id"]: job["spec"]["prompt"]
            for job in rig.simulator("GET", "/_sim/journal")["jobs"]
        }
        for row in rig.facts().tables["jobs"]:
            if made.get(row["job_id"]) != asked[row["video_id"]]:
                breaches.append(f"{row['video_id']} has another's job: {row['job_id']}")
        for video_id in asked:
            ended = ending(rig.video(video_id))
            if ended not in self.ends:
                breaches.append(f"{video_id} ended {ended}")
        return [f"{self.name}: {breach}" for breach in breaches]


def crowds() -> Iterator[Crowd]:
    """Where lists tell prompts apart, where they show less than is known of them, and where they
    tell nobody apart."""
    lost = ({**LOST_ANSWER, "times": 4},)
    early = ({**rule("create", "drop", when="before"), "times": 2},)
    for column in ("openai", "vllm-omni", "tensorrt-llm"):
        yield Crowd(column, "all answers lost", DIFFERENT, lost)
        yield Crowd(column, "all answers lost, equal in pairs", IN_PAIRS, lost)
        yield Crowd(column, "two creates lost before", DIFFERENT, early)
        yield Crowd(
            column,
            "all answers lost, list without prompts",
            DIFFERENT,
            (*lost, NO_PROMPTS),
            frozenset({COMPLETED, profiles.UNKNOWN}),
        )
    yield Crowd("sglang", "all answers lost", DIFFERENT, lost)
    yield Crowd("azure", "all answers lost", DIFFERENT, lost)


@dataclass(frozen=True)
class CrowdScenario:
    """The crowds of one column, one after another, on a stack whose ceilings let them in."""

    column: str

    @property
    def name(self) -> str:
        return f"{self.column} in crowds"

    def run(self, _rig: Rig) -> Outcome:
        """On a stack of its own."""
        began, breaches, log = time.monotonic(), list[str](), ""
        settings = {"BUDGET_USD_PER_DAY": "100"}
        with (
            tempfile.TemporaryDirectory() as folder,
            Rig(Path(folder), settings=settings, caller_limits={}) as rig,
        ):
            for crowd in crowds():
                if crowd.column != self.column:
                    continue
                try:
                    breaches += crowd.play(rig)
                except (TookTooLong, AssertionError) as error:
                    breaches.append(f"{crowd.name}: {type(error).__name__}: {error}")
                if breaches and not log:
                    log = rig.log_tail()
        return Outcome(self.name, breaches, time.monotonic() - began, log)


def crowd_scenarios() -> list[CrowdScenario]:
    """One for each column."""
    return [CrowdScenario(column) for column in dict.fromkeys(crowd.column for crowd in crowds())]
