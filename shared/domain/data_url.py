"""Files in data URLs: `data:[TYPE][;PARAMETER]...[;base64],DATA` (RFC 2397).

Libraries write more than the RFC allows: line breaks in base64, its URL-safe alphabet, no padding.
Anything unambiguous is accepted. The type is ignored; the bytes decide.
"""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_LONGEST_HEAD = 4096
_HEAD = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")*,')
"""Up to the first comma outside quotes."""
_BASE64 = re.compile(r"(?:^|;)\s*base64\s*[;,]", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SPACE = " \t\r\n\f\v"
_NO_SPACE = str.maketrans("", "", _SPACE)
_NO_LINE_BREAKS = str.maketrans("", "", "\t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ALPHABET = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class BadDataUrl(ValueError):
    """The data URL cannot be read; the message is a clause about it."""


class TooLong(ValueError):
    """The file is larger than the limit."""


def is_data_url(url: str) -> bool:
    return url[:64].lstrip(_SPACE)[:5].lower() == "data:"


def decode(url: str, *, largest: int) -> bytes:
    """The file in a data URL. Raises BadDataUrl, and TooLong before it decodes more than `largest`
    bytes."""
    url = url.strip(_SPACE)[len("data:") :]
    start = url[:_LONGEST_HEAD]
    head = _HEAD.match(start)
    comma = head.end() if head else start.find(",") + 1
    if not comma:
        raise BadDataUrl("has no comma between its type and its data")
    data = url[comma:]
    encoded = _BASE64.search(_QUOTED.sub("", url[:comma]))
    if encoded:
        return _from_base64(data, largest)
    if "%" not in data:  # no image or video can be written that way
        raise BadDataUrl("says no ;base64 before its comma, and nothing after it is escaped")
    return _from_escapes(data, largest)


def _from_base64(text: str, largest: int) -> bytes:
    if "%" in text:
        text = _from_escapes(text, 3 * largest).decode("latin-1")
    text = text.translate(_NO_SPACE).translate(_URL_SAFE)
    if not _ALPHABET.fullmatch(text):
        raise BadDataUrl("is not valid base64")
    text = text.rstrip("=")
    if len(text) % 4 == 1:
        raise BadDataUrl("is not valid base64: its end is missing")
    if len(text) * 3 // 4 > largest:
        raise TooLong
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise BadDataUrl("is not valid base64") from None


def _from_escapes(text: str, largest: int) -> bytes:
    text = text.translate(_NO_LINE_BREAKS)
    if _BROKEN_ESCAPE.search(text):
        raise BadDataUrl("holds a % that is not followed by two hexadecimal digits")
    if len(text) - 2 * text.count("%") > largest:
        raise TooLong
    return unquote_to_bytes(text)
