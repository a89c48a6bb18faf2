"""Webhooks: what goes out, and what a receiver cannot make them do."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook as Signer

from shared.delivery import webhooks
from shared.delivery.outcome import Undelivered
from shared.domain.announcement import Announcement, Name
from shared.settings.callers import Webhook
from tests.support.receivers import Receiver

ANNOUNCEMENT = Announcement(
    id="evt_1", name=Name.VIDEO_CANCELLED, subject="video_1", at=7, data={"prompt": "private"}
)
SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def hook(url: str, setting: str = "HOOK_SECRET") -> Webhook:
    return Webhook(name="a", url=url, secret_setting=setting)


def test_the_body_is_openais_and_says_no_more(receiver: Receiver) -> None:
    assert webhooks.send(hook(f"{receiver.url}/h?token=private"), ANNOUNCEMENT) == 200
    (request,) = receiver.received
    assert request.path == "/h?token=private"
    assert json.loads(request.body) == {
        "id": "evt_1",
        "object": "event",
        "created_at": 7,
        "type": "video.cancelled",
        "data": {"id": "video_1"},
    }
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("length", [24, 32])
def test_while_a_secret_is_replaced_receivers_accept_either(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    new, old = ("whsec_" + base64.b64encode(each * length).decode() for each in (b"n", b"o"))
    monkeypatch.setenv("HOOK_SECRET", f"{new} {old}\n")
    webhooks.send(hook(receiver.url), ANNOUNCEMENT)
    (request,) = receiver.received
    for each in (new, old):
        assert Signer(each).verify(request.body, request.headers)["id"] == "evt_1"


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 429, 500])
def test_whatever_is_no_2xx_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.answers, receiver.headers = [status], {"location": f"{receiver.url}/other"}
    with pytest.raises(Undelivered, match=f"answered {status}") as raised:
        webhooks.send(hook(receiver.url), ANNOUNCEMENT)
    assert (raised.value.status, raised.value.gone) == (status, status == 410)
    assert len(receiver.received) == 1  # no redirect was followed, nothing repeated


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "HOOK_SECRET is missing; the setting WEBHOOKS refers to it"),
        (
            "@Microsoft.KeyVault(VaultName=a;SecretName=b)",
            "HOOK_SECRET is a reference to Key Vault",
        ),
        ("whsec_a", "HOOK_SECRET is not a Standard Webhooks secret"),
        ("whsec_", "HOOK_SECRET is not a Standard Webhooks secret"),
        (" ", "HOOK_SECRET is not a Standard Webhooks secret"),
        (f"{SECRET} whsec_a", "HOOK_SECRET is not a Standard Webhooks secret"),
    ],
)
def test_without_a_secret_nothing_is_sent(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    says: str,
) -> None:
    monkeypatch.setenv("HOOK_SECRET", value)
    with pytest.raises(Undelivered, match=says):
        webhooks.send(hook(receiver.url), ANNOUNCEMENT)
    assert receiver.received == []


def test_a_receiver_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(Undelivered) as raised:
        webhooks.send(hook("http://127.0.0.1:9/h?token=private"), ANNOUNCEMENT)
    assert str(raised.value) == "not reached (ConnectError)"
    assert "private" not in caplog.text


def test_no_url_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    webhooks.send(hook(receiver.url), ANNOUNCEMENT)  # makes the client
    caplog.set_level(logging.INFO)
    webhooks.send(hook(f"{receiver.url}/h?token=private"), ANNOUNCEMENT)
    assert "private" not in caplog.text
