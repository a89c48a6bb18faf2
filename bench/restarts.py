"""What a restart of the host costs: twenty videos in real time, and a host that is ended amid them.

The local host hides what it had in hand for as long as `host.json` says, as Azure's does, and keeps
its state in a file. Each video ends so much later than the same one of a run without a restart.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Table, targets
from local.processes import threads
from local.stack import HOST, Ports, Stack
from tests.support.stacks import client

_VIDEOS = 20
_RENDER = 30.0
_VISIBILITY = 60.0
"""Seconds: both timeouts in host.json."""
_MOMENTS = {"submitting": 1.0, "rendering": 15.0, "collecting": 31.0}
"""When the host is ended, in seconds after the first create: what most videos are at then."""
_LONGEST = 300.0
_AT_ONCE = 3

Row = dict[str, Any]
Ends = list[float]
"""Seconds from the first create to the end of each video, in the order of creation."""


def run() -> dict[str, Any]:
    """Six minutes."""
    ways: Mapping[str, Callable[[Stack], None]] = {
        "SIGTERM": lambda stack: stack.child(HOST).stop(),
        "kill -9": lambda stack: stack.child(HOST).kill(),
    }
    cases = [(way, moment) for way in ways for moment in _MOMENTS]
    without = _ends(None, 0.0)
    with threads(_AT_ONCE) as pool:
        found = pool.map(lambda case: _ends(ways[case[0]], _MOMENTS[case[1]]), cases)
        rows = [_row(*case, ends, without) for case, ends in zip(cases, found, strict=True)]
    worst = max(row["worst"] for row in rows)
    limit = 2 * _VISIBILITY
    return {
        "videos": _VIDEOS,
        "rows": rows,
        "targets": [
            {"target": "a video's end after a restart, s later than without", "limit": limit}
            | {"reached": worst, "met": worst <= limit}
        ],
    }


def _row(way: str, moment: str, ends: Ends, without: Ends) -> Row:
    later = [end - plain for end, plain in zip(ends, without, strict=True)]
    return {
        "way": way,
        "moment": moment,
        "median": round(median(later), 1),
        "worst": round(max(later), 1),
    }


def _ends(end: Callable[[Stack], None] | None, at: float) -> Ends:
    """The ends of twenty videos whose host is ended, and started again, at a moment."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        stack = opened.enter_context(_stack(Path(folder)))
        caller = client(stack)
        opened.enter_context(closing(caller.http))
        began = time.time()
        with threads(_VIDEOS) as pool:
            made = pool.map(lambda number: caller.create(prompt=f"fox {number}"), range(_VIDEOS))
            ids = [video["id"] for video in made]
        if end is not None:
            time.sleep(max(0.0, began + at - time.time()))
            end(stack)
            stack.restart_host()
        ended = [caller.wait(video_id, seconds=_LONGEST) for video_id in ids]
        assert {video["status"] for video in ended} == {"completed"}
    return [video["completed_at"] - began for video in ended]


def _stack(folder: Path) -> Stack:
    """In real time, with an upstream that takes all of them at once."""
    unlimited = {"max_running": None, "max_creates_per_minute": None}
    fixed = {"distribution": {"type": "fixed", "seconds": _RENDER}}
    config = folder / "simulator.json"
    deployments = [{"name": "sora-2", "dialect": "sora-2", **unlimited}]
    config.write_text(json.dumps({"deployments": deployments, "render_times": [fixed]}))
    plain = Stack(folder, Ports.any_free())
    upstreams = json.loads(plain.settings["UPSTREAMS"])
    for upstream in upstreams:
        upstream |= {"max_running": 2 * _VIDEOS, "max_creates_per_minute": 600}
    return Stack(
        folder,
        plain.ports,
        overrides={"TIME_SCALE": "1", "UPSTREAMS": json.dumps(upstreams)},
        ephemeral=False,
        simulator_config=config,
    )


def tables(results: dict[str, Any]) -> list[Table]:
    names = ("the host ends by", "while videos are", "later, median, s", "later, worst, s")
    shown = Table(f"A restart amid {results['videos']} videos", names, words=2)
    for row in results["rows"]:
        shown.add(row["way"], row["moment"], row["median"], row["worst"])
    return [shown, targets("restarts", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
