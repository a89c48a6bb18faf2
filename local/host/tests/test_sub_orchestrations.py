"""Orchestrations that call orchestrations."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "sub_orchestrations"


def test_children_know_their_parent(client: "Client") -> None:
    instance_id = client.start("parent", ["Ann", "Bob"])
    assert client.wait(instance_id)["output"] == [
        {"greeting": "Hello Ann", "parent": instance_id},
        {"greeting": "Hello Bob", "parent": instance_id},
    ]


def test_children_of_children(client: "Client") -> None:
    assert client.run("factorial", 6)["output"] == 720


def test_a_terminated_child_fails_its_task(client: "Client") -> None:
    instance_id = client.start("names_its_child")
    child = f"{instance_id}-child"
    client.wait(instance_id, "Running")
    client.post(client.instance(child, "/terminate"), params={"reason": "no more"})
    status = client.wait(instance_id)
    assert status["runtimeStatus"] == "Failed"
    assert "no more" in status["output"]


def test_terminating_the_parent_leaves_the_child(client: "Client") -> None:
    instance_id = client.start("names_its_child")
    child = f"{instance_id}-child"
    client.wait(instance_id, "Running")
    client.post(client.instance(instance_id, "/terminate"))
    client.wait(instance_id, "Terminated")
    assert client.raise_event(child, "go", 7).status_code == 202
    assert client.wait(child)["output"] == 7
