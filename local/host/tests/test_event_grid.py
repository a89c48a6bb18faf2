"""Event Grid triggers: both schemas, batches, handshakes."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from httpx import Response

    from .conftest import Client

APP = "event_grid"
URL = "/runtime/webhooks/eventgrid"


def event(number: int, **data: Any) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "topic": "/topic",
        "subject": f"subject/{number}",
        "eventType": "Sample.Happened",
        "eventTime": "2030-01-01T00:00:00Z",
        "data": data,
        "dataVersion": "1",
    }


def deliver(client: "Client", function: str, events: Any) -> "Response":
    headers = {"aeg-event-type": "Notification"}
    return client.post(URL, params={"functionName": function}, headers=headers, json=events)


def received(client: "Client") -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in client.get("/api/events").json()}


def test_a_batch_is_one_invocation_for_each_event(client: "Client") -> None:
    response = deliver(client, "ON_event", [event(1, n=1), event(2, n=2)])
    assert response.status_code == 202
    found = received(client)
    assert found["event-1"] == {
        "id": "event-1",
        "type": "Sample.Happened",
        "subject": "subject/1",
        "n": 1,
    }
    assert found["event-2"]["n"] == 2


def test_a_failure_asks_for_another_delivery(client: "Client") -> None:
    response = deliver(client, "on_event", [event(3, bad=True), event(4)])
    assert response.status_code == 500
    assert "event-4" in received(client)


def test_cloud_events(client: "Client") -> None:
    cloud_event = {
        "specversion": "1.0",
        "id": "cloud-1",
        "source": "/source",
        "type": "Sample.Happened",
        "data": {},
    }
    response = deliver(client, "on_cloud_event", cloud_event)
    assert response.status_code == 202
    assert received(client)["cloud-1"]["source"] == "/source"


def test_an_event_starts_an_orchestration(client: "Client") -> None:
    response = deliver(client, "starts", [event(5, n=5)])
    assert response.status_code == 202
    assert client.wait("event-5")["output"] == {"n": 5}


def test_the_subscription_handshake(client: "Client") -> None:
    validation = {
        **event(6, validationCode="the-code"),
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    }
    response = client.post(
        URL,
        params={"functionName": "on_event"},
        headers={"aeg-event-type": "SubscriptionValidation"},
        json=[validation],
    )
    assert response.json() == {"validationResponse": "the-code"}
    assert "event-6" not in received(client)


def test_the_cloud_events_handshake(client: "Client") -> None:
    response = client.options(
        URL,
        params={"functionName": "on_cloud_event"},
        headers={"WebHook-Request-Origin": "eventgrid.azure.net"},
    )
    assert response.status_code == 200
    assert response.headers["webhook-allowed-origin"] == "eventgrid.azure.net"


@pytest.mark.parametrize(
    ("name", "content", "headers", "status"),
    [
        ("nobody", "[]", {}, 404),
        ("orchestration", "[]", {}, 404),
        ("on_event", "not json", {"aeg-event-type": "Notification"}, 400),
        ("on_event", "[1]", {"aeg-event-type": "Notification"}, 400),
        ("on_event", "[]", {"aeg-event-type": "Unsubscribe"}, 202),
        ("on_event", "[]", {"aeg-event-type": "Other"}, 400),
        ("on_event", "[]", {"aeg-event-type": "notification"}, 202),
        ("on_event", "[]", {}, 400),
    ],
)
def test_other_answers(
    client: "Client", name: str, content: str, headers: dict[str, str], status: int
) -> None:
    response = client.post(URL, params={"functionName": name}, content=content, headers=headers)
    assert response.status_code == status


def test_by_hand(client: "Client") -> None:
    import json
    import time

    body = {"input": json.dumps(event(7, n=7))}
    assert client.post("/admin/functions/on_event", json=body).status_code == 202
    for _attempt in range(500):
        if "event-7" in received(client):
            return
        time.sleep(0.01)
    raise AssertionError(client.host.log)
