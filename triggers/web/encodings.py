"""Compressed bodies: `Content-Encoding: gzip` or `deflate`, decompressed within the size limit.

Azure's host passes on the body and its encoding unchanged (seen on Microsoft's host 4.1037).
"""

import zlib

import azure.functions as func

from shared.domain.errors import InvalidRequest, TooLarge, UnsupportedEncoding
from shared.domain.limits import mib

TAKEN = ("gzip", "deflate")

_MOST_CODINGS = 2
_MOST_MEMBERS = 100
"""Members of one gzip body: each costs a copy of the rest."""
_GZIP, _ZLIB, _RAW = 31, 15, -15


def body_of(req: func.HttpRequest, *, largest: int) -> bytes:
    """The body of a request, decompressed. Raises UnsupportedEncoding, InvalidRequest, or TooLarge
    before it grows beyond `largest` bytes."""
    named = req.headers.get("content-encoding", "").lower().split(",")
    codings = [coding.strip() for coding in named if coding.strip() not in ("", "identity")]
    unknown = [coding for coding in codings if coding.removeprefix("x-") not in TAKEN]
    if unknown or len(codings) > _MOST_CODINGS:
        raise UnsupportedEncoding(
            f"content-encoding {', '.join(codings)[:80]!r} is not taken: send the body as it is, "
            f"or in {' or '.join(TAKEN)}.",
            accepted=TAKEN,
        )
    body = req.get_body()
    for coding in reversed(codings):
        body = _inflated(body, coding.removeprefix("x-"), largest)
    return body


def _inflated(data: bytes, coding: str, largest: int) -> bytes:
    whole = bytearray()
    try:
        for _ in range(_MOST_MEMBERS):
            stream = zlib.decompressobj(_GZIP if coding == "gzip" else _deflate(data))
            whole += stream.decompress(data, largest + 1 - len(whole))
            if len(whole) > largest:
                raise TooLarge(f"Decompressed, the body is larger than {mib(largest)}.")
            if not stream.eof:
                raise InvalidRequest(f"The body is not valid {coding}: its end is missing.")
            data = stream.unused_data
            if not data.rstrip(b"\0"):
                return bytes(whole)
            if coding != "gzip":
                break
    except zlib.error:
        raise InvalidRequest(f"The body is not valid {coding}, as content-encoding says.") from None
    raise InvalidRequest(f"The body is not valid {coding}: something follows its end.")


def _deflate(data: bytes) -> int:
    """Window bits: deflate is zlib's format (RFC 9110), but some clients omit zlib's header."""
    header = data[:2]
    zlib_header = len(header) == 2 and header[0] & 0x0F == 8 and int.from_bytes(header) % 31 == 0
    return _ZLIB if zlib_header else _RAW
