"""The lines of a batch's file, however the file is cut into pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequest
from shared.domain.limits import LARGEST_BODY
from shared.lifecycle.batches.source import RawLine, read, split

TEXTS = st.lists(st.sampled_from([b"{}", b"", b"  ", b"\r", b'{"a": "\xc3\xa4"}', b"x" * 40]))


@given(TEXTS, st.lists(st.integers(1, 30)), st.booleans(), st.booleans())
def test_any_pieces_make_the_same_lines(
    texts: list[bytes], cuts: list[int], ends: bool, marked: bool
) -> None:
    mark = b"\xef\xbb\xbf" if marked else b""
    data = mark + b"\n".join(texts) + (b"\n" if ends else b"")
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    found = list(split([*pieces, rest]))
    assert [line.data for line in found] == [text for text in texts if text.strip()]
    assert [line.number for line in found] == [
        number for number, text in enumerate(texts, 1) if text.strip()
    ]
    for line in found:  # and each is found again by where it is
        again = split([data[line.start : line.end]], number=line.number, offset=line.start)
        assert next(again) == line
        rest_of_it = list(split([data[line.end :]], number=line.number + 1, offset=line.end))
        assert rest_of_it == [each for each in found if each.number > line.number]


def test_a_line_that_is_too_long_is_not_kept_and_the_next_one_is_read() -> None:
    pieces = [b"x" * LARGEST_BODY, b"xx", b"\n{}"]
    long, short = split(pieces)
    assert (long.number, long.data) == (1, None)
    assert (short.number, short.data) == (2, b"{}")
    with pytest.raises(InvalidRequest, match="longer than 25 MiB"):
        read(long)


def line(**fields: object) -> RawLine:
    sent = {"custom_id": "a", "method": "POST", "url": "/v1/videos", "body": {"prompt": "a"}}
    return RawLine(7, json.dumps({**sent, **fields}).encode(), 0, 0)


@pytest.mark.usefixtures("services")
def test_null_is_as_good_as_a_field_that_is_left_out() -> None:
    """pandas writes it for each cell of a table that has no value."""
    body = {"prompt": "a", "model": None, "n_variants": None, "metadata": None}
    assert read(line(method=None, url=None, body=body)) == read(line())


@pytest.mark.parametrize(
    ("sent", "param", "code"),
    [
        (RawLine(7, b"{", 0, 0), None, "invalid_json"),
        (RawLine(7, b"[]", 0, 0), None, "invalid_json"),
        (RawLine(7, b"\xff\xfe", 0, 0), None, "invalid_json"),
        (line(custom_id=""), "custom_id", "invalid_value"),
        (line(custom_id="x" * 513), "custom_id", "invalid_value"),
        (line(method="GET"), "method", "invalid_value"),
        (line(url="/v1/chat/completions"), "url", "invalid_value"),
        (line(other=1), "other", "unknown_parameter"),
        (line(body={}), "body.prompt", "missing_required_parameter"),
        (line(body={"prompt": "a", "sizes": "x"}), "body.sizes", "unknown_parameter"),
    ],
)
@pytest.mark.usefixtures("services")
def test_what_is_wrong_with_a_line_is_said(sent: RawLine, param: str | None, code: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read(sent)
    assert (error.value.param, error.value.code) == (param, code)
