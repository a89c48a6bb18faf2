"""Sends the bytes of something stored through the app: whole, or a range of them, on conditions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import azure.functions as func

from shared.domain.errors import InvalidRequest
from shared.domain.limits import LARGEST_STREAM
from triggers.web.answers import Response
from triggers.web.conditions import Content


@dataclass(frozen=True)
class Stored:
    """Bytes in storage. `read` takes the first byte and a length."""

    size: int
    content_type: str
    headers: Mapping[str, str]
    read: Callable[[int, int], bytes]


def stream(req: func.HttpRequest, stored: Stored, content: Content) -> Response:
    """The bytes that a request asks for. Raises InvalidRequest for more than are sent at once, and
    PreconditionFailed."""
    size = stored.size
    headers = {
        **content.headers,
        "accept-ranges": "bytes",
        **stored.headers,
        "cache-control": "private, no-store",
    }
    if content.is_known(req.headers):
        return Response(b"", headers, status=304, content_type=stored.content_type)
    if req.method == "HEAD":
        headers["content-length"] = str(size)
        return Response(b"", headers, content_type=stored.content_type)
    wanted = range_of(req, size, content)
    if wanted is None:
        first, last, status = 0, size - 1, 200
    else:
        first, last = wanted
        if first > last:
            headers["content-range"] = f"bytes */{size}"
            return Response(b"", headers, status=416, content_type=stored.content_type)
        status, headers["content-range"] = 206, f"bytes {first}-{last}/{size}"
    length = last - first + 1
    if length > LARGEST_STREAM:
        raise InvalidRequest(
            f"{length:,} bytes are more than is streamed at once ({LARGEST_STREAM:,}): "
            "ask for a Range, or send the key as 'Authorization: Bearer' and follow the redirect.",
            code="range_required",
        )
    return Response(
        stored.read(first, length), headers, status=status, content_type=stored.content_type
    )


def range_of(req: func.HttpRequest, size: int, content: Content) -> tuple[int, int] | None:
    """First and last byte that are asked for; None: all. See `_range`."""
    counts = content.range_counts(req.headers)
    return _range(req.headers.get("range", ""), size) if counts else None


def _range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None without one or for an invalid one (RFC 9110 says
    to ignore it); first > last if it is outside the content."""
    match = re.fullmatch(r"bytes=([0-9]{0,99})-([0-9]{0,99})", header.strip(), re.IGNORECASE)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return (max(0, size - int(match[2])), size - 1) if int(match[2]) else (1, 0)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    return (first, last) if first < size else (1, 0)
