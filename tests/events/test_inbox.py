"""Requests that come as events: what becomes of each, once, however often it comes."""

from __future__ import annotations

import base64
import io
import json
import logging
import socket
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest
from PIL import Image

from local.stack import Stack
from shared.domain.errors import RateLimited, Unavailable
from shared.domain.video import Status, Video
from shared.lifecycle.background import inbox as module
from shared.lifecycle.background.inbox import (
    BLOB_CREATED,
    VIDEO_REQUESTED,
    Incoming,
    look_after_images,
)
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.requests.batches import Created
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import Services
from shared.storage.names import REJECTED_CONTAINER
from tests.conftest import Simulator
from tests.events.conftest import Inbox, Told, tell
from tests.support.driver import drive
from tests.support.receivers import Receiver
from triggers.events import read

TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/orders"


@pytest.fixture
def told(
    services_with: Callable[..., Services],
    simulator: Simulator,
    receivers: Callable[..., Receiver],
) -> Told:
    callers = {"EVENT_CALLERS": json.dumps({"Orders": "local"})}
    return tell(services_with, simulator, receivers(), receivers(), **callers)


def requested(data: Any, *, topic: str | None = TOPIC, source: str = "", id: str = "") -> Incoming:  # noqa: A002
    return Incoming(
        id=id or str(uuid.uuid4()), type=VIDEO_REQUESTED, topic=topic, source=source, data=data
    )


def created(url: str, id: str = "") -> Incoming:  # noqa: A002
    return Incoming(
        id=id or str(uuid.uuid4()),
        type=BLOB_CREATED,
        topic="/subscriptions/s/storage",
        source="",
        data={"url": url, "eTag": "0x1", "api": "PutBlob"},
    )


def receive(services: Services, event: Incoming) -> Admitted | None:
    made = module.receive(services, event)
    assert not isinstance(made, Created)
    return made


