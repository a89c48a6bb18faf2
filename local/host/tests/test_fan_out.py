"""Fan-out and fan-in of a hundred and more."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "fan_out"


def test_a_hundred_activities(client: "Client") -> None:
    assert client.run("sum_of_squares", 100)["output"] == sum(n * n for n in range(100))


def test_a_hundred_async_activities(client: "Client") -> None:
    assert client.run("sum_of_async_squares", 100)["output"] == sum(n * n for n in range(100))


def test_a_thousand_activities(client: "Client") -> None:
    assert client.run("sum_of_squares", 1000)["output"] == sum(n * n for n in range(1000))


def test_none_at_all(client: "Client") -> None:
    """The SDK resolves an empty task_all to nothing, and goes on."""
    assert client.run("sum_of_squares", 0)["runtimeStatus"] == "Failed"
