"""Batches dropped into the inbox: each version once, under the terms of its metadata."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.batch import Batch, Status
from shared.domain.files import Purpose
from shared.lifecycle.background import dropped
from shared.lifecycle.background import inbox as module
from shared.lifecycle.background.inbox import BLOB_CREATED, Incoming, look_after_files
from shared.lifecycle.batches.advance import advance_batch
from shared.lifecycle.requests import files
from shared.lifecycle.requests.batches import Created
from shared.storage import inbox as storage
from shared.storage.inbox import Dropped
from shared.storage.inbox import Inbox as Store
from shared.storage.names import INBOX_CONTAINER, REJECTED_CONTAINER
from tests.events.conftest import Inbox, Told

CALLER = "key:local"
CSV = "prompt,seconds\na fox,4\na hare,8\n"


def line(custom_id: str, **body: Any) -> str:
    asked = {"custom_id": custom_id, "method": "POST", "url": "/v1/videos"}
    return json.dumps({**asked, "body": {"prompt": "a fox", **body}}) + "\n"


def event(url: str, api: str = "PutBlob") -> Incoming:
    data = {"url": url, "api": api}
    return Incoming(
        id=str(uuid.uuid4()), type=BLOB_CREATED, topic=None, source="/storage", data=data
    )


@pytest.fixture
def drop(told: Told, inbox: Inbox) -> Callable[..., Created | None]:
    """Put a file there and receive its event."""

    def drop(name: str, data: bytes | str, charset: str = "", **metadata: str) -> Created | None:
        url = inbox.put(name, data, **metadata)
        if charset:
            from azure.storage.blob import ContentSettings

            blob = told.services.account.container(INBOX_CONTAINER).get_blob_client(name)
            kind = f"text/csv; charset={charset}"
            blob.set_http_headers(ContentSettings(content_type=kind))
        made = module.receive(told.services, event(url))
        assert made is None or isinstance(made, Created)
        return made

    return drop


Drop = Callable[..., Created | None]


def validated(told: Told, made: Created | None) -> Batch:
    """The batch after its worker has read and checked its file."""
    assert made is not None
    advance_batch(told.services, made.batch.id, made.batch.epoch)
    stored = told.services.batches.get(made.batch.id)
    assert stored is not None
    return stored.batch


def requests(told: Told, batch: Batch) -> list[dict[str, Any]]:
    """What is in its input file."""
    file = files.find(told.services, CALLER, batch.input_file_id)
    assert file is not None
    assert (file.purpose, file.content_type) == (Purpose.BATCH, "application/jsonl")
    return [json.loads(each) for each in files.content(told.services, file).split(b"\n") if each]


def batches(told: Told) -> list[Batch]:
    return told.services.batches.page(CALLER, after=None, limit=50)


def rejected(told: Told) -> list[dict[str, Any]]:
    container = told.services.account.container(REJECTED_CONTAINER)
    return [json.loads(container.download_blob(n).readall()) for n in container.list_blob_names()]


@pytest.mark.real_storage
def test_a_file_of_lines_is_a_batch_of_its_folders_caller(told: Told, drop: Drop) -> None:
    data = line("one", seconds="4") + "\n" + line("two", seconds="8")
    batch = validated(told, drop("local/films/a.jsonl", data))
    assert (batch.caller, batch.status, batch.total) == (CALLER, Status.IN_PROGRESS, 2)
    assert (batch.budget, batch.completion_window) == (None, "24h")
    assert batch.estimated == 1_200_000
    assert [each["custom_id"] for each in requests(told, batch)] == ["one", "two"]
    assert rejected(told) == []


def test_the_metadata_are_its_terms_in_the_words_of_the_api(told: Told, drop: Drop) -> None:
    made = drop(
        "local/a.csv",
        CSV,
        budget_usd="20.50",
        max_running="3",
        completion_window="7d",
        dry_run="true",
        webhook="mine",
        mtime="1764000000",  # another program's
    )
    batch = validated(told, made)
    assert (batch.budget, batch.max_running, batch.completion_window) == (20_500_000, 3, "7d")
    assert (batch.dry_run, batch.webhook, batch.status) == (True, "mine", Status.COMPLETED)


@pytest.mark.parametrize(
    ("metadata", "param", "said"),
    [
        ({"budget_usd": "-1"}, "budget_usd", "more than 0"),
        ({"budget_usd": "twenty"}, "budget_usd", "not an amount"),
        ({"max_running": "0"}, "max_running", "greater than or equal to 1"),
        ({"completion_window": "soon"}, "completion_window", "soon"),
        ({"completion_window": "31d"}, "completion_window", "at most 30 days"),
        ({"dry_run": "perhaps"}, "dry_run", "perhaps"),
        ({"webhook": "stranger"}, "webhook", "Yours: mine."),
        ({"budget_us": "20"}, "budget_us", "'budget_usd' is"),
        ({"budgetUsd": "20"}, "budgetUsd", "'budget_usd' is"),
    ],
)
def test_terms_that_are_not_taken_reject_the_file_once(
    told: Told, drop: Drop, inbox: Inbox, metadata: dict[str, str], param: str, said: str
) -> None:
    url = inbox.put("local/a.csv", CSV, **metadata)
    for _ in range(2):
        assert module.receive(told.services, event(url)) is None
    (record,) = rejected(told)
    assert record["error"]["param"].lower() == param.lower()
    assert said in record["error"]["message"]
    assert batches(told) == []


def test_a_spreadsheet_without_prompts_is_rejected(told: Told, drop: Drop) -> None:
    assert drop("local/a.csv", "scene,text\n1,a fox\n") is None
    (record,) = rejected(told)
    assert (record["error"]["code"], record["error"]["param"]) == ("missing_prompt", "prompt")


def test_a_file_that_is_too_large_is_rejected_unread(
    told: Told, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "LARGEST_DROPPED_BATCH", 10)
    monkeypatch.setattr(Store, "pieces", lambda *_: pytest.fail("it was read"))
    assert drop("local/a.csv", CSV) is None
    (record,) = rejected(told)
    assert "more than 10 bytes" in record["error"]["message"]


def test_wrong_lines_are_the_batchs_own_matter(told: Told, drop: Drop) -> None:
    batch = validated(told, drop("local/a.csv", "prompt,seconds,notes\na,5,\nb,4,hm\nc,4,\n"))
    assert batch.status is Status.FAILED
    wrong = [(each.line, each.param, each.code) for each in batch.wrong]
    assert wrong == [
        (2, "body.seconds", "invalid_value"),
        (3, "body.notes", "unknown_parameter"),
    ]
    assert batch.error_file_id is not None
    assert rejected(told) == []


@pytest.mark.real_storage
def test_the_same_event_again_and_at_once_is_one_batch(
    told: Told, drop: Drop, inbox: Inbox
) -> None:
    came = event(inbox.put("local/a.csv", CSV))
    with ThreadPoolExecutor(5) as pool:
        made = list(pool.map(lambda _: module.receive(told.services, came), range(5)))
    assert {each.batch.id for each in made if isinstance(each, Created)} == {batches(told)[0].id}
    year = 365 * 24 * 3600 / 100
    later = replace(told.services, clock=lambda: time.time() + year)
    again = module.receive(later, came)
    assert again is not None
    assert again.replayed
    assert len(batches(told)) == 1


def test_another_version_is_another_batch(told: Told, drop: Drop) -> None:
    first = validated(told, drop("local/a.csv", CSV))
    second = validated(told, drop("local/a.csv", "prompt\nan owl\n"))
    assert first.id != second.id
    assert [each["body"]["prompt"] for each in requests(told, first)] == ["a fox", "a hare"]
    assert [each["body"]["prompt"] for each in requests(told, second)] == ["an owl"]


def test_the_announced_version_is_read_or_none(told: Told, drop: Drop, inbox: Inbox) -> None:
    """Replaced after the event was answered, and before the batch's worker came to read it."""
    made = drop("local/a.csv", CSV)
    inbox.put("local/a.csv", "prompt\nan owl\n")
    batch = validated(told, made)
    assert batch.status is Status.FAILED
    assert [(each.code, each.line) for each in batch.wrong] == [("dropped_file_gone", None)]
    assert files.find(told.services, CALLER, batch.input_file_id) is None


