"""Files whose events come before their content: waited for, then taken, once."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.video import Video
from shared.lifecycle.background import inbox as module
from shared.lifecycle.background.inbox import (
    BLOB_CREATED,
    BLOB_RENAMED,
    Incoming,
    look_after_files,
    look_after_images,
)
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.requests.batches import Created
from shared.lifecycle.services import Services
from shared.storage.inbox import Dropped
from shared.storage.inbox import Inbox as Store
from shared.storage.names import INBOX_CONTAINER, REJECTED_CONTAINER
from tests.events.conftest import Inbox, Told
from tests.events.test_inbox import picture

PATIENCE = 10 * 60 / 100  # at the tests' time scale

ORDER = json.dumps({"prompt": "a fox"})


def told_of(url: str, api: str, size: int, **more: Any) -> Incoming:
    data = {"api": api, "url": url, "contentLength": size, "blobType": "BlockBlob", **more}
    return Incoming(
        id=str(uuid.uuid4()), type=BLOB_CREATED, topic=None, source="/storage", data=data
    )


def renamed(source: str, destination: str) -> Incoming:
    data = {"api": "RenameFile", "sourceUrl": source, "destinationUrl": destination}
    return Incoming(
        id=str(uuid.uuid4()), type=BLOB_RENAMED, topic=None, source="/storage", data=data
    )


def receive(told: Told, event: Incoming) -> Admitted | None:
    made = module.receive(told.services, event)
    assert not isinstance(made, Created)
    return made


def sweep(told: Told, seconds: float) -> list[Admitted]:
    later = replace(told.services, clock=lambda: time.time() + seconds)
    files = [made for made in look_after_files(later) if not isinstance(made, Created)]
    return [*look_after_images(later), *files]


def videos(told: Told) -> list[Video]:
    return told.services.videos.page("key:local", after=None, limit=50)


def rejected(told: Told) -> list[dict[str, Any]]:
    """What was put aside, and announced."""
    told.services.courier.wait()
    container = told.services.account.container(REJECTED_CONTAINER)
    found = [json.loads(container.download_blob(n).readall()) for n in container.list_blob_names()]
    assert len(told.events("RequestRejected")) == len(found)
    return found


UPLOADS = [
    ("SftpCreate", "SftpCommit"),
    ("CreateFile", "FlushWithClose"),
    ("PutBlob", "PutBlob"),
    ("PutBlob", "PutBlockList"),
    ("PutBlob", "CopyBlob"),
]


@pytest.mark.real_storage
@pytest.mark.parametrize(("first", "last"), UPLOADS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", ORDER.encode()),
        ("a.txt", b"a fox"),
        ("a.txt", "a fox".encode("utf-16")),
    ],
)
def test_a_placeholder_is_waited_for(
    told: Told, inbox: Inbox, first: str, last: str, name: str, content: bytes
) -> None:
    opened = told_of(inbox.put(f"local/{name}", b""), first, 0)
    for _ in range(3):
        assert receive(told, opened) is None
    assert (videos(told), rejected(told)) == ([], [])
    closed = told_of(inbox.put(f"local/{name}", content), last, len(content))
    assert receive(told, closed) is not None
    for again in (opened, closed, opened):
        receive(told, again)
    assert sweep(told, 2 * PATIENCE) == []
    (video,) = videos(told)
    assert video.request.prompt == "a fox"
    assert rejected(told) == []


@pytest.mark.parametrize("order", sorted(set(itertools.permutations("oocc"))))
def test_two_events_in_any_order_and_twice_are_one_video(
    told: Told, inbox: Inbox, order: tuple[str, ...]
) -> None:
    """Event Grid promises neither an order nor that an event comes once."""
    url = inbox.put("local/a.json", ORDER)
    opened, closed = told_of(url, "SftpCreate", 0), told_of(url, "SftpCommit", len(ORDER))
    for event in order:
        receive(told, opened if event == "o" else closed)
    assert [video.request.prompt for video in videos(told)] == ["a fox"]
    assert rejected(told) == []


@pytest.mark.parametrize("api", ["SftpCreate", "SftpWrite", "CreateFile"])
def test_half_a_file_is_not_taken(told: Told, inbox: Inbox, api: str) -> None:
    half = told_of(inbox.put("local/a.txt", "a fox that must"), api, 15)
    assert receive(told, half) is None
    assert sweep(told, PATIENCE / 2) == []
    whole = told_of(inbox.put("local/a.txt", "a fox that must not stop"), "SftpCommit", 24)
    assert receive(told, whole) is not None
    assert sweep(told, 2 * PATIENCE) == []
    assert [video.request.prompt for video in videos(told)] == ["a fox that must not stop"]


@pytest.mark.parametrize(
    "name", ["local/a.json", "local/a.txt", "local/a.png", "local/a.exe", "stranger/a.txt", "local"]
)
@pytest.mark.parametrize("api", ["SftpCreate", "CreateFile", "PutBlob", "FlushWithClose"])
def test_a_file_that_stays_empty_asks_for_nothing(
    told: Told, inbox: Inbox, name: str, api: str
) -> None:
    event = told_of(inbox.put(name, b""), api, 0)
    for _ in range(3):
        assert receive(told, event) is None
        assert sweep(told, 0) == []
    for _ in range(2):
        assert sweep(told, 24 * 3600) == []
    assert (videos(told), rejected(told)) == ([], [])
    assert told.services.unfinished_files.seen_before(time.time() + 1e6, limit=10) == []


def test_content_after_the_patience_is_a_video_all_the_same(told: Told, inbox: Inbox) -> None:
    receive(told, told_of(inbox.put("local/a.json", b""), "SftpCreate", 0))
    sweep(told, 2 * PATIENCE)
    receive(told, told_of(inbox.put("local/a.json", ORDER), "SftpCommit", len(ORDER)))
    assert len(videos(told)) == 1
    assert rejected(told) == []


@pytest.mark.real_storage
@pytest.mark.parametrize(
    "opened", [{"api": "CreateFile"}, {"api": "PutBlob", "blobType": "AppendBlob"}]
)
def test_content_without_an_event_is_taken_once_it_is_left_alone(
    told: Told, inbox: Inbox, opened: dict[str, str]
) -> None:
    """A flush without `close`, and appending, make no event."""
    event = told_of(inbox.put("local/a.json", b""), size=0, **opened)
    assert receive(told, event) is None
    inbox.put("local/a.json", ORDER)
    assert sweep(told, PATIENCE / 2) == []
    (admitted,) = sweep(told, 2 * PATIENCE)
    assert [video.id for video in videos(told)] == [admitted.video.id]
    assert sweep(told, 4 * PATIENCE) == []
    receive(told, event)
    sweep(told, 6 * PATIENCE)
    assert len(videos(told)) == 1


def test_what_came_quietly_and_is_wrong_is_put_aside_with_its_reason(
    told: Told, inbox: Inbox
) -> None:
    receive(told, told_of(inbox.put("local/a.json", b""), "CreateFile", 0))
    inbox.put("local/a.json", "{")
    for _ in range(2):
        assert sweep(told, 2 * PATIENCE) == []
    (record,) = rejected(told)
    assert record["error"]["code"] == "invalid_json"


@pytest.mark.parametrize("first", ["image", "prompt"])
def test_an_image_and_its_prompt_may_both_be_uploads(told: Told, inbox: Inbox, first: str) -> None:
    parts: list[tuple[str, bytes]] = [("local/x.png", picture()), ("local/x.png.txt", b"it moves")]
    if first == "prompt":
        parts.reverse()
    for name, _ in parts:
        assert receive(told, told_of(inbox.put(name, b""), "SftpCreate", 0)) is None
    made = [
        receive(told, told_of(inbox.put(name, data), "SftpCommit", len(data)))
        for name, data in parts
    ]
    assert made[0] is None
    assert made[1] is not None
    assert sweep(told, 2 * PATIENCE) == []
    (video,) = videos(told)
    assert (video.request.prompt, len(video.request.inputs)) == ("it moves", 1)
    assert rejected(told) == []


def test_an_empty_prompt_beside_an_image_is_none_yet(told: Told, inbox: Inbox) -> None:
    inbox.put("local/x.png.txt", b"")
    data = picture()
    assert receive(told, told_of(inbox.put("local/x.png", data), "PutBlob", len(data))) is None
    prompt = told_of(inbox.put("local/x.png.txt", "it moves"), "PutBlob", 8)
    assert receive(told, prompt) is not None
    assert rejected(told) == []


def test_an_event_about_older_content_finds_the_newer(told: Told, inbox: Inbox) -> None:
    older = told_of(inbox.put("local/a.txt", "one"), "PutBlob", 3)
    newer = told_of(inbox.put("local/a.txt", "two"), "PutBlob", 3)
    for event in (older, newer, older):
        receive(told, event)
    assert [video.request.prompt for video in videos(told)] == ["two"]


def test_a_file_that_is_emptied_again_is_waited_for(told: Told, inbox: Inbox) -> None:
    full = told_of(inbox.put("local/a.txt", "one"), "SftpCommit", 3)
    inbox.put("local/a.txt", b"")  # the next upload has begun
    assert receive(told, full) is None
    receive(told, told_of(inbox.put("local/a.txt", "two"), "SftpCommit", 3))
    assert [video.request.prompt for video in videos(told)] == ["two"]
    assert rejected(told) == []


@pytest.mark.real_storage
def test_a_file_that_changes_while_it_is_read_is_left_to_its_next_event(
    told: Told, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = told_of(inbox.put("local/a.txt", "one"), "PutBlob", 3)
    find = Store.find

    def replaced(self: Store, name: str) -> Dropped | None:
        found = find(self, name)
        inbox.put("local/a.txt", "two")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Store, "find", replaced)
        assert receive(told, first) is None
    assert (videos(told), rejected(told)) == ([], [])
    assert receive(told, told_of(first.data["url"], "PutBlob", 3)) is not None
    assert [video.request.prompt for video in videos(told)] == ["two"]


def test_a_copy_is_waited_for_until_it_is_done(
    told: Told, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an account with folders its event comes when it begins."""
    event = told_of(inbox.put("local/a.json", ORDER), "CopyBlob", len(ORDER))
    find = Store.find

    def copying(self: Store, name: str) -> Dropped | None:
        found = find(self, name)
        return found and replace(found, copied=False)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "find", copying)
        assert receive(told, event) is None
        assert sweep(told, 2 * PATIENCE) == []
    assert len(sweep(told, 2 * PATIENCE)) == 1
    assert rejected(told) == []


