"""The line through the whole stack: forty videos for one deployment and forty for two, both at
once, against what the pure decider takes for them in virtual time.

Host, simulator and Azurite run for real at five times the speed; renders are shorter than the
window of the rate limit, so that it is the rate that decides. What is lost is the time from the
opening of a deployment to the upstream's having the job.
"""

import tempfile
from pathlib import Path
from typing import Any

from bench.report import Table, targets
from tests.support import forty
from tests.support.forty import LIMITS, POOLS, VIDEOS

_WITHIN = 1.05

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """A minute and three quarters."""
    with tempfile.TemporaryDirectory() as folder, forty.stack(Path(folder)) as stack:
        made = forty.run(stack)
    rows = [_row(made, model) for model in POOLS]
    return {"videos": VIDEOS, "rows": rows, "targets": _targets(rows)}


def _row(made: forty.Run, model: str) -> Row:
    took, ideal = made.makespan(model), forty.in_virtual_time(POOLS[model])
    return {
        "deployments": len(POOLS[model]),
        "creates": sum(LIMITS[name] for name in POOLS[model]),
        "jobs": len(made.jobs(model)),
        "took": round(took, 1),
        "decider": round(ideal, 1),
        "over": round(took / ideal, 4),
        "breaches": sum(len(made.breaches(name)) for name in POOLS[model]),
    }


def _targets(rows: list[Row]) -> list[Row]:
    over, breaches = max(row["over"] for row in rows), sum(row["breaches"] for row in rows)
    jobs = [row["jobs"] for row in rows]
    return [
        {"target": "makespan over the decider's", "limit": _WITHIN, "reached": over}
        | {"met": over <= _WITHIN},
        {"target": "limits passed, or answered with 429", "limit": 0, "reached": breaches}
        | {"met": not breaches},
        {"target": "jobs of forty videos", "limit": VIDEOS, "reached": min(jobs)}
        | {"met": set(jobs) == {VIDEOS}},
    ]


def tables(results: dict[str, Any]) -> list[Table]:
    names = ("deployments", "creates a minute", "makespan, s", "the decider's, s", "over")
    shown = Table(f"{results['videos']} videos through the stack", (*names, "breaches"), words=0)
    for row in results["rows"]:
        figures = (row["took"], row["decider"], f"{row['over']:.3f}", row["breaches"])
        shown.add(row["deployments"], row["creates"], *figures)
    return [shown, targets("the stack's line", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