@pytest.mark.real_storage
def test_a_file_that_changes_while_it_is_read_makes_no_mixture(
    told: Told, drop: Drop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PIECE", 16)
    made = drop("local/a.csv", CSV)
    pieces = Store.pieces

    def replaced(self: Store, file: Dropped) -> Iterator[bytes]:
        read = pieces(self, file)
        yield next(read)
        inbox.put("local/a.csv", "prompt,seconds\nan owl,4\nan ant,8\n")
        yield from read

    with monkeypatch.context() as patched:
        patched.setattr(Store, "pieces", replaced)
        batch = validated(told, made)
    assert [each.code for each in batch.wrong] == ["dropped_file_gone"]
    assert files.find(told.services, CALLER, batch.input_file_id) is None


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_a_file_that_changes_while_its_event_is_taken_is_left_to_its_next_event(
    told: Told, drop: Drop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    find = Store.find

    def changed(self: Store, name: str) -> Dropped | None:
        found = find(self, name)
        if change == "replaced":
            inbox.put(name, "prompt\nan owl\n")
        else:
            told.services.account.container(INBOX_CONTAINER).delete_blob(name)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Store, "find", changed)
        assert drop("local/a.csv", CSV) is None
    assert (batches(told), rejected(told)) == ([], [])


@pytest.mark.real_storage
def test_a_worker_that_died_while_it_copied_is_followed_by_one_that_copies(
    told: Told, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = drop("local/a.csv", CSV)

    def dies(self: Store, file: Dropped) -> Iterator[bytes]:
        yield b"prompt\na fox\n"
        raise ConnectionError("the storage account went away")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "pieces", dies)
        with pytest.raises(ConnectionError):
            validated(told, made)
    batch = validated(told, made)
    assert (batch.status, batch.total) == (Status.IN_PROGRESS, 2)


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ('prompt;seconds\r\n"Füchse; im Schnee";4\r\n'.encode("cp1252"), "windows-1252"),
        ('prompt;seconds\r\n"Füchse; im Schnee";4\r\n'.encode("utf-8-sig"), ""),
        ('\ufeffprompt\tseconds\r\n"Füchse; im Schnee"\t4\r\n'.encode("utf-16-le"), ""),
        ('sep=;\r\n"prompt";"seconds"\r\n"Füchse; im Schnee";"4"\r\n'.encode(), ""),
    ],
    ids=["Excel German CSV", "CSV UTF-8", "Unicode text", "sep="],
)
def test_spreadsheets_as_excel_saves_them(
    told: Told, drop: Drop, data: bytes, charset: str
) -> None:
    batch = validated(told, drop("local/Filme.CSV", data, charset))
    assert (batch.status, batch.wrong) == (Status.IN_PROGRESS, ())
    (request,) = requests(told, batch)
    assert request["custom_id"] == "row-2"
    assert request["body"] == {"prompt": "Füchse; im Schnee", "seconds": "4"}


