"""Conditional requests for content, as RFC 9110 has them, on real storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

import pytest

from shared.lifecycle.services import Services
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Order
from tests.support.surface import Answer, send
from triggers.web.conditions import Content

pytestmark = pytest.mark.real_storage

DAY = 24 * 3600
CONTENT = Content("a1b2", 1_700_000_000)


def date(seconds: float) -> str:
    return formatdate(CONTENT.since + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({}, False),
        ({"if-none-match": '"a1b2"'}, True),
        ({"if-none-match": 'W/"a1b2"'}, True),
        ({"if-none-match": "a1b2"}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"*"'}, False),
        ({"if-none-match": '"x", "a1b2"'}, True),
        ({"if-none-match": '"x",W/"a1b2","y"'}, True),
        ({"if-none-match": '"x,a1b2", "y"'}, False),
        ({"if-none-match": '"a1b2-more"'}, False),
        ({"if-none-match": '"A1B2"'}, False),
        ({"if-none-match": ""}, False),
        ({"if-none-match": ",,,"}, False),
        ({"if-modified-since": date(0)}, True),
        ({"if-modified-since": date(DAY)}, True),
        ({"if-modified-since": date(-1)}, False),
        ({"if-modified-since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, True),
        ({"if-modified-since": "Tue Nov 14 22:13:20 2023"}, True),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-modified-since": "1700000000"}, False),
        # the date does not count beside a tag
        ({"if-none-match": '"x"', "if-modified-since": date(DAY)}, False),
        ({"if-none-match": '"a1b2"', "if-modified-since": date(-DAY)}, True),
        ({"if-match": '"a1b2"'}, False),
        ({"if-match": "*", "if-none-match": '"a1b2"'}, True),
        ({"if-unmodified-since": date(0)}, False),
        ({"if-unmodified-since": "never"}, False),
    ],
)
def test_what_the_client_has_already(headers: Mapping[str, str], known: bool) -> None:
    assert CONTENT.is_known(headers) is known


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({}, True),
        ({"if-range": '"a1b2"'}, True),
        ({"if-range": 'W/"a1b2"'}, False),
        ({"if-range": '"other"'}, False),
        ({"if-range": date(0)}, True),
        ({"if-range": date(DAY)}, False),
        ({"if-range": date(-DAY)}, False),
        ({"if-range": "nonsense"}, False),
    ],
)
def test_whether_a_part_fits_what_the_client_has(headers: Mapping[str, str], counts: bool) -> None:
    assert CONTENT.range_counts(headers) is counts


@dataclass(frozen=True)
class Finished:
    """A video that has ended, and its bytes."""

    path: str
    whole: bytes
    etag: str
    modified: str

    def get(self, *, method: str = "GET", **headers: str) -> Answer:
        """The bytes, or what is answered instead of them."""
        return self.ask(method, "?stream=true", headers)

    def get_or_redirect(self, *, method: str = "GET", **headers: str) -> Answer:
        return self.ask(method, "", headers)

    def ask(self, method: str, query: str, headers: Mapping[str, str]) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(method, self.path + query, headers=sent)


@pytest.fixture
def video(app: Callable[..., Services], simulator: Simulator) -> Finished:
    job = Order(app(), simulator)(prompt="a fox")
    job.drive()
    path = f"/videos/{job.video.id}/content"
    answer = send("GET", f"{path}?stream=true")
    assert answer.status == 200
    return Finished(path, answer.body, answer.headers["etag"], answer.headers["last-modified"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_content_that_is_there_already_is_not_sent_again(video: Finished, method: str) -> None:
    for condition in (
        {"if_none_match": video.etag},
        {"if_none_match": f'"x", W/{video.etag}'},
        {"if_none_match": "*"},
        {"if_modified_since": video.modified},
        {"if_none_match": video.etag, "range": "bytes=0-9"},
        {"if_none_match": video.etag, "range": "bytes=99999999-"},
    ):
        answer = video.get(method=method, **condition)
        assert (answer.status, answer.body) == (304, b""), condition
        assert answer.headers["etag"] == video.etag
        assert answer.headers["last-modified"] == video.modified
        assert "content-length" not in answer.headers
    changed = video.get(method=method, if_none_match='"x"', if_modified_since=video.modified)
    assert changed.status == 200
    assert changed.body == (video.whole if method == "GET" else b"")


def test_a_download_goes_on_only_with_the_same_content(video: Finished) -> None:
    for same in (video.etag, video.modified):
        part = video.get(range="bytes=10-", if_range=same)
        assert (part.status, part.body) == (206, video.whole[10:])
    for other in ('"x"', f"W/{video.etag}", formatdate(0, usegmt=True)):
        whole = video.get(range="bytes=10-", if_range=other)
        assert (whole.status, whole.body) == (200, video.whole)
        assert "content-range" not in whole.headers
        assert video.get(range="bytes=99999999-", if_range=other).status == 200
    assert video.get(if_range='"x"').status == 200
    assert video.get(range="bytes=99999999-", if_range=video.etag).status == 416
    assert video.get(range="Bytes=0-9").status == 206


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_wants_other_content_gets_a_412(video: Finished, method: str) -> None:
    assert video.get(method=method, if_match=video.etag).status == 200
    assert video.get(method=method, if_match="*").status == 200
    assert video.get(method=method, if_unmodified_since=video.modified).status == 200
    for condition in (
        {"if_match": '"x"'},
        {"if_match": f"W/{video.etag}"},
        {"if_unmodified_since": formatdate(0, usegmt=True)},
    ):
        assert video.get(method=method, **condition).status == 412


def test_a_redirect_leaves_to_the_blob_store_what_only_that_can_know(video: Finished) -> None:
    stores = '"0x8DC0FFEE"'
    for condition in (
        {"if_none_match": stores},
        {"if_match": stores},
        {"if_none_match": "*"},
        {"if_modified_since": video.modified},
        {"if_range": stores, "range": "bytes=0-9"},
    ):
        assert video.get_or_redirect(**condition).status == 302, condition


def test_a_redirect_is_not_for_a_tag_that_the_blob_store_does_not_know(video: Finished) -> None:
    """HEAD shows it; the store would send everything again, or refuse."""
    head = video.get_or_redirect(method="HEAD")
    assert (head.status, head.headers["etag"]) == (200, video.etag)
    assert video.get_or_redirect(if_none_match=video.etag).status == 304
    part = video.get_or_redirect(if_match=video.etag, range="bytes=0-9")
    assert (part.status, part.body) == (206, video.whole[:10])
