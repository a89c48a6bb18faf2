"""A thousand generations of continue-as-new."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "eternal"


def test_a_thousand_generations(client: "Client") -> None:
    instance_id = client.start("generations", {"left": 1000, "sum": 0})
    status = client.wait(instance_id, seconds=30)
    assert status["output"] == sum(range(1, 1001))
    # The history is the last generation's alone.
    assert len(client.status(instance_id, showHistory="true")["historyEvents"]) == 3
