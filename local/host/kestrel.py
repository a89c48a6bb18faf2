"""What Kestrel, the web server under the Functions host, makes of a request, and what it refuses.

Limits and path decoding: ASP.NET Core ``KestrelServerLimits``, ``UrlDecoder``, ``PathNormalizer``;
the URL: ``PathString.ToUriComponent``.
"""

import re
from urllib.parse import quote

from starlette.types import Scope

MAX_REQUEST_LINE_BYTES = 8 * 1024
MAX_HEADER_BYTES = 32 * 1024
MAX_HEADERS = 100
MAX_BODY_BYTES = 104_857_600  # the Functions host's own figure

_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(r"(%[0-9A-Fa-f]{2})")
_URL_SAFE = "/!$&'()*+,;=:@-._~"


class RefusedError(Exception):
    """Kestrel answers this request itself, with an empty body, and closes the connection."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def check(scope: Scope) -> None:
    """Raises ``RefusedError`` for a request that is too long."""
    target = len(scope["raw_path"]) + len(scope["query_string"]) + bool(scope["query_string"])
    if len(scope["method"]) + target + len("  HTTP/1.1\r\n") > MAX_REQUEST_LINE_BYTES:
        raise RefusedError(414)
    headers = scope["headers"]
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in headers)
    if size > MAX_HEADER_BYTES or len(headers) > MAX_HEADERS:
        raise RefusedError(431)
    if int(dict(headers).get(b"content-length", b"0")) > MAX_BODY_BYTES:
        raise RefusedError(413)


def decoded_path(raw: bytes) -> str:
    """The path with its escapes decoded, but for those of slashes and of what is not UTF-8.

    Raises ``RefusedError`` for an escaped NUL.
    """
    if b"%00" in raw:
        raise RefusedError(400)
    path = _ESCAPES.sub(_decode, raw).decode("utf-8", "surrogateescape")
    return _without_dots(path)


def _decode(escapes: re.Match[bytes]) -> bytes:
    decoded = b""
    for part in re.split(rb"(?i)(%2F)", escapes[0]):
        if part.upper() == b"%2F":
            decoded += part
            continue
        octets = bytes.fromhex(part.replace(b"%", b"").decode())
        try:
            octets.decode()
        except UnicodeDecodeError:
            decoded += part
        else:
            decoded += octets
    return decoded


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == ".." and kept:
            kept.pop()
        elif part not in (".", ".."):
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def escaped_path(path: str) -> str:
    """A decoded path as the host writes it into a URL; what is an escape already stays."""
    return "".join(
        part if _ESCAPE.fullmatch(part) else quote(part, safe=_URL_SAFE)
        for part in _ESCAPE.split(path)
    )


def header_text(value: bytes) -> str:
    """A request header's value. Raises ``RefusedError`` for what is not UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RefusedError(400) from None
