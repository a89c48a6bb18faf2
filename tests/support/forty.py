"""Forty videos in line in each of two pools, through a whole stack, and what the decider alone
would take for them. For the test of the line and for the bench."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.queue import simulate
from local.stack import Ports, Stack
from shared.domain.quota import DeploymentState, QueuedVideo
from tests.support.stacks import UNFINISHED, Client, client

SCALE = 5
"""A window of twelve real seconds: on two cores that others keep busy, a submission takes up to 0.3
of one, and all that the line is slower than its limits is such fractions. It waits more than it
works."""
RENDER = 30.0
"""Shorter than the window, so that it is the rate that decides how long the line takes: how soon a
poll sees the end of a render is another promise, with tests of its own."""
LIMITS = {"one": 5, "two-a": 3, "two-b": 3}
"""Renders at a time, and creates a minute, of each deployment."""
VIDEOS = 40
POOLS = {"one": ["one"], "two": ["two-a", "two-b"]}


@dataclass
class Run:
    """What the callers saw while all of them waited, and what the simulator saw."""

    seen: list[dict[str, Any]]
    ended: list[dict[str, Any]]
    journal: dict[str, Any]

    def jobs(self, model: str) -> list[dict[str, Any]]:
        """The upstream jobs of a pool."""
        return [job for job in self.journal["jobs"] if job["deployment"] in POOLS[model]]

    def makespan(self, model: str) -> float:
        """Seconds from a pool's first create to the end of its last render."""
        jobs = self.jobs(model)
        return float(max(job["ended_at"] for job in jobs) - min(job["created_at"] for job in jobs))

    def breaches(self, name: str) -> list[str]:
        """The limits of a deployment that were passed, or hit."""
        seen = self.journal["deployments"][name]
        most = {word: seen[f"most_{word}"] for word in ("running", "creates_in_a_minute")}
        passed = [word for word, count in most.items() if count > LIMITS[name]]
        return passed + [f"429 {word}" for word, count in seen["refused"].items() if count]


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """A running stack with the two pools."""
    deployments = [
        {
            "name": name,
            "dialect": "sora-2",
            "max_running": limit,
            "max_creates_per_minute": limit,
        }
        for name, limit in LIMITS.items()
    ]
    fixed = [{"distribution": {"type": "fixed", "seconds": RENDER}}]
    config = folder / "simulator.json"
    config.write_text(json.dumps({"deployments": deployments, "render_times": fixed}))
    made = Stack(
        folder,
        Ports.any_free(),
        overrides={"TIME_SCALE": str(SCALE)},
        simulator_config=config,
    )
    made.overrides = {**made.overrides, "UPSTREAMS": _upstreams(made)}
    with made:
        yield made


def _upstreams(made: Stack) -> str:
    shape = {
        "dialect": "sora-2",
        "endpoint": made.simulator_url,
        "auth": {"type": "header", "name": "api-key", "secret_setting": "SIMULATOR_KEY"},
        "prices": {"version": "test", "usd_per_second": "0.10"},
        "capabilities": {"sizes": ["720x1280"], "seconds": [4]},
    }
    return json.dumps(
        [
            {
                **shape,
                "name": name,
                "deployment": name,
                "model": model,
                "max_running": LIMITS[name],
                "max_creates_per_minute": LIMITS[name],
            }
            for model, names in POOLS.items()
            for name in names
        ]
    )


def run(line: Stack, videos: int = VIDEOS) -> Run:
    """Both pools at the same time, so many videos each: all are in line when it starts to move."""
    caller = client(line)
    with closing(caller.http):
        _operate(line, "pause")
        made = [
            caller.create(model=model, prompt=f"{model} {number}")["id"]
            for number in range(videos)
            for model in POOLS
        ]
        until = time.monotonic() + 300
        while any(video["stage"] != "waiting_for_quota" for video in _everything(caller)):
            assert time.monotonic() < until, "not all are in line after 300 s"
            time.sleep(0.5)
        _operate(line, "resume")
        sweep = f"http://127.0.0.1:{line.ports.functions}/admin/functions/sweep"
        assert caller.http.post(sweep, json={}).status_code == 202
        time.sleep(1)  # some are on their way; what the others are told is looked at
        seen = _everything(caller)
        until = time.monotonic() + 600
        ended = seen
        while any(video["status"] in UNFINISHED for video in ended):
            assert time.monotonic() < until, [video["stage"] for video in ended]
            time.sleep(2)  # the journal knows when each of them ended
            ended = _everything(caller)
        assert {video["id"] for video in ended} == set(made)
        return Run(seen, ended, caller.http.get(f"{line.simulator_url}/_sim/journal").json())


def _operate(line: Stack, command: str) -> None:
    """Pause or resume every deployment, as an operator does; all at the same time, because a line
    that is resumed begins to move."""
    given = [
        subprocess.Popen(
            [sys.executable, "-m", "local", command, name],
            env={**os.environ, **line.settings},
            stdout=subprocess.DEVNULL,
        )
        for name in LIMITS
    ]
    assert [each.wait(60) for each in given] == [0] * len(given)


def _everything(caller: Client) -> list[dict[str, Any]]:
    page: dict[str, Any] = caller.http.get(
        f"{caller.stack.api}/videos", params={"limit": 100}
    ).json()
    videos: list[dict[str, Any]] = page["data"]
    return videos


def in_virtual_time(names: list[str], videos: int = VIDEOS) -> float:
    """From the first create to the end of the last render, in seconds of this scale, where nothing
    but the limits and the renders takes time."""
    states = [
        DeploymentState(
            deployment=name,
            max_running=LIMITS[name],
            max_creates=LIMITS[name],
            window=60.0 / SCALE,
        )
        for name in names
    ]
    line = [
        QueuedVideo(video_id=f"video_{number:032x}", caller="key:local", deployments=tuple(names))
        for number in range(videos)
    ]
    log = simulate(line, states, [RENDER / SCALE] * videos, lambda _: 0.0, submit=0.0)
    return max(log.ends.values())
