"""`make chaos`: 200 videos at a time under random faults and kills, for as long as one likes.

Every round is seeded: `python -m tests.faults.chaos --seed N --rounds 1` runs one of them again.
With `--hosts N` several hosts share the storage and the task hub, and each may be killed, frozen
or scaled in, and replaced.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from local.processes import threads
from local.signals import end_on_signals
from tests.faults.fleet import STRIKES, Fleet
from tests.faults.gate import When
from tests.faults.rig import Rig, Survives, TookTooLong, shapes
from tests.faults.verdict import Allowed

Sporadic = tuple[str, dict[str, Any], float]
"""An operation of the upstream, what goes wrong with it, and how often."""
_LONGEST = 900
"""Seconds. A job whose end nobody knows is watched until it has expired."""
_FROZEN = (1.0, 8.0)
"""Seconds: from less than the leases to longer than until a create is sent again (2.4)."""
_WATCHED = 30.0
"""Seconds; longer than the pause between two looks for a job at this time scale."""

FAULTS: list[Sporadic] = [
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

CERTAIN = [
    each for each in FAULTS if each[0] not in ("create", "list") or each[1]["type"] == "status"
]
"""Those after which every video's end is known soon: no answer to a create is lost for good."""


def play(rig: Rig, seed: int, videos: int, kills: int) -> list[str]:
    """One round: the breaches that it left behind."""
    chance = random.Random(seed)
    survives: Survives = chance.choice(("tables", "host state"))
    rig.begin(survives)
    rig.ensure_host()
    rig.clear(*script(chance))
    bodies = [dict(chance.choice(shapes())[1]) for _ in range(videos)]
    with threads(4) as callers:
        ordered = [callers.submit(rig.order, number, **body) for number, body in enumerate(bodies)]
        for _ in range(kills):
            trap = rig.arm(chance.randrange(20, 2 * videos), when(chance))
            until = time.monotonic() + 10
            while trap.sprung is None and time.monotonic() < until:
                time.sleep(0.05)
            rig.ensure_host()
            rig.sweep()
        rig.gate.reset()
        for each in ordered:
            each.result()
    rig.simulator("DELETE", "/_sim/faults")
    rig.settle(seconds=_LONGEST)
    return rig.breaches()


def play_hosts(
    fleet: Fleet,
    seed: int,
    videos: int,
    strikes: int,
    hosts: int,
    faults: Sequence[Sporadic] = FAULTS,
) -> list[str]:
    """One round with several hosts: the breaches that it left behind. There is always one that is
    well; whoever ends is replaced a little later. A video of which nobody knows whether it has a
    job may be watched in the end, but no render may be left that could have been found."""
    chance = random.Random(seed)
    fleet.fill(hosts)
    fleet.clear(*script(chance, faults))
    bodies = [dict(chance.choice(shapes())[1]) for _ in range(videos)]
    with threads(4) as callers:
        ordered = [
            callers.submit(fleet.order, number, **body) for number, body in enumerate(bodies)
        ]
        for _ in range(strikes):
            fleet.bury()
            if len(fleet.serving()) < 2:
                fleet.start_one()
            victim, fault = chance.choice(fleet.serving()), chance.choice(STRIKES)
            fleet.strike(victim, fault, chance.randrange(1, 80), when(chance))
            if fault == "freeze":
                fleet.freeze_until(victim, chance.uniform(*_FROZEN))
            time.sleep(chance.uniform(0.0, 1.0))
            if len(fleet.hosts) < hosts + 1 and chance.random() < 0.7:
                fleet.start_one()
        for each in ordered:
            each.result()
    fleet.thaw()
    fleet.fill(1)
    fleet.simulator("DELETE", "/_sim/faults")
    fleet.settle(seconds=_LONGEST, patience=_WATCHED, watched=True)
    return fleet.breaches(Allowed(watched=True))


def script(chance: random.Random, faults: Sequence[Sporadic] = FAULTS) -> list[dict[str, Any]]:
    """Rules for the simulator."""
    return [
        {
            "operation": operation,
            "times": "unlimited",
            "probability": probability,
            "seed": chance.randrange(10**6),
            "action": action,
        }
        for operation, action, probability in faults
    ]


def when(chance: random.Random) -> When:
    return chance.choice(("before", "after"))


def main(
    videos: Annotated[int, typer.Option(help="Videos in a round.")] = 200,
    kills: Annotated[int, typer.Option(help="Kills in a round; with several hosts, strikes.")] = 8,
    rounds: Annotated[int, typer.Option(help="0: until stopped.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the first round.")] = 1,
    hosts: Annotated[int, typer.Option(help="Hosts over one storage.")] = 1,
) -> None:
    """Random faults and kills, round after round, until a promise is broken."""
    end_on_signals()
    ceiling = {"BUDGET_USD_PER_DAY": str(max(1, videos))}
    unbounded: dict[str, int] = {}
    made: type[Rig] = Rig if hosts == 1 else Fleet
    with (
        tempfile.TemporaryDirectory() as folder,
        made(Path(folder), settings=ceiling, caller_limits=unbounded) as rig,
    ):
        number = 0
        while rounds == 0 or number < rounds:
            began = time.monotonic()
            try:
                if isinstance(rig, Fleet):
                    breaches = play_hosts(rig, seed + number, videos, kills, hosts)
                else:
                    breaches = play(rig, seed + number, videos, kills)
            except (TookTooLong, AssertionError) as error:
                breaches = [f"{type(error).__name__}: {error}", *rig.breaches()]
            print(f"seed {seed + number}: {_ended(rig)}, {len(breaches)} breaches", end=", ")
            print(f"{time.monotonic() - began:.0f} s{_done_to(rig)}", flush=True)
            if breaches:
                print("\n".join(breaches))
                print(rig.log_tail(200))
                sys.exit(1)
            number += 1


def _ended(rig: Rig) -> dict[str, int]:
    return dict(Counter(video["status"] for video in rig.facts().videos))


def _done_to(rig: Rig) -> str:
    """What was done to hosts since they began, and what came of it."""
    if not isinstance(rig, Fleet):
        return ""
    done = ", ".join(f"{fault} {count}" for fault, count in sorted(rig.counts.items()))
    return f"; {done}; {rig.late_answers()} answers came too late"


if __name__ == "__main__":
    typer.run(main)
