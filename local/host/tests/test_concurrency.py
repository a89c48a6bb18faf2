"""Limits of host.json and of the worker's threads; code that blocks never stalls the host."""

import threading
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from .conftest import Client

APP = "concurrency"
THREADS = 8
ENVIRON = {"PYTHON_THREADPOOL_THREAD_COUNT": str(THREADS)}


def test_activities_are_limited(client: "Client") -> None:
    assert client.run("fan_out")["output"] == 3


class InBackground(threading.Thread):
    """A request that may take a while."""

    def __init__(self, client: "Client", path: str) -> None:
        super().__init__()
        self._url = f"{client.base_url}/api/{path}"
        self.answers: list[str] = []
        self.start()

    def run(self) -> None:
        self.answers.append(httpx.get(self._url, timeout=60).text)


def test_blocked_threads_do_not_stall_the_host(client: "Client") -> None:
    blocked = [InBackground(client, "block") for _n in range(THREADS)]
    client.get(f"/api/release/{THREADS}")  # comes back when all threads are blocked
    assert client.get("/admin/host/status").status_code == 200
    # The app itself is out of threads, as it would be on Azure; its event loop is not.
    ping = InBackground(client, "ping")
    time.sleep(0.2)
    assert ping.answers == []
    client.get(f"/api/release/{THREADS}", params={"now": "1"})
    for thread in (ping, *blocked):
        thread.join()
    assert ping.answers[0].startswith("function")
    assert [thread.answers for thread in blocked] == [["unblocked"]] * THREADS


def test_a_blocked_event_loop_does_not_stall_the_host(client: "Client") -> None:
    blocked = InBackground(client, "block_async")
    while not client.get("/api/ping").text.endswith("True"):
        time.sleep(0.01)
    assert client.get("/admin/host/status").status_code == 200
    assert client.get("/api/release_async").text == "True"
    blocked.join()
    assert blocked.answers == ["unblocked"]