def picture(colour: str = "red", kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(data, kind)
    return data.getvalue()


def videos(services: Services) -> list[Video]:
    return services.videos.page("key:local", after=None, limit=50)


def rejections(services: Services) -> list[dict[str, Any]]:
    container = services.account.container(REJECTED_CONTAINER)
    return [json.loads(container.download_blob(n).readall()) for n in container.list_blob_names()]


def later(services: Services, seconds: float) -> Services:
    return replace(services, clock=lambda: time.time() + seconds)


@pytest.mark.parametrize("topic", [TOPIC, "orders", TOPIC.upper(), None])
def test_a_requested_video_is_its_topics_callers(told: Told, topic: str | None) -> None:
    body = {
        "prompt": "a fox",
        "model": "sora",
        "size": "480x480",
        "seconds": "5",
        "webhook": "mine",
    }
    admitted = receive(told.services, requested(body, topic=topic, source="someone/else"))
    assert admitted is not None
    (video,) = videos(told.services)
    assert video.caller == "key:local"
    assert (video.request.size, video.request.seconds) == ("480x480", 5)
    assert video.request.webhook == "mine"


@pytest.mark.real_storage
def test_the_same_event_five_times_at_once_and_after_it_finished_is_one_job(
    told: Told, simulator: Simulator
) -> None:
    event = requested({"prompt": "a fox"})
    with ThreadPoolExecutor(5) as pool:
        admitted = list(pool.map(lambda _: receive(told.services, event), range(5)))
    assert len({each.video.id for each in admitted if each}) == 1
    first = admitted[0]
    assert first is not None
    drive(told.services, first.payload)
    for days in (0, 2):
        again = receive(later(told.services, days * 24 * 3600 / 100), event)
        assert again is not None
        assert again.replayed
        assert (again.video.id, again.video.status) == (first.video.id, Status.COMPLETED)
    assert len(simulator.journal()["jobs"]) == 1


def test_an_event_after_its_video_was_deleted_makes_nothing(told: Told) -> None:
    event = requested({"prompt": "a fox"})
    admitted = receive(told.services, event)
    assert admitted is not None
    drive(told.services, admitted.payload)
    stored = told.services.videos.get("key:local", admitted.video.id)
    assert stored is not None
    delete_video(told.services, stored.video)
    assert receive(told.services, event) is None
    assert videos(told.services) == []
    assert rejections(told.services) == []


def test_a_file_is_a_request_or_a_prompt(told: Told, inbox: Inbox) -> None:
    text = inbox.put("local/a fox & 100% snow.txt", "\ufeff a fox \n")
    request = inbox.put("local/deep/er/b.JSON", json.dumps({"prompt": "b", "seconds": "8"}))
    for url in (text, request, text, request):
        assert receive(told.services, created(url)) is not None
    second, first = videos(told.services)
    assert (first.request.prompt, second.request.prompt) == ("a fox", "b")
    assert second.request.seconds == 8


@pytest.mark.real_storage
def test_a_new_version_of_a_file_is_a_new_request(told: Told, inbox: Inbox) -> None:
    old = created(inbox.put("local/a.txt", "one"))
    receive(told.services, old)
    new = created(inbox.put("local/a.txt", "two"))
    for event in (new, old, new):  # the old event comes late and finds the new version
        receive(told.services, event)
    assert [video.request.prompt for video in videos(told.services)] == ["two", "one"]


@pytest.mark.real_storage
@pytest.mark.parametrize("order", ["image first", "prompt first", "at once"])
@pytest.mark.parametrize("name", ["x.png", "x.JPG", "x.webp", "x.avif", "x.jfif"])
def test_an_image_and_its_prompt_are_one_video(
    told: Told, inbox: Inbox, simulator: Simulator, order: str, name: str
) -> None:
    ending = name.rpartition(".")[2].lower()
    kind = {"jpg": "JPEG", "jfif": "JPEG"}.get(ending, ending.upper())
    parts: list[tuple[str, bytes | str]] = [
        (f"local/{name}", picture(kind=kind)),
        (f"local/{name}.txt", "it moves"),
    ]
    if order == "prompt first":
        parts.reverse()
    if order == "at once":
        events = [created(inbox.put(*part)) for part in parts]
        with ThreadPoolExecutor(2) as pool:
            made = list(pool.map(lambda event: receive(told.services, event), events))
        assert all(made)
    else:
        assert receive(told.services, created(inbox.put(*parts[0]))) is None
        made = [receive(told.services, created(inbox.put(*parts[1])))]
    admitted = made[0]
    assert admitted is not None
    (video,) = videos(told.services)
    assert video.request.prompt == "it moves"
    assert len(video.request.inputs) == 1
    drive(told.services, admitted.payload)
    (job,) = simulator.journal()["jobs"]
    assert (job["status"], job["spec"]["prompt"]) == ("completed", "it moves")
    assert look_after_images(later(told.services, 3600)) == []
    assert rejections(told.services) == []


def test_an_image_may_carry_its_prompt(told: Told, inbox: Inbox) -> None:
    url = inbox.put("local/x.png", picture(), prompt="it moves")
    for _ in range(3):
        assert receive(told.services, created(url)) is not None
    receive(told.services, created(inbox.put("local/x.png.txt", "not this")))
    (video,) = videos(told.services)
    assert video.request.prompt == "it moves"


@pytest.mark.real_storage
def test_an_image_without_a_prompt_is_rejected_after_ten_minutes(told: Told, inbox: Inbox) -> None:
    event = created(inbox.put("local/x.png", picture()))
    assert receive(told.services, event) is None
    assert look_after_images(later(told.services, 9 * 60 / 100)) == []
    assert rejections(told.services) == []
    for _ in range(2):
        assert look_after_images(later(told.services, 11 * 60 / 100)) == []
    (rejection,) = rejections(told.services)
    assert rejection["error"]["code"] == "missing_prompt"
    assert rejection["source"]["blob"] == "inbox/local/x.png"
    assert receive(told.services, event) is None
    late = created(inbox.put("local/x.png.txt", "too late"))
    assert receive(told.services, late) is None
    assert videos(told.services) == []
    told.services.courier.wait()
    (announced,) = told.events("RequestRejected")
    assert announced["data"] == rejection


def test_a_prompt_whose_event_was_lost_is_found_by_the_sweep(told: Told, inbox: Inbox) -> None:
    receive(told.services, created(inbox.put("local/x.png", picture())))
    inbox.put("local/x.png.txt", "it moves")
    (admitted,) = look_after_images(later(told.services, 11 * 60 / 100))
    assert [video.id for video in videos(told.services)] == [admitted.video.id]
    assert look_after_images(later(told.services, 20 * 60 / 100)) == []


def test_an_image_that_was_replaced_waits_anew(told: Told, inbox: Inbox) -> None:
    receive(told.services, created(inbox.put("local/x.png", picture("red"))))
    inbox.put("local/x.png", picture("blue"))
    assert look_after_images(later(told.services, 11 * 60 / 100)) == []
    assert rejections(told.services) == []


def rejected_once(told: Told, event: Incoming) -> dict[str, Any]:
    """The record of an event that came five times."""
    for _ in range(5):
        assert receive(told.services, event) is None
    told.services.courier.wait()
    (record,) = rejections(told.services)
    (announced,) = told.events("RequestRejected")
    assert announced["subject"] == record["id"]
    assert announced["data"]["error"] == record["error"]
    assert videos(told.services) == []
    assert told.services.work.all() == []
    return record


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ("a string", "invalid_json", None),
        ('"a string"', "invalid_json", None),
        ("\ud800", "invalid_json", None),
        (b"\xff", "invalid_json", None),
        (None, "invalid_json", None),
        ({}, "missing_required_parameter", "prompt"),
        ({"prompt": "p", "seconds": "5"}, "invalid_value", "seconds"),
        ({"prompt": "p", "model": "sora-9"}, "model_not_found", "model"),
        ({"prompt": "p", "caller": "other"}, "unknown_parameter", "caller"),
        ({"prompt": "p", "webhook": "http://x"}, "invalid_value", "webhook"),
        ({"prompt": "p", "\ud800": 1}, "invalid_value", None),
        ({"prompt": "\ud800"}, "invalid_value", "prompt"),
    ],
)
def test_what_can_never_work_is_put_aside_with_its_reason(
    told: Told, data: Any, code: str, param: str | None
) -> None:
    record = rejected_once(told, requested(data))
    assert (record["error"]["code"], record["error"]["param"]) == (code, param)
    assert record["caller"] == "key:local"
    assert record["source"]["topic"] == TOPIC


