"""Multipart forms, which OpenAI's clients always create with.

The rules: a text part is a scalar as text; `metadata[key]` is one level of object; `inpaint_items`
is one part that holds a JSON array; a part with a file name is a file. No name comes twice, except
the files of `files` (or `files[]`).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from shared.domain.errors import InvalidRequest

_NESTED = re.compile(r"(\w+)\[([^\[\]]+)\]")
_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)', re.IGNORECASE)
_MOST_PARTS = 100


@dataclass(frozen=True)
class File:
    """An attached file and the name that it was attached under."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Form:
    """A body taken apart: fields as JSON would have them, and files by the part's name."""

    fields: dict[str, Any]
    files: dict[str, Sequence[File]]


def read(req: func.HttpRequest) -> Form:
    """A multipart body, whose size has been checked. Raises InvalidRequest."""
    boundary = _BOUNDARY.search(req.headers.get("content-type", ""))
    if boundary is None:
        raise InvalidRequest("content-type names no boundary for the form.")
    if req.get_body().count(b"--" + boundary[1].encode()) > _MOST_PARTS + 1:
        raise InvalidRequest(f"The form has more than {_MOST_PARTS} parts.")
    if None in req.form or None in req.files:
        raise InvalidRequest("The form has a part without a name.")
    try:
        texts = [(name, value) for name in req.form for value in req.form.getlist(name)]
        files: dict[str, Sequence[File]] = {
            name: [_file(part) for part in req.files.getlist(name)] for name in req.files
        }
    except ValueError:
        raise InvalidRequest("The body is not a valid multipart form.") from None
    return Form(_fields(texts), files)


def _file(part: Any) -> File:
    try:
        return File(part.filename or "", part.read())
    finally:
        part.close()  # a temporary file, if it is large


def _fields(texts: list[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in texts:
        nested = _NESTED.fullmatch(name)
        outer, inner = (nested[1], nested[2]) if nested else (name, None)
        if inner is None:
            if outer in fields:
                raise InvalidRequest(f"{outer} is sent twice.", param=outer)
            fields[outer] = _items(value) if outer == "inpaint_items" else value
            continue
        group = fields.setdefault(outer, {})
        if not isinstance(group, dict) or inner in group:
            raise InvalidRequest(f"{name} is sent twice.", param=outer)
        group[inner] = value
    return fields


def _items(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest(
            "inpaint_items is not valid JSON: send one part that holds a JSON array.",
            param="inpaint_items",
        ) from None
