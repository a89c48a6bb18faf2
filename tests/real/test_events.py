"""Event Grid on this host: handshakes, both schemas, repeats; files in the inbox; what is told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.storage.blob import ContainerClient
from standardwebhooks import Webhook

from local.events import put
from shared.storage.names import REJECTED_CONTAINER
from tests.conftest import Simulator
from tests.events.conftest import SECRET
from tests.events.test_stack import picture
from tests.real.conftest import PATIENCE, RealStack, event_grid
from tests.support.stacks import Client
from tests.support.waiting import eventually

REQUESTED = "DurableVideo.VideoRequested"


def post(real: RealStack, body: Any, **headers: str) -> httpx.Response:
    headers = {"aeg-event-type": "Notification", **headers}
    return httpx.post(event_grid(real), json=body, headers=headers, timeout=60, trust_env=False)


def told(real: RealStack, name: str, subject: str | None = None) -> list[dict[str, Any]]:
    return [
        event
        for event in real.topic.events()
        if event["type"] == f"DurableVideo.{name}" and subject in (None, event["subject"])
    ]


def with_prompt(real: RealStack, prompt: str) -> list[dict[str, Any]]:
    """Completed videos of a prompt, as the topic was told."""
    found = told(real, "VideoCompleted")
    return [event for event in found if event["data"]["prompt"] == prompt]


@pytest.fixture
def prompt() -> str:
    return f"a fox {uuid.uuid4()}"


def test_the_handshake_of_the_event_grid_schema(real: RealStack) -> None:
    validation = {
        "id": str(uuid.uuid4()),
        "topic": "/topics/local",
        "subject": "",
        "data": {"validationCode": "the-code"},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "1",
    }
    answer = post(real, [validation], **{"aeg-event-type": "SubscriptionValidation"})
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "the-code"})


def test_the_handshake_of_cloud_events(real: RealStack) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    answer = httpx.options(event_grid(real), headers=headers, timeout=60, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"


@pytest.mark.parametrize("schema", ["Event Grid", "CloudEvents"])
def test_an_event_that_comes_again_is_one_video(
    real: RealStack, api: Client, simulator: Simulator, prompt: str, schema: str
) -> None:
    event: dict[str, Any] = {"id": str(uuid.uuid4()), "data": {"prompt": prompt}, "subject": "x"}
    if schema == "CloudEvents":
        event |= {"specversion": "1.0", "type": REQUESTED, "source": "/anybody"}
        body, headers = event, {"content-type": "application/cloudevents+json"}
    else:
        event |= {
            "eventType": REQUESTED,
            "topic": "/subscriptions/s/topics/local",
            "eventTime": "2026-01-01T00:00:00Z",
            "dataVersion": "1",
        }
        body, headers = [event], {}  # type: ignore[assignment]
    for _ in range(2):
        assert post(real, body, **headers).status_code in (200, 202)
    (completed,) = eventually(lambda: with_prompt(real, prompt), seconds=PATIENCE)
    assert api.get(completed["subject"]) == completed["data"]
    assert post(real, body, **headers).status_code in (200, 202)
    assert len(simulator.journal()["jobs"]) == 1


def test_a_dropped_file_is_a_video(real: RealStack, prompt: str) -> None:
    assert post(real, [put(real, f"local/{uuid.uuid4()}.txt", prompt.encode())]).is_success
    assert eventually(lambda: with_prompt(real, prompt), seconds=PATIENCE)


@pytest.fixture
def rejected(real: RealStack) -> Iterator[ContainerClient]:
    connection = real.settings["STORAGE_CONNECTION"]
    with ContainerClient.from_connection_string(connection, REJECTED_CONTAINER) as container:
        yield container


def test_what_can_never_work_is_put_aside_and_told(
    real: RealStack, rejected: ContainerClient
) -> None:
    name = f"local/{uuid.uuid4()}.json"
    assert post(real, [put(real, name, b"{ no")]).is_success

    def rejection() -> Any:
        found = told(real, "RequestRejected")
        return [each for each in found if each["data"]["source"].get("blob") == f"inbox/{name}"]

    (event,) = eventually(rejection, seconds=PATIENCE)
    assert event["data"]["error"]["code"] == "invalid_json"
    stored = rejected.download_blob(f"{event['subject']}.json").readall()
    assert json.loads(stored) == event["data"]


def test_the_inbox_is_swept(real: RealStack) -> None:
    """An image whose prompt never comes is rejected by a timer, after ten minutes: 30 s here."""
    name = f"local/{uuid.uuid4()}.png"
    assert post(real, [put(real, name, picture())]).is_success

    def rejection() -> Any:
        found = told(real, "RequestRejected")
        return [each for each in found if each["data"]["error"]["code"] == "missing_prompt"]

    assert eventually(rejection, seconds=120)


def test_a_webhook_that_fails_first_is_told_by_the_timer(
    real: RealStack, api: Client, prompt: str
) -> None:
    real.receiver.received.clear()
    real.receiver.answers = [500, 503]
    made = api.create(prompt=prompt, webhook="mine")
    assert api.wait(made["id"], seconds=PATIENCE)["status"] == "completed"
    received = real.receiver.received
    eventually(lambda: len(received) == 3, seconds=120)
    verified: dict[str, Any] = Webhook(SECRET).verify(received[-1].body, received[-1].headers)
    assert verified["data"] == {"id": made["id"]}
    assert {each.headers["webhook-id"] for each in received} == {verified["id"]}
