"""A video whose model is gone when its turn comes: it moves to the successor, which costs more, and
the host is killed at one of the effects of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from tests.faults.gate import When
from tests.faults.matrix import COMPLETED
from tests.faults.rig import Rig
from tests.faults.scenarios import Outcome, ending, killed

_COST = "0.40"
"""What the successor costs: exactly the ceiling of the day, so nothing may count twice."""
_ORDER: dict[str, Any] = {
    "model": "gone-1",
    "size": "720x1280",
    "seconds": "8",
    "allow_successor": {"max_usd": _COST},
}


@dataclass(frozen=True)
class SuccessionScenario:
    """The host is killed at effect `number`, before it is sent or after it was answered."""

    number: int
    when: When

    @property
    def name(self) -> str:
        return f"moved to a successor, killed {self.when} effect {self.number}"

    def run(self, rig: Rig) -> Outcome:
        return killed(rig, self.name, self.number, self.when, play)


def succession_scenarios(effects: range) -> list[SuccessionScenario]:
    """Each of these effects, before it and after it in turn. Both are tried without a host at each
    write of the move itself, in `tests/shared/lifecycle/test_moves.py`."""
    whens = get_args(When)
    return [SuccessionScenario(number, whens[number % len(whens)]) for number in effects]


def effects_of_a_clean_move(rig: Rig) -> range:
    """The effects from the create that finds the model gone to the one at the successor, when
    nothing goes wrong: what comes before and after is in every job."""
    rig.ensure_host()
    rig.clear()
    assert play(rig, patience=30) == []
    assert rig.breaches() == []
    creates = [
        number
        for number, effect in enumerate(rig.gate.effects, start=1)
        if (effect.target, effect.method) == ("upstream", "POST")
    ]
    return range(creates[0], creates[1] + 1)


def play(rig: Rig, *, patience: float = 2.0) -> list[str]:
    """Order a video of a model that is gone, and see it end; what is wrong with it. The second try
    of an order may find the successor at once: then nothing has moved. The first sweep comes after
    `patience` seconds, or a kill."""
    video_id = rig.order(1, **_ORDER)
    rig.settle(patience=patience)
    video, wrong = rig.video(video_id), []
    if ending(video) != COMPLETED:
        wrong.append(f"the video ended {ending(video)}: {video['error']}")
    said = (video["model"], video["rendered_by"], video["size"], video["seconds"], video["asked"])
    asked = {"size": "720x1280", "seconds": "8"}
    if said != ("gone-1", "heir-1", "1280x720", "4", asked):
        wrong.append(f"the video says {said}")
    if video["cost"]["actual"] != _COST:
        wrong.append(f"it cost {video['cost']}")
    jobs = [job["deployment"] for job in rig.simulator("GET", "/_sim/journal")["jobs"]]
    if jobs != ["heir"]:
        wrong.append(f"the upstreams made {jobs}")
    booked = {
        (row["attempt"], row["kind"]): row.get("rendered_by")
        for row in rig.facts().tables["ledger"]
        if row["RowKey"].startswith("e_")
    }
    last = max(attempt for attempt, _ in booked)
    if booked[last, "reserve"] != "heir-1" or booked.get((last, "settle")) != "heir-1":
        wrong.append(f"the ledger says {booked}")
    return wrong