@pytest.mark.parametrize(
    ("data", "logged"),
    [
        ({"prompt": "p", "a secret otter": 1}, '""'),
        ({"prompt": "p", "metadata": {"a secret otter": 1}}, "metadata"),
    ],
)
def test_what_is_put_aside_is_logged_without_its_publishers_words(
    told: Told, caplog: pytest.LogCaptureFixture, data: Any, logged: str
) -> None:
    caplog.set_level(logging.INFO)
    record = rejected_once(told, requested(data))
    assert "a secret otter" in record["error"]["param"]
    (line,) = {each for each in caplog.messages if each.startswith("event=event_rejected ")}
    assert line.endswith(f" param={logged}")
    assert "otter" not in caplog.text


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("local/a.json", b"{", "invalid_json"),
        ("local/a.json", b"[]", "invalid_json"),
        ("local/a.json", b"[" * 100_000, "invalid_json"),
        ("local/a.txt", b"  ", "invalid_value"),
        ("local/a.txt", b"\xff\xfe", "invalid_value"),
        ("local/a.txt", b"a" * 300_000, "body_too_large"),
        ("local/a.exe", b"MZ", "unknown_file_type"),
        ("stranger/a.txt", b"a fox", "unknown_caller"),
        ("a.txt", b"a fox", "unknown_caller"),
    ],
)
def test_a_file_that_can_never_work_is_put_aside(
    told: Told, inbox: Inbox, name: str, data: bytes, code: str
) -> None:
    record = rejected_once(told, created(inbox.put(name, data)))
    assert record["error"]["code"] == code


def test_an_image_that_is_none_is_put_aside(told: Told, inbox: Inbox) -> None:
    url = inbox.put("local/x.png", b"not an image", prompt="it moves")
    assert rejected_once(told, created(url))["error"]["param"] == "image"


@pytest.mark.parametrize("name", ["x.HEIC", "x.heif", "x.gif", "x.mov"])
def test_the_prompt_beside_an_image_of_another_kind_is_no_request_of_its_own(
    told: Told, inbox: Inbox, name: str
) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\1\0meta"
    assert receive(told.services, created(inbox.put(f"local/{name}.txt", "it moves"))) is None
    record = rejected_once(told, created(inbox.put(f"local/{name}", heic)))
    assert "a HEIC (HEIF) photo" in record["error"]["message"]
    assert videos(told.services) == []


def test_a_ceiling_puts_a_request_aside_and_it_stays_there(told: Told) -> None:
    tight = told.services.settings.model_copy(update={"budget_usd_per_day": 0.1})
    event = requested({"prompt": "a fox"})
    assert receive(replace(told.services, settings=tight), event) is None
    record = rejected_once(told, event)  # although there would be money now
    assert record["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize(
    "problem",
    [Unavailable("m"), RateLimited("m", code="rate", retry_after=0.1), RuntimeError("storage")],
)
def test_what_is_worth_another_try_is_raised(
    told: Told, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def failing(*_: Any) -> Any:
        raise problem

    event = requested({"prompt": "a fox"})
    with monkeypatch.context() as patched:
        patched.setattr(module, "admit", failing)
        with pytest.raises(type(problem)):
            receive(told.services, event)
    assert rejections(told.services) == []
    assert receive(told.services, event) is not None


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Incoming(id="1", type="Other.Thing", topic="t", source="", data={}), "unknown_event_type"),
        (requested({"prompt": "p"}, topic="/topics/unknown"), "unknown_topic"),
    ],
)
def test_events_that_are_nobodys_are_put_aside(told: Told, event: Incoming, code: str) -> None:
    assert rejected_once(told, event)["error"]["code"] == code


