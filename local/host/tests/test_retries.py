"""Activities and sub-orchestrations with retries."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "retries"


def test_the_third_attempt_succeeds(client: "Client") -> None:
    assert client.run("succeeds_at_last")["output"] == 3


def test_the_last_attempt_fails(client: "Client") -> None:
    status = client.run("gives_up")
    assert status["runtimeStatus"] == "Failed"
    assert "ConnectionError: attempt 2" in status["output"]


def test_a_child_is_started_anew_for_each_attempt(client: "Client") -> None:
    instance_id = client.start("retries_a_child")
    assert client.wait(instance_id)["output"] == [2, instance_id]
    events = client.status(instance_id, showHistory="true")["historyEvents"]
    kinds = [event["EventType"] for event in events]
    assert kinds.count("SubOrchestrationInstanceFailed") == 1
    assert kinds.count("SubOrchestrationInstanceCompleted") == 1
