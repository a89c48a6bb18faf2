"""Spreadsheets of requests, as programs save them: row N becomes line N, or the reason is said."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain import spreadsheet
from shared.domain.errors import InvalidRequest
from shared.domain.limits import LARGEST_BODY

SNOW = "Füchse; im „Schnee“"


def lines(*pieces: bytes | str, charset: str | None = None) -> list[bytes]:
    data = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]
    return b"".join(spreadsheet.requests(data, charset)).splitlines()


def rows(*pieces: bytes | str, charset: str | None = None) -> dict[int, dict[str, Any]]:
    """The requests, by the numbers of their lines."""
    found = enumerate(lines(*pieces, charset=charset), start=1)
    return {number: json.loads(line) for number, line in found if line}


def bodies(*pieces: bytes | str, charset: str | None = None) -> list[dict[str, Any]]:
    return [line["body"] for line in rows(*pieces, charset=charset).values()]


def refused(*pieces: bytes | str, charset: str | None = None) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as error:
        lines(*pieces, charset=charset)
    return error.value


def test_columns_are_the_fields_of_a_create_in_openais_form() -> None:
    made = rows(
        "custom_id,prompt,model,size,seconds,n_variants,seed,metadata.Scene,metadata.take\r\n"
        "intro,a fox,sora-2,1280x720,8,1,7,Snow,2\r\n"
    )
    assert made == {
        2: {
            "custom_id": "intro",
            "method": "POST",
            "url": "/v1/videos",
            "body": {
                "prompt": "a fox",
                "model": "sora-2",
                "size": "1280x720",
                "seconds": "8",
                "n_variants": "1",
                "seed": "7",
                "metadata": {"Scene": "Snow", "take": "2"},
            },
        }
    }


@pytest.mark.parametrize(
    ("cell", "reference"),
    [
        ("file-" + "0" * 32, {"file_id": "file-" + "0" * 32}),
        ("https://a.example/x.png?a=1", {"image_url": "https://a.example/x.png?a=1"}),
        ('"data:image/png;base64,AA=="', {"image_url": "data:image/png;base64,AA=="}),
    ],
)
def test_an_image_is_a_file_or_an_address(cell: str, reference: dict[str, str]) -> None:
    (body,) = bodies(f"prompt,input_reference\na fox,{cell}\n")
    assert body["input_reference"] == reference


def test_lines_have_the_numbers_of_the_sheets_rows() -> None:
    made = rows('prompt,seconds\none,4\n,\n"two\nof\nthem",8\n\nthree,4')
    assert {number: line["custom_id"] for number, line in made.items()} == {
        2: "row-2",
        4: "row-4",
        6: "row-6",
    }
    assert made[4]["body"]["prompt"] == "two\nof\nthem"


def test_blank_rows_before_the_header_count_and_a_line_for_excel_does_not() -> None:
    assert list(rows("\r\n;;\r\nprompt;size\r\na fox;\r\n")) == [4]
    assert list(rows("sep=;\r\nprompt;size\r\na, fox;\r\n")) == [2]


def test_empty_cells_are_left_out_and_spaces_around_others() -> None:
    (body,) = bodies("Prompt, Model ,seconds\n a fox ,  ,4\n")
    assert body == {"prompt": "a fox", "seconds": "4"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_separator_and_line_end(separator: str, end: str) -> None:
    table = (("model", "prompt"), ("sora-2", f'"a {separator} ""b"""'), ("sora", "c"))
    data = end.join(separator.join(row) for row in table) + end
    assert [(body["model"], body["prompt"]) for body in bodies(data)] == [
        ("sora-2", f'a {separator} "b"'),
        ("sora", "c"),
    ]


@pytest.mark.parametrize("heading", ["prompt", '"Prompt"', "\ufeffprompt "])
def test_a_sheet_of_one_column_has_no_separators(heading: str) -> None:
    """As Excel saves one where its separator is a semicolon: a cell with a comma is not quoted."""
    data = f'{heading}\r\nA red fox, in the snow\r\n"One; ""two"", three"\r\n\r\nnight'
    assert [(number, each["body"]) for number, each in rows(data).items()] == [
        (2, {"prompt": "A red fox, in the snow"}),
        (3, {"prompt": 'One; "two", three'}),
        (5, {"prompt": "night"}),
    ]


