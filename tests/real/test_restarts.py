"""The host is ended, killed, or loses its worker, amid ten videos: each ends once, and well."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.conftest import Simulator
from tests.real.conftest import RealStack
from tests.real.host import Host
from tests.support.stacks import Client
from tests.support.waiting import eventually

VIDEOS = 10
PATIENCE = 150.0


def again(host: Host, end: Callable[[], None]) -> None:
    end()
    host.start()


def kill_workers(host: Host) -> None:
    host.kill_workers()
    host.wait()


WAYS: dict[str, Callable[[Host], None]] = {
    "SIGTERM": lambda host: again(host, host.terminate),
    "kill -9": lambda host: again(host, host.kill),
    "kill -9 of the worker": kill_workers,
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", WAYS)
def test_ten_videos_survive(
    real: RealStack, host: Host, api: Client, simulator: Simulator, way: str
) -> None:
    if way == "kill -9 of the worker" and not host.workers():
        assert host.is_one_process, f"its worker was not recognised:\n{host.tail()}"
        pytest.skip("this host runs functions in its own process: it has no worker to kill")
    began = time.time()
    made = [api.create(prompt=f"fox {number}")["id"] for number in range(VIDEOS)]
    # amid: some are being rendered, some may be in line, some may be finished
    eventually(lambda: len(simulator.journal()["jobs"]) >= VIDEOS / 2, seconds=60)
    WAYS[way](host)
    ended = [api.wait(video_id, seconds=PATIENCE) for video_id in made]
    assert {video["status"] for video in ended} == {"completed"}
    jobs = simulator.journal()["jobs"]
    assert len(jobs) == VIDEOS, "one job for each video"
    last = max(video["completed_at"] for video in ended)
    print(f"{way}: the last of {VIDEOS} videos ended {last - began:.0f} s after the first create")
