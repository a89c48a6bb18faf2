"""Multipart forms, which OpenAI's clients always use for creates.

A text part is a scalar as text; `metadata[key]` is one level of object; `inpaint_items` is one part
with a JSON array, and any part may say that it is JSON; a part with a file name is a file. No name
may come twice, except `files` (or `files[]`). An empty file with an empty name is none: browsers
send it where nothing was chosen.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import InvalidRequest
from shared.domain.limits import MOST_FORM_PARTS
from shared.domain.text import NotText, decoded

_NESTED = re.compile(r"(\w+)\[([^\[\]]+)\]")
_PIECE = 256 * 1024
_CHARSET_FIELD = "_charset_"
"""A part that names the charset of the texts (RFC 7578, 4.6)."""


@dataclass(frozen=True)
class File:
    """An attached file, its file name, and the charset that its content type names."""

    name: str
    data: bytes
    charset: str | None = None


@dataclass(frozen=True)
class Form:
    """A parsed body: fields as in JSON, and files by the part's name."""

    fields: dict[str, Any]
    files: dict[str, Sequence[File]]


@dataclass(frozen=True)
class _Part:
    name: str
    file_name: str | None
    kind: str
    charset: str | None
    data: bytes


def read(content_type: str, body: bytes) -> Form:
    """Parse a multipart body whose size was checked. Raises InvalidRequest."""
    from werkzeug.http import parse_options_header  # the SDK has loaded it

    boundary = parse_options_header(content_type)[1].get("boundary", "").encode()
    if not boundary:
        raise InvalidRequest("content-type names no boundary for the form.")
    if body.count(b"--" + boundary) > MOST_FORM_PARTS + 1:
        raise InvalidRequest(f"The form has more than {MOST_FORM_PARTS} parts.")
    try:
        parts = list(_parts(boundary, body))
    except UnicodeDecodeError:
        raise InvalidRequest(
            "A name in the form, perhaps that of a file, is not UTF-8. With curl, give the file "
            "another: -F 'file=@PATH;filename=NAME'."
        ) from None
    except ValueError:
        raise InvalidRequest("The body is not a valid multipart form.") from None
    files: dict[str, list[File]] = {}
    texts = []
    for part in parts:
        if part.file_name is None:
            texts.append(part)
        elif part.file_name or part.data:
            files.setdefault(part.name, []).append(File(part.file_name, part.data, part.charset))
    return Form(_fields(_decoded(texts)), {name: tuple(listed) for name, listed in files.items()})


def _parts(boundary: bytes, body: bytes) -> Iterator[_Part]:
    """The parts as raw bytes: the SDK would replace what it cannot decode. Raises ValueError."""
    from werkzeug.http import parse_options_header
    from werkzeug.sansio import multipart

    decoder = multipart.MultipartDecoder(boundary)
    begun: multipart.Field | multipart.File | None = None
    data = bytearray()
    for piece in _pieces(body):
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), multipart.NeedData):
            if isinstance(event, multipart.Epilogue):
                return
            if isinstance(event, multipart.Field | multipart.File):
                begun, data = event, bytearray()
            elif isinstance(event, multipart.Data) and begun is not None:
                data += event.data
                if not event.more_data:
                    if begun.name is None:
                        raise InvalidRequest("The form has a part without a name.")
                    kind = parse_options_header(begun.headers.get("content-type", ""))
                    file_name = begun.filename if isinstance(begun, multipart.File) else None
                    encoding = begun.headers.get("content-transfer-encoding", "")
                    sent = _without(encoding, bytes(data), begun.name)
                    yield _Part(
                        begun.name, file_name, kind[0].lower(), kind[1].get("charset"), sent
                    )


def _without(encoding: str, data: bytes, name: str) -> bytes:
    """What a part holds. Encodings of mail are deprecated in forms (RFC 7578, 4.7), but libraries
    write them, and base64 must not be rendered as a prompt. Raises InvalidRequest."""
    encoding = encoding.strip().lower()
    if encoding in ("", "7bit", "8bit", "binary"):
        return data
    try:
        if encoding == "base64":
            return base64.b64decode(b"".join(data.split()), validate=True)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(data)
    except binascii.Error:
        pass
    raise InvalidRequest(
        f"{name}: its content-transfer-encoding, {encoding[:40]!r}, cannot be read. Send the part "
        "as it is, without one.",
        param=name,
    )


def _pieces(body: bytes) -> Iterator[bytes | None]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]
    yield None


def _decoded(parts: Sequence[_Part]) -> list[tuple[str, Any]]:
    """Names and texts, or what is in a part that is JSON. Raises InvalidRequest for a part that is
    not what it says."""
    stated = [part.data for part in parts if part.name == _CHARSET_FIELD]
    default = stated[0].decode("ascii", "replace") if stated else None
    texts = []
    for part in parts:
        if part.name == _CHARSET_FIELD:
            continue
        try:
            text = decoded(part.data, part.charset or default)
        except NotText as error:
            raise InvalidRequest(
                f"{part.name}: {error}. Send UTF-8, or name its charset in the part's "
                "content-type; a file is sent with its file name.",
                param=part.name,
            ) from None
        # so typed clients (Spring, Refit, Retrofit) send objects, and some of them every value
        as_json = part.kind == "application/json" or part.name == "inpaint_items"
        texts.append((part.name, _parsed(part.name, text) if as_json else text))
    return texts


def _fields(texts: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in texts:
        nested = _NESTED.fullmatch(name)
        outer, inner = (nested[1], nested[2]) if nested else (name, None)
        if inner is None:
            if outer in fields:
                raise InvalidRequest(f"{outer} is sent twice.", param=outer)
            fields[outer] = value
            continue
        group = fields.setdefault(outer, {})
        if not isinstance(group, dict) or inner in group:
            raise InvalidRequest(f"{name} is sent twice.", param=outer)
        group[inner] = value
    return fields


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest(
            f"{name} is not valid JSON: one part holds the whole value.", param=name
        ) from None
