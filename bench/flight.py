"""Submits in flight: how much of an allowed rate is used when a create takes a second.

The app's own steps run in virtual time on real tables; the upstream is a farm that takes every
request. A video's way is counted from its admission to the sight of its end, without the copy. The
judge knows only when the farm made each job.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.app import app_on
from bench.authority import counted
from bench.report import Table, targets
from local.stack import Ports, Stack
from shared.domain.ids import new_video_id
from tests.support import farm

A_MINUTE = 600
CREATE_SECONDS = 1.0
VIDEOS = 620
FEW = 40
START = 1_796_000_000.0
_USED = 0.9
_REQUESTS = 40
"""A target of its own: storage requests of a video, from its admission to its end in sight."""

Row = dict[str, Any]
CASES = (
    ("openai", "different", VIDEOS),
    ("openai", "equal", FEW),
    ("sglang", "different", FEW),
    ("new-api", "equal", FEW),
)


def run() -> dict[str, Any]:
    """Three minutes, most of it what the storage emulator needs."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for profile, prompts, videos in CASES:
            rows.append(_case(Path(folder) / f"{profile}-{prompts}", profile, prompts, videos))
    return {"rows": rows, "targets": _targets(rows)}


def _case(folder: Path, profile: str, prompts: str, videos: int) -> Row:
    folder.mkdir()
    stack = Stack(folder, Ports.any_free(), overrides={"TIME_SCALE": "1"})
    try:
        stack.start_azurite()
        entry = farm.entry(profile, stack.simulator_url, A_MINUTE)
        with (
            app_on(stack, UPSTREAMS=json.dumps([entry])) as app,
            farm.at(app, START, create_seconds=CREATE_SECONDS) as run,
            counted() as asked,
        ):
            began = time.perf_counter()
            for number in range(videos):
                request = farm.request("a fox" if prompts == "equal" else f"fox {number}")
                run.time.at(
                    START + number / 100,
                    lambda n=number, r=request: run.admit(_id(n), r),  # type: ignore[misc]
                )
            run.time.run(START + 3600)
            took = time.perf_counter() - began
        made = sorted(at for at, _ in run.renderers.jobs.values())
        return {
            "profile": profile,
            "prompts": prompts,
            "videos": videos,
            "done": len(run.done),
            "jobs": len(made),
            "in_flight": run.renderers.most_flying,
            "a_minute": round(_rate(made), 1),
            "breaches": _breaches(made),
            "requests": round(sum(asked.values()) / videos, 1),
            "real_a_minute": round(60 * videos / took, 1),
        }
    finally:
        stack.stop()


def _id(number: int) -> str:
    return new_video_id(int(START * 1000) + 10 * number, number.to_bytes(10))


def _rate(made: Sequence[float]) -> float:
    """Creates in the first minute, or at the pace of those that there were."""
    first = [at for at in made if at < made[0] + 60]
    if len(first) < len(made):
        return len(first)
    return (len(first) - 1) * 60 / (first[-1] - first[0])


def _breaches(made: Sequence[float]) -> int:
    """How many creates came sooner than a minute after the one that they had to wait for."""
    return sum(
        later - earlier < 60 - 1e-6 for earlier, later in zip(made, made[A_MINUTE:], strict=False)
    )


def _targets(rows: Sequence[Row]) -> list[Row]:
    used = rows[0]["a_minute"] / A_MINUTE
    doubled = sum(abs(row["jobs"] - row["videos"]) for row in rows)
    broken = sum(row["breaches"] for row in rows)
    asked = rows[0]["requests"]
    return [
        {"target": f"used of {A_MINUTE} creates a minute, at a second each", "limit": _USED}
        | {"reached": round(used, 3), "met": used >= _USED},
        {"target": "breaches of the rate", "limit": 0, "reached": broken, "met": not broken},
        {"target": "jobs too many or too few", "limit": 0, "reached": doubled}
        | {"met": not doubled},
        {"target": "storage requests of a video", "limit": _REQUESTS, "reached": asked}
        | {"met": asked <= _REQUESTS},
    ]


def tables(results: dict[str, Any]) -> list[Table]:
    shown = Table(
        "Creates of a second each, 600 a minute allowed",
        (
            *("profile", "prompts", "videos", "jobs", "in flight", "creates a minute", "breaches"),
            *("storage requests each", "in real time, a minute"),
        ),
        words=2,
    )
    for row in results["rows"]:
        shown.add(
            *(row[name] for name in ("profile", "prompts", "videos", "jobs", "in_flight")),
            *(row[name] for name in ("a_minute", "breaches", "requests", "real_a_minute")),
        )
    return [shown, targets("submits in flight", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
