"""The topic on Azure: a token of the app's identity, and nothing else, to nobody else."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.messaging import CloudEvent
from urllib3 import HTTPResponse

from shared.delivery import topic as module
from shared.delivery.outcome import Undelivered
from shared.delivery.topic import Topic
from shared.domain.announcement import Announcement, Name

ANNOUNCEMENT = Announcement(
    id="evt_1", name=Name.VIDEO_FAILED, subject="video_1", at=1_700_000_000, data={"id": "video_1"}
)


class Identity:
    """A managed identity that gives a token for what it is asked for."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken("the-token", int(time.time()) + 3600)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[requests.PreparedRequest]:
    """The requests that leave, each answered with the next of `statuses`."""
    found: list[requests.PreparedRequest] = []
    statuses = iter([200, 302, 403])

    def answer(
        self: requests.Session, request: requests.PreparedRequest, **_: Any
    ) -> requests.Response:
        found.append(request)
        response = requests.Response()
        response.status_code = next(statuses)
        response.headers["location"] = "https://elsewhere.example/"
        response.raw = HTTPResponse(body=io.BytesIO(), preload_content=False)
        response.request = request
        response.url = str(request.url)
        return response

    monkeypatch.setattr(requests.Session, "send", answer)
    return found


def test_a_cloud_event_goes_to_the_topic_with_the_identitys_token(
    monkeypatch: pytest.MonkeyPatch, sent: list[requests.PreparedRequest]
) -> None:
    identity = Identity()
    monkeypatch.setattr(module, "credential", lambda: identity)
    topic = Topic("https://t.westeurope-1.eventgrid.azure.net/api/events")
    topic.send(ANNOUNCEMENT, source="https://app.example/openai/v1/videos")
    with pytest.raises(Undelivered, match="answered 302"):  # the token stays with the topic
        topic.send(ANNOUNCEMENT, source="s")
    with pytest.raises(Undelivered, match="answered 403"):  # repeated from the outbox only
        topic.send(ANNOUNCEMENT, source="s")
    topic.close()
    assert len(sent) == 3
    assert set(identity.scopes) == {"https://eventgrid.azure.net/.default"}
    for request in sent:
        assert str(request.url).startswith("https://t.westeurope-1.eventgrid.azure.net/api/events")
        assert request.headers["Authorization"] == "Bearer the-token"
        assert "aeg-sas-key" not in request.headers
    assert "cloudevents-batch+json" in sent[0].headers["Content-Type"]
    (event,) = json.loads(str(sent[0].body))
    parsed: CloudEvent[Any] = CloudEvent.from_dict(event)
    assert (parsed.id, parsed.type) == ("evt_1", "DurableVideo.VideoFailed")
    assert (parsed.subject, parsed.data) == ("video_1", {"id": "video_1"})
    assert parsed.time is not None
    assert parsed.time.timestamp() == ANNOUNCEMENT.at


def test_a_topic_that_cannot_be_reached_says_so_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = Topic("http://127.0.0.1:9/api/events")
    with pytest.raises(Undelivered) as raised:
        topic.send(ANNOUNCEMENT, source="s")
    topic.close()
    assert str(raised.value) == "not reached (ServiceRequestError)"
