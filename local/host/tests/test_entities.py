"""Durable entities: a counter and a semaphore."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "entities"
ENTITIES = "/runtime/webhooks/durabletask/entities"


def wait_for_state(client: "Client", url: str, wanted: object) -> None:
    for _attempt in range(500):
        response = client.get(url)
        if (response.json() if response.status_code == 200 else None) == wanted:
            return
        time.sleep(0.01)
    raise AssertionError(f"{url} is {response.status_code} {response.text}")


def test_an_orchestration_calls_and_signals(client: "Client") -> None:
    assert client.run("counts", "called")["output"] == 5
    assert client.get(f"{ENTITIES}/COUNTER/called").json() == 5


def test_an_error_reaches_the_caller(client: "Client") -> None:
    assert client.run("call_fails")["output"] == "cannot"


def test_signals_of_a_client_are_applied_in_order(client: "Client") -> None:
    for amount in range(1, 21):
        response = client.post(f"/api/signal/Counter/client/add?amount={amount}")
        assert response.status_code == 202
    wait_for_state(client, f"{ENTITIES}/counter/client", 210)
    assert client.get("/api/read/Counter/client").text == "True 210"


def test_a_signal_without_input_fails_the_operation_that_wants_one(client: "Client") -> None:
    """SDK 1.7.0 drops falsy inputs and then cannot read none."""
    client.post("/api/signal/Counter/zero/add?amount=0")
    client.post("/api/signal/Counter/zero/add?amount=1")
    wait_for_state(client, f"{ENTITIES}/counter/zero", 1)
    assert "not NoneType" in client.host.log


def test_raw_webhook_signals(client: "Client") -> None:
    url = f"{ENTITIES}/counter/raw"
    assert client.post(url, params={"op": "add"}, json="4").status_code == 202
    wait_for_state(client, url, 4)
    assert client.post(f"{ENTITIES}/nobody/k", params={"op": "add"}).status_code == 400


def test_an_entity_deletes_itself(client: "Client") -> None:
    url = f"{ENTITIES}/counter/deleted"
    client.post("/api/signal/Counter/deleted/add?amount=1")
    wait_for_state(client, url, 1)
    client.post("/api/signal/Counter/deleted/reset?amount=1")
    wait_for_state(client, url, None)
    # It stays in the list, and the SDK takes it for one that exists.
    assert client.get(url).status_code == 200
    assert client.get("/api/read/Counter/deleted").text == "True "


def test_a_list_of_entities(client: "Client") -> None:
    client.run("counts", "listed")
    found = client.get(f"{ENTITIES}/Counter", params={"fetchState": "true"}).json()
    by_key = {entity["entityId"]["key"]: entity["state"] for entity in found}
    assert by_key["listed"] == 5
    assert {entity["entityId"]["name"] for entity in found} == {"counter"}


def test_a_semaphore_for_two(client: "Client") -> None:
    instance_ids = [client.start("takes_turns", "two") for _n in range(8)]
    for instance_id in instance_ids:
        assert client.wait(instance_id)["runtimeStatus"] == "Completed"
    state = client.get(f"{ENTITIES}/semaphore/two").json()
    assert state == {"free": 2, "most": 2, "held": []}
