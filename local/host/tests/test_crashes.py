"""``kill -9`` at every point: after a restart everything goes on, activities at least once.

What the host had taken waits until its visibility timeout has passed (``test_engine`` has the
rules), which is short here.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..testing import HostProcess

if TYPE_CHECKING:
    from .conftest import Client

APP = "crash"

_PROVIDER = "AzureFunctionsJobHost__extensions__durableTask__storageProvider__"


class Victim:
    """A host on a state directory that can be killed and started again."""

    def __init__(
        self, app: Path, directory: Path, client_class: type["Client"], timeout: int
    ) -> None:
        """``timeout``: seconds for which what was taken is hidden."""
        self._app = app
        self._timeout = f"00:00:0{timeout}"
        self._directory = directory
        self._client_class = client_class
        self.journal = directory / "journal"
        self.client = self._start()

    def _start(self) -> "Client":
        host = HostProcess(
            self._app,
            "--state-dir",
            str(self._directory / "state"),
            environ={
                "JOURNAL": str(self.journal),
                f"{_PROVIDER}controlQueueVisibilityTimeout": self._timeout,
                f"{_PROVIDER}workItemQueueVisibilityTimeout": self._timeout,
            },
        )
        return self._client_class(host)

    def lines(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def wait_for(self, line: str) -> None:
        for _attempt in range(1000):
            if line in self.lines():
                return
            time.sleep(0.005)
        pytest.fail(f"never came to '{line}'\n{self.client.host.log[-3000:]}")

    def kill_and_restart(self) -> None:
        self.client.host.kill()
        self.close()
        self.client = self._start()

    def close(self) -> None:
        self.client.host.close()
        self.client.close()


@pytest.fixture
def victim(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Victim]:
    client_class: Any = request.getfixturevalue("client_class")
    timeout = getattr(request, "param", 1)
    victim = Victim(Path(__file__).parent / "apps" / APP, tmp_path, client_class, timeout)
    yield victim
    victim.close()


def start_and_wait_for_the_timer(victim: Victim) -> str:
    instance_id = victim.client.start("during_a_timer")
    for _attempt in range(1000):
        events = victim.client.status(instance_id, showHistory="true").get("historyEvents") or []
        if any(event["EventType"] == "TimerCreated" for event in events):
            return instance_id
        time.sleep(0.005)
    pytest.fail(f"no timer\n{victim.client.host.log[-3000:]}")


def test_during_a_timer(victim: Victim) -> None:
    instance_id = start_and_wait_for_the_timer(victim)
    victim.kill_and_restart()
    assert victim.client.wait(instance_id)["output"] == "after"
    assert victim.lines() == ["step before", "step after"]


def test_a_timer_that_came_due_while_the_host_was_down(victim: Victim) -> None:
    instance_id = start_and_wait_for_the_timer(victim)
    victim.client.host.kill()
    time.sleep(1.6)
    victim.kill_and_restart()
    assert victim.client.wait(instance_id)["output"] == "after"


def test_during_an_activity(victim: Victim) -> None:
    instance_id = victim.client.start("during_an_activity")
    victim.wait_for("begin activity")
    victim.kill_and_restart()
    assert victim.client.wait(instance_id)["output"] == ["activity", "after"]
    assert victim.lines() == ["begin activity", "end activity", "step after"]


@pytest.mark.parametrize("victim", [6], indirect=True)
@pytest.mark.parametrize("signal", ["kill", "stop"])
def test_an_activity_under_way_is_hidden_for_a_while(victim: Victim, signal: str) -> None:
    """A host gives nothing back, not even when it ends in good order."""
    instance_id = victim.client.start("during_an_activity")
    victim.wait_for("begin activity")
    before = time.monotonic()
    getattr(victim.client.host, signal)()
    victim.kill_and_restart()
    victim.client.wait(instance_id)
    # It was renewed a third of those six seconds before, at the earliest.
    assert time.monotonic() - before > 4


def test_during_a_child(victim: Victim) -> None:
    instance_id = victim.client.start("during_a_child")
    victim.wait_for("begin activity")
    victim.kill_and_restart()
    assert victim.client.wait(instance_id)["output"] == ["activity", "after"]


def test_during_an_entity_call(victim: Victim) -> None:
    instance_id = victim.client.start("during_an_entity_call")
    victim.wait_for("begin entity")
    victim.kill_and_restart()
    # The first addition was committed and is not repeated.
    assert victim.client.wait(instance_id)["output"] == 2
    url = "/runtime/webhooks/durabletask/entities/tally/k"
    assert victim.client.get(url).json() == 2


def test_during_continue_as_new(victim: Victim) -> None:
    instance_id = victim.client.start("during_continue_as_new", {"generation": 0, "seen": []})
    victim.wait_for("begin generation")
    victim.kill_and_restart()
    status = victim.client.wait(instance_id)
    assert status["output"] == [0, 1, 2, "generation", 4, 5]
    assert victim.lines().count("step 2") == 1


def test_an_event_survives(victim: Victim) -> None:
    instance_id = victim.client.start("waits_for_an_event")
    victim.client.wait(instance_id, "Running")
    victim.client.post(victim.client.instance(instance_id, "/suspend"))
    victim.client.wait(instance_id, "Suspended")
    assert victim.client.raise_event(instance_id, "event", 7).status_code == 202
    victim.kill_and_restart()
    assert victim.client.status(instance_id)["runtimeStatus"] == "Suspended"
    victim.client.post(victim.client.instance(instance_id, "/resume"))
    assert victim.client.wait(instance_id)["output"] == 7


def test_many_crashes_in_a_row(victim: Victim) -> None:
    """Kill at arbitrary moments; each orchestration still ends with the right result."""
    instance_ids = []
    for n in range(4):
        instance_ids.append(
            victim.client.start("during_continue_as_new", {"generation": 4, "seen": [n]})
        )
        time.sleep(0.002 * n)
        victim.kill_and_restart()
    for n, instance_id in enumerate(instance_ids):
        assert victim.client.wait(instance_id)["output"] == [n, 4, 5]


def test_a_clean_stop_keeps_everything_too(victim: Victim) -> None:
    instance_id = victim.client.start("during_an_activity")
    victim.wait_for("begin activity")
    assert victim.client.host.stop() == 0
    victim.kill_and_restart()
    assert victim.client.wait(instance_id)["output"] == ["activity", "after"]