@pytest.mark.parametrize(
    "temporary", ["a.json.filepart", "a.json.part", ".a.json.Xy12Ab", "A.JSON.TMP"]
)
def test_an_upload_under_a_temporary_name_counts_when_it_has_its_own(
    told: Told, inbox: Inbox, temporary: str
) -> None:
    source = inbox.put(f"local/{temporary}", ORDER)
    assert receive(told, told_of(source, "SftpCommit", len(ORDER))) is None
    assert rejected(told) == []
    named = renamed(source, inbox.put("local/a.json", ORDER))
    for _ in range(2):
        assert receive(told, named) is not None
    assert len(videos(told)) == 1


def test_a_request_that_is_put_away_is_not_a_new_one(told: Told, inbox: Inbox) -> None:
    source = inbox.put("local/a.json", ORDER)
    receive(told, told_of(source, "PutBlob", len(ORDER)))
    assert receive(told, renamed(source, inbox.put("local/done/a.json", ORDER))) is None
    assert len(videos(told)) == 1
    assert rejected(told) == []


def test_events_of_data_lake_clients_name_their_own_endpoint(services: Services) -> None:
    store = Store(
        services.account.container(INBOX_CONTAINER), "https://acct.blob.core.windows.net/"
    )
    for host in ("acct.blob.core.windows.net", "acct.dfs.core.windows.net"):
        assert store.position_of(f"https://{host}/inbox/local/a.json") == ("inbox", "local/a.json")
    for host in ("other.dfs.core.windows.net", "acct.dfs.core.windows.net.evil.example"):
        assert store.position_of(f"https://{host}/inbox/local/a.json") is None


