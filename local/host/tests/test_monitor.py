"""The monitor pattern: polling on durable timers, with a custom status."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "monitor"


def test_polls_until_done(client: "Client") -> None:
    instance_id = client.start("monitor")
    status = client.wait(instance_id)
    assert status["output"] == 5
    assert status["customStatus"] == {"polls": 5, "state": "done"}
    events = client.status(instance_id, showHistory="true")["historyEvents"]
    assert [event["EventType"] for event in events].count("TimerFired") == 5
