"""Bodies of requests as clients send them: JSON and multipart forms."""

from __future__ import annotations

import json
from typing import Any

_BOUNDARY = "b"


class Form(bytes):
    """The body of a multipart form."""


def form(**fields: str | tuple[str, bytes]) -> Form:
    """A form of texts, and of files: their names and contents."""
    body = b""
    for name, value in fields.items():
        file, data = value if isinstance(value, tuple) else (None, value.encode())
        named = "" if file is None else f'; filename="{file}"'
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    return Form(body + f"--{_BOUNDARY}--\r\n".encode())


def sent_as(body: Any) -> tuple[bytes, str | None]:
    """The bytes of a form, of JSON as it is written, or of anything else as JSON, and their content
    type."""
    if isinstance(body, Form):
        return bytes(body), f"multipart/form-data; boundary={_BOUNDARY}"
    if isinstance(body, bytes):
        return body, "application/json"
    return (b"", None) if body is None else (json.dumps(body).encode(), "application/json")