@pytest.mark.parametrize(
    "sent",
    [
        {"data": '{"prompt": "a fox"}'},
        {"data": None, "data_base64": base64.b64encode(b'{"prompt": "a fox"}').decode()},
    ],
    ids=["text", "bytes"],
)
def test_the_data_of_a_cloud_event_may_be_text_or_bytes(told: Told, sent: dict[str, Any]) -> None:
    """Libraries for CloudEvents send what they are given: an object, a text or bytes."""
    event = func.CloudEvent(
        id="order-1", source="/shops/north", type=VIDEO_REQUESTED, specversion="1.0", **sent
    )
    assert receive(told.services, read(event)) is not None
    (video,) = videos(told.services)
    assert video.request.prompt == "a fox"


def test_bytes_that_are_no_base64_are_no_request(told: Told) -> None:
    sent: dict[str, Any] = {"data": None, "data_base64": "!"}
    event = func.CloudEvent(
        id="order-1", source="/", type=VIDEO_REQUESTED, specversion="1.0", **sent
    )
    assert rejected_once(told, read(event))["error"]["code"] == "invalid_json"


def test_a_cloud_event_cannot_choose_among_callers(told: Told) -> None:
    two = told.services.settings.model_copy(update={"event_callers": {"a": "local", "b": "rich"}})
    services = replace(told.services, settings=two)
    assert receive(services, requested({"prompt": "p"}, topic=None, source="b")) is None
    (record,) = rejections(services)
    assert record["error"]["code"] == "unknown_topic"


def test_a_caller_that_was_taken_out_pays_nothing(told: Told) -> None:
    gone = told.services.settings.model_copy(update={"event_callers": {"orders": "stranger"}})
    assert receive(replace(told.services, settings=gone), requested({"prompt": "p"})) is None
    (record,) = rejections(told.services)
    assert record["error"]["code"] == "unknown_caller"
    assert videos(told.services) == []


def test_our_own_events_and_rejections_make_no_loop(told: Told, inbox: Inbox) -> None:
    url = inbox.put("local/a.txt", "x").replace("/inbox/", f"/{REJECTED_CONTAINER}/")
    ours = Incoming(id="1", type="DurableVideo.RequestRejected", topic=TOPIC, source="", data={})
    for event in (ours, created(url)):
        assert receive(told.services, event) is None
    assert rejections(told.services) == []


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that this process connects to."""
    addresses: list[Any] = []
    connect = socket.socket.connect

    def recording(self: socket.socket, address: Any) -> None:
        addresses.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recording)
    return addresses


FORGED = [
    "http://169.254.169.254/metadata/identity/oauth2/token?resource=x",
    "https://evil.blob.core.windows.net/inbox/local/a.txt",
    "{host}/otheraccount/inbox/local/a.txt",
    "{account}/videos/local/a.txt",
    "{account}/inbox/../videos/a.txt",
    "{account}/inbox/%2e%2e/videos/a.txt",
    "{account}/inbox/local/..%2f..%2fvideos/a.txt",
    "{account}/inbox/local/a.txt?sv=2020&sig=SECRET",
    "{account}/inbox/local/a.txt#x",
    "{account}/inbox//a.txt",
    "{account}@evil.example/inbox/local/a.txt",
    "file:///inbox/local/a.txt",
    "http://user:SECRET@127.0.0.1/inbox/local/a.txt",
    "//[::1/inbox",
    "",
    None,
    7,
]


@pytest.mark.parametrize("url", FORGED)
def test_a_forged_url_is_rejected_and_never_requested(
    told: Told, stack: Stack, connected: list[Any], inbox: Inbox, url: Any
) -> None:
    inbox.put("local/a.txt", "a fox")
    account = told.services.account.blobs.url.rstrip("/")
    if isinstance(url, str):
        url = url.format(account=account, host=account.rpartition("/")[0])
    record = rejected_once(told, created(url))
    assert record["error"]["code"] == "not_in_the_inbox"
    assert "SECRET" not in json.dumps(record)
    ours = {("127.0.0.1", port) for port in (*stack.ports.azurite, told.topic.port)}
    assert ("127.0.0.1", told.topic.port) in connected  # this is where requests are seen
    assert set(connected) <= ours
