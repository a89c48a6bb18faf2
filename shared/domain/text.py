"""Decodes text from outside, and makes text safe to store."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # first, as it begins with the mark of UTF-16 LE
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_CODECS = {
    "utf-16": "utf-16-le",  # without a mark: the default of .NET and the web
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "unicode": "utf-16-le",
    "utf-32": "utf-32-le",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
    # browsers read iso-8859-1 as windows-1252: https://encoding.spec.whatwg.org/#names-and-labels
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    # Excel's plain CSV elsewhere: the names of IANA and of Windows, read as Windows writes them
    **dict.fromkeys(("shift-jis", "sjis", "x-sjis", "windows-31j", "cp932"), "cp932"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "cp936", "gb18030"), "gb18030"),
    **dict.fromkeys(("big5", "cp950"), "cp950"),
    **dict.fromkeys(("euc-kr", "ks-c-5601-1987", "windows-949", "cp949"), "cp949"),
    **dict.fromkeys(("windows-874", "cp874", "tis-620"), "cp874"),
    **dict.fromkeys(("macintosh", "x-mac-roman"), "mac-roman"),
}
_FAMILIES = re.compile(
    r"iso-8859-([2-9]|1[013456])|(windows-|cp)125[0-8]|(ibm|cp)(437|850|852|866)|koi8-[ru]|euc-jp"
)
_SHOWN = {
    "cp1252": "windows-1252",
    "utf-8-sig": "utf-8",
    "cp932": "shift_jis",
    "cp949": "euc-kr",
    "cp950": "big5",
}
_CUT = ("truncated data", "unexpected end of data", "incomplete multibyte sequence")
"""Python's words for text that ends within a character."""
_END = "\0 \t\r\n"
_PIECE = 1024 * 1024


class NotText(ValueError):
    """The bytes cannot be decoded; the message is a clause that says why."""


def plain(text: str) -> str:
    """The text with `?` for lone surrogates, which JSON allows and UTF-8 does not."""
    return text.encode(errors="replace").decode()


def decoded(data: bytes, charset: str | None = None) -> str:
    """The text in `data`, without a byte order mark and without NULs at its end.

    The mark decides, then `charset`, which came with the data; else it is UTF-8, or UTF-16 or
    UTF-32 if NULs show it (Windows scripts omit the mark). Nothing else is guessed, and nothing is
    replaced. Raises NotText.
    """
    codec = _codec(data, charset)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        raise NotText(_explained(error, codec)) from None
    if "\0" in text.rstrip(_END):
        raise NotText("it holds NUL bytes, so it is not text")
    return text.removeprefix("\ufeff").replace("\0", "")


def in_utf8(data: bytes, charset: str | None = None) -> bytes:
    """The same text in UTF-8, read by the rule of `decoded`; `data` itself, with its mark, where it
    is that already. Raises NotText. Keeps no text, which could take four times the memory of its
    bytes."""
    pieces = (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
    if not _codec(data[:4], charset).startswith("utf-8"):
        return b"".join(text.encode() for text in decoded_pieces(pieces, charset))
    for _ in _texts("utf-8", pieces):
        pass
    if b"\0" in data:
        raise NotText("it holds NUL bytes, so it is not text")
    return data


def decoded_pieces(pieces: Iterable[bytes], charset: str | None = None) -> Iterator[str]:
    """The text in a file that does not fit into memory, by the rule of `decoded`; the first four
    bytes are in the first piece. Raises NotText where it comes to what is none."""
    whole = iter(pieces)
    first = next(whole, b"")
    ended = False  # by a NUL: nothing comes after it but the like
    mark = "\ufeff"
    for text in _texts(_codec(first[:4], charset), chain((first,), whole)):
        said = text.removeprefix(mark)
        mark = ""
        if "\0" in said or ended:
            if "\0" in said.rstrip(_END) or (ended and said.rstrip(_END)):
                raise NotText("it holds NUL bytes, so it is not text")
            ended, said = True, said.replace("\0", "")
        yield said


def parsed_json(data: bytes, charset: str | None = None) -> Any:
    """The JSON in `data`, decoded by `decoded`. Raises NotText, or ValueError with a clause that
    says where the JSON is invalid."""
    text = decoded(data, charset)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{error.msg} ({where})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("it holds a number that is too long") from None


def _codec(data: bytes, charset: str | None) -> str:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    name = (charset or "utf-8").strip().lower().replace("_", "-")
    if name in _UTF_8:
        return _by_its_nuls(data) or "utf-8"
    if name in ("utf-16", "utf-32", "unicode"):
        return _by_its_nuls(data) or _CODECS[name]
    if name in _CODECS:
        return _CODECS[name]
    if _FAMILIES.fullmatch(name):
        return name
    raise NotText(
        f"its charset {name[:40]!r} is not known here: utf-8, utf-16, windows-1252, shift_jis or "
        "gb18030, for example"
    )


def _by_its_nuls(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, if the first character is in Latin-1."""
    nuls = [byte == 0 for byte in data[:4]]
    if len(data) % 4 == 0 and nuls in ([False, True, True, True], [True, True, True, False]):
        return "utf-32-be" if nuls[0] else "utf-32-le"
    if len(data) % 2 == 0 and nuls[:2] in ([False, True], [True, False]):
        return "utf-16-be" if nuls[0] else "utf-16-le"
    return None


def _texts(codec: str, pieces: Iterable[bytes]) -> Iterator[str]:
    decoder, before = codecs.getincrementaldecoder(codec)(), 0
    for piece in chain(pieces, (None,)):
        kept = len(decoder.getstate()[0])
        try:
            yield decoder.decode(piece or b"", piece is None)
        except UnicodeDecodeError as error:
            raise NotText(_explained(error, codec, before=before - kept)) from None
        before += len(piece or b"")


def _explained(error: UnicodeDecodeError, codec: str, before: int = 0) -> str:
    """Why it is not text; `before` are the bytes that were decoded already."""
    shown = _SHOWN.get(codec, codec).upper()
    if error.reason in _CUT:
        return f"it is not {shown}: it ends within a character"
    at = before + error.start
    return f"it is not {shown}: byte 0x{error.object[error.start]:02x} at {at}"