@pytest.mark.parametrize("name", ["a.json", "a.txt"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_both_kinds_of_files_are_read_by_one_rule(
    told: Told, inbox: Inbox, name: str, encoding: str
) -> None:
    prompt = "Füchse im Schnee"
    text = prompt if name == "a.txt" else json.dumps({"prompt": prompt}, ensure_ascii=False)
    data = f"{text}\r\n\0".encode(encoding)
    receive(told, told_of(inbox.put(f"local/{name}", data), "PutBlob", len(data)))
    assert [video.request.prompt for video in videos(told)] == [prompt]


@pytest.mark.parametrize("name", ["a.json", "a.txt"])
def test_both_kinds_of_files_say_why_they_are_no_text(told: Told, inbox: Inbox, name: str) -> None:
    data = '{"prompt": "Füchse"}'.encode("latin-1")
    receive(told, told_of(inbox.put(f"local/{name}", data), "PutBlob", len(data)))
    (record,) = rejected(told)
    assert "not UTF-8: byte 0xfc at 13" in record["error"]["message"]


@pytest.mark.real_storage
def test_a_blob_may_say_its_charset(told: Told, inbox: Inbox) -> None:
    from azure.storage.blob import ContentSettings

    url = inbox.put("local/a.txt", "Füchse".encode("latin-1"))
    blob = told.services.account.container(INBOX_CONTAINER).get_blob_client("local/a.txt")
    blob.set_http_headers(ContentSettings(content_type='text/plain; charset="iso-8859-1"'))
    receive(told, told_of(url, "PutBlob", 6))
    assert [video.request.prompt for video in videos(told)] == ["Füchse"]
