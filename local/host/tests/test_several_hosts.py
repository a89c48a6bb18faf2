"""Several hosts over one task hub: processes that are killed, frozen and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .. import __name__ as package
from ..testing import FOUND_IN, HostProcess

APP = Path(__file__).parent / "apps" / "shared_hub"
PROVIDER = "AzureFunctionsJobHost__extensions__durableTask__storageProvider__"
PATIENCE = 60.0
"""A guard against hanging."""


class Cluster:
    """A task hub and its hosts."""

    def __init__(self, folder: Path, client_class: Any) -> None:
        self.folder = folder
        self.hub_folder = folder / "hub"
        self._client_class = client_class
        self._environ = {
            "JOURNAL": str(folder / "journal"),
            f"{PROVIDER}controlQueueVisibilityTimeout": "00:00:01",
            f"{PROVIDER}workItemQueueVisibilityTimeout": "00:00:01",
        }
        command = [sys.executable, "-m", package, "hub", "--app", str(APP), "--lease", "0.5"]
        self.hub = subprocess.Popen(
            [*command, "--state-dir", str(self.hub_folder)],
            env={**os.environ, **self._environ, "PYTHONPATH": str(FOUND_IN)},
        )
        self.clients: list[Any] = []
        until(lambda: (self.hub_folder / "hub.json").exists())

    def host(self, *arguments: str) -> Any:
        """Start one more host; a client for it."""
        options = ("--hub", str(self.hub_folder), *arguments)
        client = self._client_class(HostProcess(APP, *options, environ=self._environ))
        self.clients.append(client)
        return client

    def lines(self, text: str) -> list[int]:
        """The processes that noted this, in order."""
        journal = self.folder / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        noted = [line.partition(" ") for line in lines]
        return [int(pid) for pid, _, what in noted if what == text]

    def client_of(self, pid: int) -> Any:
        return next(each for each in self.clients if each.host.process.pid == pid)

    def other(self, client: Any) -> Any:
        return next(each for each in self.clients if each is not client)

    def open(self, name: str) -> None:
        (self.folder / f"open {name}").touch()

    def begun(self, name: str, times: int = 1) -> Any:
        """Wait until an activity has begun so often; the client of the host that did last."""
        until(lambda: len(self.lines(f"begin {name}")) >= times)
        return self.client_of(self.lines(f"begin {name}")[-1])

    def close(self) -> None:
        for client in self.clients:
            client.host.process.send_signal(signal.SIGCONT)
            client.host.close()
            client.close()
        self.hub.terminate()
        self.hub.wait(10)


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > limit:
            pytest.fail("it never came to that")
        time.sleep(0.01)


@pytest.fixture
def cluster(tmp_path: Path, client_class: Any) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, client_class)
    yield cluster
    cluster.close()


def test_activities_of_one_instance_run_on_several_hosts(cluster: Cluster) -> None:
    first, _second = cluster.host(), cluster.host()
    names = [f"n{number}" for number in range(8)]
    for name in names:
        cluster.open(name)
    found = first.wait(first.start("fans_out", names))
    ran_by = {line.rpartition(" ")[2] for line in found["output"]}
    assert ran_by == {str(client.host.process.pid) for client in cluster.clients}


def test_any_host_starts_tells_and_wakes_an_instance_of_any_other(cluster: Cluster) -> None:
    first, second = cluster.host(), cluster.host()
    for number in range(4):  # whoever owns it
        instance_id = first.start("waits", instance_id=f"i{number}")
        first.wait(instance_id, "Running")
        assert second.raise_event(instance_id, "event", number).status_code == 202
        assert second.wait(instance_id)["output"] == number
        assert first.status(instance_id)["runtimeStatus"] == "Completed"


def test_an_instance_that_runs_cannot_be_started_on_another_host(cluster: Cluster) -> None:
    first, second = cluster.host(), cluster.host()
    first.wait(first.start("waits", instance_id="one"), "Running")
    again = second.post("/runtime/webhooks/durabletask/orchestrators/waits/one")
    assert again.status_code == 409


def test_what_a_killed_host_was_at_is_done_by_another(cluster: Cluster) -> None:
    first, _second = cluster.host(), cluster.host()
    instance_id = first.start("fans_out", ["x"])
    victim = cluster.begun("x")
    survivor = cluster.other(victim)
    victim.host.kill()
    assert cluster.begun("x", 2) is survivor
    cluster.open("x")
    output = survivor.wait(instance_id)["output"]
    assert output == [f"x by {survivor.host.process.pid}"]


def test_a_frozen_host_that_wakes_ends_its_work_and_does_not_count(cluster: Cluster) -> None:
    first, _second = cluster.host(), cluster.host()
    instance_id = first.start("fans_out", ["x", "y"])
    frozen, waker = cluster.begun("x"), cluster.begun("y")
    assert frozen is not waker
    frozen.host.process.send_signal(signal.SIGSTOP)
    assert cluster.begun("x", 2) is waker
    frozen.host.process.send_signal(signal.SIGCONT)
    cluster.open("x")
    until(lambda: len(cluster.lines("end x")) == 2)  # it is not told to stop
    cluster.open("y")
    output = waker.wait(instance_id)["output"]
    assert output[0] == f"x by {waker.host.process.pid}"
    assert frozen.wait(instance_id)["output"] == output  # and it serves again


def test_a_host_that_is_stopped_ends_what_it_is_at_and_it_counts(cluster: Cluster) -> None:
    first, _second = cluster.host("--grace", "60"), cluster.host("--grace", "60")
    instance_id = first.start("fans_out", ["x"])
    stopping = cluster.begun("x")
    survivor = cluster.other(stopping)
    stopping.host.process.send_signal(signal.SIGTERM)
    last = survivor.start("fans_out", ["z1", "z2", "z3"])
    for name in ("z1", "z2", "z3"):
        assert cluster.begun(name) is survivor  # it takes nothing more
        cluster.open(name)
    survivor.wait(last)
    cluster.open("x")
    assert survivor.wait(instance_id)["output"] == [f"x by {stopping.host.process.pid}"]
    assert stopping.host.process.wait(PATIENCE) == 0
    assert len(cluster.lines("begin x")) == 1


def test_a_timer_runs_on_one_host_and_on_another_when_that_one_has_gone(cluster: Cluster) -> None:
    cluster.host()
    until(lambda: len(cluster.lines("tick")) >= 1)
    second = cluster.host()
    until(lambda: len(cluster.lines("tick")) >= 4)
    assert len(set(cluster.lines("tick"))) == 1
    cluster.client_of(cluster.lines("tick")[0]).host.kill()
    until(lambda: second.host.process.pid in cluster.lines("tick"))


def test_a_host_without_its_hub_ends(cluster: Cluster) -> None:
    client = cluster.host()
    cluster.hub.kill()
    assert client.host.process.wait(PATIENCE) == 1
