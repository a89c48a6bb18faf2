"""`make chaos`: 200 videos at a time under random faults and kills, for as long as one likes.

Every round is seeded: `python -m tests.faults.chaos --seed N --rounds 1` runs one of them again.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from local.processes import threads
from local.signals import end_on_signals
from tests.faults.gate import When
from tests.faults.rig import Rig, Survives, shapes

_FAULTS: list[tuple[str, dict[str, Any], float]] = [
    ("create", {"type": "drop", "when": "before"}, 0.02),
    ("create", {"type": "drop", "when": "after"}, 0.03),
    ("create", {"type": "status", "status": 503, "processed": True}, 0.02),
    ("create", {"type": "status", "status": 429}, 0.03),
    ("create", {"type": "hide_from_list", "seconds": 60}, 0.1),
    ("get", {"type": "status", "status": 500}, 0.05),
    ("get", {"type": "html", "status": 502}, 0.03),
    ("get", {"type": "drop", "when": "before"}, 0.03),
    ("list", {"type": "status", "status": 503}, 0.1),
    ("content", {"type": "truncated", "share": 0.5}, 0.1),
    ("content", {"type": "status", "status": 503}, 0.1),
    ("content", {"type": "slow_body", "seconds": 60}, 0.1),
]


def play(rig: Rig, seed: int, videos: int, kills: int) -> list[str]:
    """One round: the breaches that it left behind."""
    chance = random.Random(seed)
    survives: Survives = chance.choice(("tables", "host state"))
    rig.survive(survives)
    rig.ensure_host()
    rig.clear(
        *(
            {
                "operation": operation,
                "times": "unlimited",
                "probability": probability,
                "seed": chance.randrange(10**6),
                "action": action,
            }
            for operation, action, probability in _FAULTS
        )
    )
    bodies = [dict(chance.choice(shapes())[1]) for _ in range(videos)]
    with threads(4) as callers:
        ordered = [callers.submit(rig.order, number, **body) for number, body in enumerate(bodies)]
        for _ in range(kills):
            trap = rig.arm(chance.randrange(20, 2 * videos), _when(chance))
            until = time.monotonic() + 10
            while trap.sprung is None and time.monotonic() < until:
                time.sleep(0.05)
            rig.ensure_host()
            rig.sweep()
        rig.gate.reset()
        for each in ordered:
            each.result()
    rig.simulator("DELETE", "/_sim/faults")
    rig.settle(seconds=600)  # a job that nobody knows the end of is watched until it has expired
    return rig.breaches()


def _when(chance: random.Random) -> When:
    return chance.choice(("before", "after"))


def main(
    videos: Annotated[int, typer.Option(help="Videos in a round.")] = 200,
    kills: Annotated[int, typer.Option(help="Kills in a round.")] = 8,
    rounds: Annotated[int, typer.Option(help="0: until stopped.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the first round.")] = 1,
) -> None:
    """Random faults and kills, round after round, until a promise is broken."""
    end_on_signals()
    ceiling = {"BUDGET_USD_PER_DAY": str(max(1, videos))}
    unbounded: dict[str, int] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Rig(Path(folder), settings=ceiling, caller_limits=unbounded) as rig,
    ):
        number = 0
        while rounds == 0 or number < rounds:
            began = time.monotonic()
            breaches = play(rig, seed + number, videos, kills)
            facts = rig.facts()
            ended: dict[str, int] = {}
            for video in facts.videos:
                ended[video["status"]] = ended.get(video["status"], 0) + 1
            seconds = time.monotonic() - began
            print(f"seed {seed + number}: {ended}, {len(breaches)} breaches, {seconds:.0f} s")
            if breaches:
                print("\n".join(breaches))
                print(rig.log_tail(200))
                sys.exit(1)
            number += 1


if __name__ == "__main__":
    typer.run(main)
