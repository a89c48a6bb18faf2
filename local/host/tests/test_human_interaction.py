"""Waiting for a human, with a timeout."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "human_interaction"


def test_an_answer_in_time(client: "Client") -> None:
    instance_id = client.start("approval", 60)
    client.wait(instance_id, "Running")
    assert client.raise_event(instance_id, "approval", {"by": "me"}).status_code == 202
    assert client.wait(instance_id)["output"] == {"answer": {"by": "me"}}
    # The answer to a question that is settled.
    assert client.raise_event(instance_id, "approval", {"by": "you"}).status_code == 410


def test_an_answer_before_the_question(client: "Client") -> None:
    instance_id = client.start("approval", 60)
    assert client.raise_event(instance_id, "approval", "early").status_code == 202
    assert client.wait(instance_id)["output"] == {"answer": "early"}


def test_no_answer(client: "Client") -> None:
    assert client.run("approval", 0.2)["output"] == {"escalated": True}


def test_the_status_while_it_waits(client: "Client") -> None:
    instance_id = client.start("approval", 60)
    status = client.wait(instance_id, "Running")
    assert status["customStatus"] == "waiting"
    assert status["output"] is None
    assert client.post(client.instance(instance_id, "/terminate")).status_code == 202
    assert client.wait(instance_id)["runtimeStatus"] == "Terminated"


def test_event_names_keep_their_case(client: "Client") -> None:
    instance_id = client.start("approval", 0.5)
    assert client.raise_event(instance_id, "Approval", "wrong name").status_code == 202
    assert client.wait(instance_id)["output"] == {"escalated": True}
