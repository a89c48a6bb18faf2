"""`/files` as clients meet it: forms, lists, bytes, and refusals that say what is taken."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from local.stack import API_KEY
from shared.domain.limits import LARGEST_BODY, LARGEST_UPLOAD
from shared.lifecycle.services import Services
from tests.support.forms import Form, form
from tests.support.media import picture
from tests.support.surface import Answer, page_of, send
from triggers import files as module
from triggers.web import streams

App = Callable[..., Services]

LINES = b'{"custom_id": "fox-1"}\n'
FILE = ("requests.jsonl", LINES)
OTHER_KEY = "the-key-of-somebody-else"
CALLERS = json.dumps(
    {
        name: {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()]}
        for name, key in (("local", API_KEY), ("other", OTHER_KEY))
    }
)


@pytest.fixture(autouse=True)
def _app(app: App) -> None:
    app()


def upload(purpose: str = "batch", file: tuple[str, bytes] = FILE, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send("POST", "/files", body=form(purpose=purpose, file=file), headers=named)


def refused(answer: Answer, status: int, param: str | None, says: str) -> None:
    error = answer.json["error"]
    assert (answer.status, error["param"]) == (status, param), error
    assert says in error["message"]
    assert error["charged"] is False


def test_the_object_is_openais() -> None:
    made = upload()
    assert made.status == 200
    file = made.json
    assert {name: file[name] for name in file if name not in ("id", "created_at")} == {
        "object": "file",
        "bytes": len(LINES),
        "expires_at": None,
        "filename": "requests.jsonl",
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
    }
    assert send("GET", f"/files/{file['id']}").json == file


def test_a_list_goes_page_by_page() -> None:
    made = [upload().json["id"] for _ in range(3)]
    image = upload("vision", ("a.png", picture(20, 20))).json["id"]
    newest = [image, *made[::-1]]

    assert page_of("/files") == (newest, False)
    assert page_of("/files?limit=2") == (newest[:2], True)
    assert page_of(f"/files?limit=2&after={newest[1]}") == (newest[2:], False)
    assert page_of("/files?order=asc&limit=3") == (newest[::-1][:3], True)
    assert page_of("/files?purpose=batch") == (made[::-1], False)
    assert page_of("/files?purpose=batch_output") == ([], False)
    for query, param in (
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=video_1", "after"),
        ("order=newest", "order"),
        ("purpose=assistants", "purpose"),
    ):
        refused(send("GET", f"/files?{query}"), 400, param, "is not")


def test_the_bytes_come_back_as_an_attachment() -> None:
    file = upload("vision", ("Füchse; eins.png", picture(20, 20))).json
    got = send("GET", f"/files/{file['id']}/content")
    assert (got.status, got.headers["content-type"]) == (200, "image/png")
    assert got.body == picture(20, 20)
    assert got.headers["content-disposition"].startswith("attachment; ")
    assert got.headers["x-content-type-options"] == "nosniff"
    part = send("GET", f"/files/{file['id']}/content", headers={"range": "bytes=1-3"})
    assert (part.status, part.body) == (206, b"PNG")
    assert part.headers["content-range"] == f"bytes 1-3/{file['bytes']}"
    tag = {"if-none-match": got.headers["etag"]}
    assert send("GET", f"/files/{file['id']}/content", headers=tag).status == 304


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("fox.png", "attachment; filename=\"fox.png\"; filename*=UTF-8''fox.png"),
        ('a "b".png', "attachment; filename=\"a _b_.png\"; filename*=UTF-8''a%20%22b%22.png"),
        ("ü🦊.png", "attachment; filename=\"__.png\"; filename*=UTF-8''%C3%BC%F0%9F%A6%8A.png"),
    ],
)
def test_a_name_fits_into_a_header(name: str, shown: str) -> None:
    assert module._attachment(name) == shown


def test_more_than_one_answer_holds_is_a_redirect_or_a_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for place in (module, streams):
        monkeypatch.setattr(place, "LARGEST_STREAM", 10)
    path = f"/files/{upload().json['id']}/content"
    redirect = send("GET", path)
    assert redirect.status == 302
    assert "sig=" in redirect.headers["location"]
    assert send("GET", path, headers={"range": "bytes=0-9"}).body == LINES[:10]
    by_header = send("GET", path, key=None, headers={"api-key": API_KEY})
    assert (by_header.status, by_header.json["error"]["code"]) == (400, "range_required")


def test_a_file_is_deleted_once() -> None:
    file_id = upload().json["id"]
    gone = send("DELETE", f"/files/{file_id}")
    assert gone.json == {"id": file_id, "object": "file", "deleted": True}
    for method, path in (("DELETE", ""), ("GET", ""), ("GET", "/content")):
        refused(send(method, f"/files/{file_id}{path}"), 404, "file_id", "was not found")


def test_another_callers_file_is_not_there(app: App) -> None:
    app(CALLERS=CALLERS)
    file_id = upload().json["id"]
    assert send("GET", "/files", key=OTHER_KEY).json["data"] == []
    assert send("GET", f"/files?after={file_id}", key=OTHER_KEY).json["data"] == []
    for method, path in (("DELETE", ""), ("GET", ""), ("GET", "/content")):
        answer = send(method, f"/files/{file_id}{path}", key=OTHER_KEY)
        refused(answer, 404, "file_id", "was not found")
    assert send("GET", f"/files/{file_id}").status == 200


def test_a_repeat_is_the_first_file() -> None:
    first = upload(idempotency_key="mine").json
    assert upload(idempotency_key="mine").json == first
    reused = upload(file=("requests.jsonl", LINES * 2), idempotency_key="mine")
    refused(reused, 409, None, "different request")
    assert reused.headers["x-should-retry"] == "false"
    retried = upload(x_stainless_retry_count="1")
    assert retried.json["id"] != first["id"]
    assert upload(x_stainless_retry_count="2").json == retried.json
    assert len(send("GET", "/files").json["data"]) == 2


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (form(file=FILE), "purpose", "Missing required parameter"),
        (form(purpose="batch"), "file", "send one file, with its name, in a form"),
        (form(purpose="batch", file="text"), "file", "send one file, with its name, in a form"),
        ({"purpose": "batch", "file": "text"}, "file", "send one file, with its name, in a form"),
        (form(purpose="batch", file=("", b"")), "file", "send one file, with its name, in a form"),
        (Form(form(purpose="batch", file=FILE)[:-7] + form(file="b")), "file", "sent twice"),
        (form(purpose="assistants", file=FILE), "purpose", "'batch', 'vision' or 'user_data'"),
        (form(purpose="batch_output", file=FILE), "purpose", "'batch', 'vision' or 'user_data'"),
        (form(purpose="batch", file=("", LINES)), "file", "it names no file"),
        (form(purpose="batch", file=FILE, more=("b", b"c")), "more", "the one file is sent as"),
        (form(purpose="batch", file=FILE, expires_after="1"), "expires_after", "until you delete"),
        (
            form(purpose="batch", file=FILE, **{"expires_after[anchor]": "created_at"}),
            "expires_after",
            "until you delete",
        ),
        (form(purpose="vision", file=FILE), "file", "not a JPEG, PNG, WebP or AVIF image"),
        ({"purpose": "batch"}, "file", "multipart/form-data"),
        (Form(form(purpose="batch", file=FILE)[:-7] + form(file=FILE)), "file", "sent twice"),
    ],
)
def test_what_is_no_upload(body: Any, param: str, says: str) -> None:
    refused(send("POST", "/files", body=body), 400, param, says)
    assert send("GET", "/files").json["data"] == []


def test_a_spreadsheet_is_kept_as_the_lines_that_it_stands_for() -> None:
    """By the rules of the inbox: any separator, UTF-16, row N is line N."""
    table = "custom_id;prompt;seconds\nfox-1;Füchse im Schnee;4\n\n;nachts;\n"
    made = upload(file=("Film.CSV", table.encode("utf-16"))).json
    assert made["filename"] == "Film.jsonl"
    lines = send("GET", f"/files/{made['id']}/content").body.decode().split("\n")
    assert [json.loads(line or "null") for line in lines] == [
        None,
        {
            "custom_id": "fox-1",
            "method": "POST",
            "url": "/v1/videos",
            "body": {"prompt": "Füchse im Schnee", "seconds": "4"},
        },
        None,
        {"custom_id": "row-4", "method": "POST", "url": "/v1/videos", "body": {"prompt": "nachts"}},
        None,
    ]
    assert upload("user_data", ("a.csv", table.encode())).status == 400


def test_a_spreadsheet_comes_in_the_charset_of_its_part() -> None:
    table = "prompt\nFüchse\n".encode("cp1252")
    refused(upload(file=("a.csv", table)), 400, "file", "name its charset")
    plain = form(purpose="batch", file=("a.csv", table))
    named = plain.replace(
        b'.csv"\r\n', b'.csv"\r\nContent-Type: text/csv; charset=windows-1252\r\n'
    )
    made = send("POST", "/files", body=Form(named)).json
    assert "Füchse" in send("GET", f"/files/{made['id']}/content").body.decode()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (b"title\nfox\n", "no column 'prompt'"),
        (b'prompt\n"fox\n', "Row 2 cannot be read"),
        (b" \n", "it is empty"),
        # two bytes a row, and a hundred as JSON
        (b"prompt\n" + b"a\n" * (LARGEST_UPLOAD // 60), "more than 32 MiB as JSON lines"),
    ],
)
def test_a_spreadsheet_that_cannot_be_read_is_refused(table: bytes, says: str) -> None:
    refused(upload(file=("a.csv", table)), 400, "file", says)
    assert send("GET", "/files").json["data"] == []


def test_only_an_upload_may_be_larger_than_a_request() -> None:
    lines = LINES * (LARGEST_BODY // len(LINES) + 1)
    assert len(lines) > LARGEST_BODY
    assert upload(file=("large.jsonl", lines)).json["bytes"] == len(lines)
    announced = upload(content_length=str(LARGEST_UPLOAD + 1))
    refused(announced, 413, None, "larger than 32 MiB")
    video = send("POST", "/videos", body=form(prompt="p", input_reference=("a", lines)), client=0)
    refused(video, 413, None, "larger than 25 MiB")


def test_an_upload_may_be_compressed_up_to_the_same_size() -> None:
    packed = Form(gzip.compress(form(purpose="batch", file=FILE)))
    headers = {"content-encoding": "gzip"}
    assert send("POST", "/files", body=packed, headers=headers).json["bytes"] == len(LINES)
    bomb = Form(gzip.compress(bytes(LARGEST_UPLOAD + 1)))
    refused(send("POST", "/files", body=bomb, headers=headers), 413, None, "Decompressed")
