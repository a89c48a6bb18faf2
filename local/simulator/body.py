"""Request bodies: JSON and multipart/form-data, decoded to fields and files."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from local.simulator.errors import ApiError

_LONGEST_SHOWN = 40_000


@dataclass(frozen=True)
class Upload:
    """A file part."""

    part: str
    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Body:
    """A decoded body. Fields of a form are text; fields of JSON keep their types."""

    fields: dict[str, Any] = field(default_factory=dict)
    files: tuple[Upload, ...] = ()
    is_form: bool = False
    raw_sha256: str = ""

    def described(self) -> dict[str, Any]:
        """For the journal: fields (very long texts as digests) and a description of the files.

        `fields_sha256` is equal for equal requests, whatever their multipart boundary.
        """
        files = [
            {
                "field": upload.part,
                "filename": upload.filename,
                "content_type": upload.content_type,
                "size_bytes": len(upload.data),
                "sha256": hashlib.sha256(upload.data).hexdigest(),
            }
            for upload in self.files
        ]
        shown = _shortened(self.fields)
        canonical = json.dumps([shown, files], sort_keys=True).encode()
        return {
            "body_sha256": self.raw_sha256,
            "fields_sha256": hashlib.sha256(canonical).hexdigest(),
            "fields": shown,
            "files": files,
        }


def parse_body(content_type: str, raw: bytes) -> Body:
    """Decode `raw`.

    Raises:
        ApiError: 400 when it is malformed, 415 when it is neither JSON nor a form.
    """
    digest = hashlib.sha256(raw).hexdigest()
    media_type = _header(content_type)
    match media_type.get_content_type():
        case "application/json":
            return Body(_parse_json(raw), raw_sha256=digest)
        case "multipart/form-data":
            boundary = media_type.get_param("boundary")
            if not isinstance(boundary, str) or not boundary:
                raise _malformed("the multipart boundary is missing")
            fields, files = _parse_form(raw, boundary)
            return Body(fields, tuple(files), is_form=True, raw_sha256=digest)
        case _ if not raw:
            return Body(raw_sha256=digest)
        case other:
            raise ApiError(415, f"Unsupported content type: {other}.")


def _parse_json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw or b"{}")
    except ValueError as error:
        raise _malformed(f"it is not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise _malformed("it is not a JSON object")
    return value


def _parse_form(raw: bytes, boundary: str) -> tuple[dict[str, str], list[Upload]]:
    """RFC 7578, in memory: the gateway has already limited the length."""
    fields: dict[str, str] = {}
    files: list[Upload] = []
    mark = b"--" + boundary.encode("latin-1")
    pieces = (b"\r\n" + raw).split(b"\r\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _malformed("the multipart body is incomplete")
    for piece in pieces[1:-1]:
        head, separator, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            raise _malformed("a multipart part has no header")
        headers = _part_headers(head)
        name, filename = _disposition(headers.get("content-disposition", ""))
        if filename is None:
            fields[name] = data.decode(errors="replace")
        else:
            kind = headers.get("content-type", "application/octet-stream")
            files.append(Upload(name, filename, kind, data))
    return fields, files


def _part_headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode(errors="replace").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _disposition(value: str) -> tuple[str, str | None]:
    """(field name, file name or None), quoted as browsers quote them."""
    bare = re.findall(r";\s*([\w*]+)=([^\";\s]+)", value)
    quoted = re.findall(r';\s*([\w*]+)="((?:[^"\\]|\\.)*)"', value)
    params = dict(bare) | dict(quoted)
    if "name" not in params:
        raise _malformed("a multipart part has no name")
    unquoted = {key: text.replace('\\"', '"').replace("%22", '"') for key, text in params.items()}
    return unquoted["name"], unquoted.get("filename")


def _header(value: str) -> Message:
    message = Message()
    message["content-type"] = value or "application/octet-stream"
    return message


def _malformed(why: str) -> ApiError:
    return ApiError(400, f"We could not parse the body of your request: {why}.")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, str) and (len(value) > _LONGEST_SHOWN or value.startswith("data:")):
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()} ({len(value)} characters)"
    return value
