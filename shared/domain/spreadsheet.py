"""A batch's requests as a spreadsheet saves them: CSV, whose columns are the fields of a create.

They become JSON lines in OpenAI's form. Line N is made of row N, and the header and blank rows
become blank lines, which a batch skips: so what is said about a line is true of its row.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from shared.domain.errors import InvalidRequest
from shared.domain.ids import FILE
from shared.domain.limits import LARGEST_BODY, mib
from shared.domain.text import NotText, decoded_pieces

SUFFIX = ".csv"
"""How the name of one ends."""

_PROMPT, _CUSTOM_ID, _REFERENCE = "prompt", "custom_id", "input_reference"
_METADATA = "metadata."
_SEPARATORS = ",;\t"
_NO_SEPARATOR = "\0"
"""What no text has."""
_STATED = re.compile(r"sep=(.)", re.IGNORECASE)
"""A first line that Excel takes for the separator, and does not show."""
_BLANK = f" {_SEPARATORS}\r\n"
_LINE_ENDS = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
_QUOTED = re.compile('"[^"]*"')
_MOST_SHOWN = 200


def requests(pieces: Iterable[bytes], charset: str | None = None) -> Iterator[bytes]:
    """The requests in a CSV file, a JSON line each, without ever holding the file in memory.

    The bytes are decoded by the rule of `shared.domain.text.decoded`. The header is looked at when
    the first line is asked for. Raises InvalidRequest where the file cannot be read.
    """
    lines = _Lines(pieces, charset)
    number, separator, header = 1, None, ""
    for line in lines:
        stated = _STATED.fullmatch(line.strip('\r\n" ')) if separator is None else None
        if stated is not None:
            separator = stated[1]
        elif line.strip(_BLANK):
            header = line
            break
        else:
            yield b"\n"
            number += 1
    rows = csv.reader(
        chain((header,), lines), delimiter=separator or _separator(header), strict=True
    )
    csv.field_size_limit(LARGEST_BODY)
    try:
        columns = _columns(next(rows, []))
        yield b"\n"
        number += 1
        for cells in rows:
            lines.in_row = 0
            yield _line(columns, number, cells)
            number += 1
    except csv.Error as error:
        raise InvalidRequest(
            f"Row {number} cannot be read: {error}. A cell with a quote, a separator or a line "
            "break is quoted, and its quotes are doubled.",
            code="invalid_csv",
        ) from None


class _Lines:
    """The lines of a file with their ends, for a reader that asks for as many as a row has."""

    def __init__(self, pieces: Iterable[bytes], charset: str | None) -> None:
        self._lines = _split(decoded_pieces(pieces, charset))
        self.in_row = 0
        """Characters of the row that is being read."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except NotText as error:
            raise InvalidRequest(
                f"The file is not text: {error}. Save it as UTF-8 or UTF-16, or name its charset "
                "in the content type.",
                code="invalid_csv",
            ) from None
        self.in_row += len(line)
        if self.in_row > LARGEST_BODY:
            raise _too_long()
        return line


def _split(texts: Iterable[str]) -> Iterator[str]:
    kept = ""
    for text in texts:
        kept += text
        # what a carriage return ends is known when the next character is
        whole = kept[:-1] if kept.endswith("\r") else kept
        *lines, rest = _LINE_ENDS.split(whole)
        kept = rest + kept[len(whole) :]
        if len(kept) > LARGEST_BODY:
            raise _too_long()
        yield from lines
    if kept:
        yield kept


def _too_long() -> InvalidRequest:
    return InvalidRequest(
        f"A row is longer than {mib(LARGEST_BODY)}. Is a quote missing?", code="invalid_csv"
    )


def _separator(header: str) -> str:
    """The one that the header has most of, outside of quotes. Without any the sheet has one column,
    and programs for which a comma is no separator do not quote cells with one."""
    plain = _QUOTED.sub("", header)
    if not set(plain) & {*_SEPARATORS, '"'}:  # a quote: the header goes on in the next line
        return _NO_SEPARATOR
    return max(_SEPARATORS, key=plain.count)


def _columns(header: Sequence[str]) -> list[str]:
    """The fields that the columns are. Raises InvalidRequest."""
    columns = [_column(name.strip()) for name in header]
    shown = ", ".join(filter(None, columns))[:_MOST_SHOWN] or "none"
    if _PROMPT not in columns:
        raise InvalidRequest(
            f"The CSV has no column {_PROMPT!r}. Its first row names the columns; found: {shown}.",
            param=_PROMPT,
            code="missing_prompt",
        )
    for name in filter(None, columns):
        if columns.count(name) > 1:
            raise InvalidRequest(
                f"The CSV has two columns {name[:80]!r}.", param=name, code="invalid_csv"
            )
    if "metadata" in columns:
        raise InvalidRequest(
            "The column 'metadata' is not known: each key has a column, such as metadata.scene.",
            param="metadata",
            code="invalid_csv",
        )
    return columns


def _column(name: str) -> str:
    """A field's name; no field has a capital, and the key of a metadata may."""
    lower = name.lower()
    if lower.startswith(_METADATA):
        return _METADATA + name[len(_METADATA) :]
    return lower


def _line(columns: Sequence[str], number: int, cells: Sequence[str]) -> bytes:
    if not any(cell.strip() for cell in cells):
        return b"\n"
    body: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    custom_id = f"row-{number}"
    for index, cell in enumerate(cells):
        text = cell.strip()
        if not text:
            continue
        name = columns[index] if index < len(columns) else ""
        if name == _CUSTOM_ID:
            custom_id = text
        elif name.startswith(_METADATA):
            metadata[name.removeprefix(_METADATA)] = text
        elif name == _REFERENCE:
            body[name] = {"file_id" if text.startswith(FILE) else "image_url": text}
        else:  # a cell without a heading is a field that no create has, and so an error
            body[name or f"column {index + 1}"] = text
    if metadata:
        body["metadata"] = metadata
    request = {"custom_id": custom_id, "method": "POST", "url": "/v1/videos", "body": body}
    return json.dumps(request, ensure_ascii=False).encode() + b"\n"