def test_lines_as_powershell_writes_them(told: Told, drop: Drop) -> None:
    text = line("eins", prompt="Füchse").replace("\\u00fc", "ü")
    batch = validated(told, drop("local/a.jsonl", text.encode("utf-16")))
    (request,) = requests(told, batch)
    assert (request["custom_id"], request["body"]["prompt"]) == ("eins", "Füchse")


def test_a_file_that_is_no_text_is_rejected_with_its_first_byte(told: Told, drop: Drop) -> None:
    assert drop("local/a.jsonl", '{"prompt": "Füchse"}'.encode("cp1252")) is None
    (record,) = rejected(told)
    assert "not UTF-8: byte 0xfc at 13" in record["error"]["message"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_what_is_no_text_further_on_fails_the_batch(
    told: Told, drop: Drop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(storage, "PIECE", 32)
    batch = validated(told, drop(f"local/{name}", b"prompt\n" + b"a fox\n" * 10 + b"\xc3"))
    (wrong,) = batch.wrong
    assert batch.status is Status.FAILED
    assert "not UTF-8: it ends within a character" in wrong.message
    assert wrong.code == ("invalid_csv" if name == "a.csv" else "invalid_json")


def test_a_batch_may_be_an_upload_that_takes_a_while(told: Told, inbox: Inbox) -> None:
    assert module.receive(told.services, event(inbox.put("local/a.csv", b""), "SftpCreate")) is None
    inbox.put("local/a.csv", CSV)
    patience = told.services.settings.durations.inbox_patience
    later = replace(told.services, clock=lambda: time.time() + 2 * patience)
    (made,) = look_after_files(later)
    assert isinstance(made, Created)
    assert validated(told, made).total == 2
    assert look_after_files(later) == []


def test_a_renamed_batch_is_not_made_again(told: Told, drop: Drop, inbox: Inbox) -> None:
    assert drop("local/a.csv", CSV) is not None
    names = {"sourceUrl": inbox.put("local/a.csv", CSV)}
    names["destinationUrl"] = inbox.put("local/done/a.csv", CSV)
    moved = replace(event(""), type=module.BLOB_RENAMED, data={"api": "RenameFile", **names})
    assert module.receive(told.services, moved) is None
    assert len(batches(told)) == 1