def test_a_heading_may_have_line_breaks() -> None:
    (body,) = bodies('"metadata.scene\nand take",prompt\n1,"a fox, in snow"\n')
    assert body == {"prompt": "a fox, in snow", "metadata": {"scene\nand take": "1"}}


def test_a_heading_may_hold_other_separators_in_quotes() -> None:
    (body,) = bodies('prompt;"metadata.a,b,c"\na fox;1\n')
    assert body == {"prompt": "a fox", "metadata": {"a,b,c": "1"}}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (f'prompt;model\r\n"{SNOW}";sora\r\n'.encode("cp1252"), "windows-1252"),
        (f'prompt;model\r\n"{SNOW}";sora\r\n'.encode("utf-8-sig"), None),
        (f'\ufeffprompt\tmodel\r\n"{SNOW}"\tsora\r\n'.encode("utf-16-le"), None),
        (f'\ufeffprompt\tmodel\r\n"{SNOW}"\tsora\r\n'.encode("utf-16-be"), None),
        (f'prompt,model\r\n"{SNOW}",sora\r\n'.encode("utf-16-le"), "utf-16"),
        (f'prompt,model\r\n"{SNOW}",sora\r\n'.encode("gb18030"), "gb2312"),
    ],
    ids=["Excel German CSV", "CSV UTF-8", "Unicode text", "big endian", "PowerShell", "Chinese"],
)
def test_what_excel_writes_however_it_is_cut(data: bytes, charset: str | None, size: int) -> None:
    """The first piece holds at least a mark; nothing else is said of where pieces end."""
    cuts = [0, 4, *range(4 + size, len(data), size), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]
    assert rows(*pieces, charset=charset) == {
        2: {
            "custom_id": "row-2",
            "method": "POST",
            "url": "/v1/videos",
            "body": {"prompt": SNOW, "model": "sora"},
        }
    }


def test_nothing_is_guessed_where_it_is_no_text() -> None:
    error = refused("prompt\n", "Füchse".encode("cp1252"))
    assert "it is not UTF-8: byte 0xfc at 8" in error.message
    assert "NUL" in refused("prompt\na\0b\n").message


def test_a_cell_without_a_heading_is_not_dropped_silently() -> None:
    first, second = bodies("prompt,,seconds\na,b,4\nc,,4,d\n")
    assert first == {"prompt": "a", "column 2": "b", "seconds": "4"}
    assert second == {"prompt": "c", "seconds": "4", "column 4": "d"}


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        ("scene,text\n1,a fox\n", "missing_prompt", "found: scene, text."),
        ("", "missing_prompt", "found: none."),
        ("\n\n", "missing_prompt", "found: none."),
        ("prompt,Prompt\na,b\n", "invalid_csv", "two columns 'prompt'"),
        ("prompt,metadata\na,b\n", "invalid_csv", "metadata.scene"),
        ('prompt\n"a\nb\n', "invalid_csv", "Row 2 cannot be read"),
        ('prompt\nok\n"a" b\n', "invalid_csv", "Row 3 cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(data: str, code: str, said: str) -> None:
    error = refused(data)
    assert (error.code, said in error.message) == (code, True), error.message


def test_the_header_is_looked_at_before_the_rest_is_read() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"prompt\n"
        yield b"a fox\n"
        raise AssertionError("nobody asked for more")

    assert next(iter(spreadsheet.requests(pieces()))) == b"\n"


def test_a_quote_that_never_ends_does_not_fill_the_memory() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'prompt\n"'
        for _ in range(LARGEST_BODY // 100_000 + 2):
            yield b"a" * 99_999 + b"\n"
        raise AssertionError("far too much was read")

    with pytest.raises(InvalidRequest, match="longer than 25 MiB"):
        list(spreadsheet.requests(pieces()))
