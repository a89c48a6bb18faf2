"""Text as it is really written: by Windows, by C, and with a charset that says what it is."""

from __future__ import annotations

import json

import pytest

from shared.domain.text import NotText, decoded, in_utf8, parsed_json

TEXT = "Füchse im „Schnee“ 🦊\r\n"
LATIN = "Füchse im Schnee\r\n"

QUOTED = "Füchse im „Schnee“\r\n"

WRITTEN: dict[str, tuple[str, bytes, str | None]] = {
    "UTF-8": (TEXT, TEXT.encode(), None),
    "UTF-8 with a mark": (TEXT, TEXT.encode("utf-8-sig"), None),
    "PowerShell 5.1's >": (TEXT, b"\xff\xfe" + TEXT.encode("utf-16-le"), None),
    "Out-File BigEndianUnicode": (TEXT, b"\xfe\xff" + TEXT.encode("utf-16-be"), None),
    "Out-File UTF32": (TEXT, b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"), None),
    "UTF-32 BE": (TEXT, b"\0\0\xfe\xff" + TEXT.encode("utf-32-be"), None),
    "UTF-16 LE without a mark": (TEXT, TEXT.encode("utf-16-le"), None),
    "UTF-16 BE without a mark": (TEXT, TEXT.encode("utf-16-be"), None),
    ".NET's Encoding.Unicode": (TEXT, TEXT.encode("utf-16-le"), "utf-16"),
    "UTF-16 BE that says so": (TEXT, TEXT.encode("utf-16-be"), "UTF-16BE"),
    "a mark that a charset contradicts": (TEXT, TEXT.encode("utf-16"), "utf-8"),
    "a mark that a narrow one contradicts": (TEXT, TEXT.encode("utf-8-sig"), "iso-8859-1"),
    "ASCII that is more": (TEXT, TEXT.encode(), "us-ascii"),
    "windows-1252": (QUOTED, QUOTED.encode("cp1252"), "Windows-1252"),
    "iso-8859-1 as it is meant": (QUOTED, QUOTED.encode("cp1252"), "ISO_8859-1"),
    "iso-8859-1": (LATIN, LATIN.encode("latin-1"), "iso-8859-1"),
    "iso-8859-15": ("5 €", "5 €".encode("iso-8859-15"), "iso-8859-15"),
    "Excel in Japan": ("雪の中の狐①", "雪の中の狐①".encode("cp932"), "Shift_JIS"),
    "Excel in China": ("雪中的狐狸€", "雪中的狐狸€".encode("gb18030"), "gb2312"),
    "Excel in Taiwan": ("雪中的狐狸", "雪中的狐狸".encode("cp950"), "big5"),
    "Excel in Korea": ("눈 속의 여우", "눈 속의 여우".encode("cp949"), "ks_c_5601-1987"),
    "Excel in Egypt": ("ثعلب في الثلج", "ثعلب في الثلج".encode("cp1256"), "windows-1256"),
    "Excel in Poland": ("lis w śniegu", "lis w śniegu".encode("cp1250"), "cp1250"),
    "Excel in Thailand": ("จิ้งจอก", "จิ้งจอก".encode("cp874"), "windows-874"),
    "Excel's CSV (MS-DOS)": (LATIN, LATIN.encode("cp850"), "ibm850"),
    "Excel's CSV (Macintosh)": (QUOTED, QUOTED.encode("mac-roman"), "macintosh"),
    "iso-8859-16": ("vulpe în zăpadă", "vulpe în zăpadă".encode("iso-8859-16"), "iso-8859-16"),
    "a C string": (TEXT, TEXT.encode() + b"\0", None),
    "a C string of UTF-16": (TEXT, (TEXT + "\0").encode("utf-16"), None),
    "a NUL before the line's end": (LATIN, LATIN.strip().encode() + b"\0\r\n", None),
}


@pytest.mark.parametrize(("text", "data", "charset"), WRITTEN.values(), ids=WRITTEN)
def test_text_is_read_as_it_was_written(text: str, data: bytes, charset: str | None) -> None:
    assert decoded(data, charset) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["", "\r\n", "\0", "\r\n\0"])
def test_json_follows_the_same_rule(encoding: str, end: str) -> None:
    text = json.dumps({"prompt": TEXT}, ensure_ascii=False, indent=2).replace("\n", "\r\n")
    assert parsed_json((text + end).encode(encoding)) == {"prompt": TEXT}


@pytest.mark.parametrize(
    ("data", "charset", "says"),
    [
        (b"F\xfcchse", None, "not UTF-8: byte 0xfc at 1"),
        (b"F\xfcchse", "utf-8", "not UTF-8"),
        (b"\xef\xbb\xbfF\xfcchse", "iso-8859-1", "not UTF-8"),
        ("Füchse".encode()[:2], None, "not UTF-8: it ends within a character"),
        (b"\xff\xfea", None, "not UTF-16: it ends within a character"),
        (b"\xff\xfe\x00\xd8a\0", None, "not UTF-16"),
        (b"\x81", "windows-1252", "not WINDOWS-1252: byte 0x81"),
        ("雪".encode("cp932")[:1], "shift_jis", "not SHIFT_JIS: it ends within a character"),
        (b"a\x81\xff", "shift_jis", "not SHIFT_JIS: byte 0x81 at 1"),
        (b"x", "klingon", "charset 'klingon' is not known"),
        (b"x", "rot13", "is not known"),
        (b"x", "unicode_escape", "is not known"),
        (b"\x89PNG\r\n\x1a\n", None, "not UTF-8"),
        (b"PK\x03\x04\0\0\0\0more", None, "NUL"),
    ],
)
def test_what_is_no_text_says_why(data: bytes, charset: str | None, says: str) -> None:
    with pytest.raises(NotText, match=says):
        decoded(data, charset)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": 1,}', r"\(line 1, column [89]\)"),
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested"),
        (b"9" * 5000, "number"),
        (b'{"a": "\0"}', "NUL"),
    ],
)
def test_what_is_no_json_says_where(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parsed_json(data)


PIECE = 1024 * 1024
"""As much as is checked at once: what lies across its end is whole all the same."""


@pytest.mark.parametrize("before", [0, 1, PIECE - 1, PIECE - 2, PIECE - 3, PIECE])
def test_utf8_is_checked_piece_by_piece(before: int) -> None:
    data = b"x" * before + "\ufeffein „Fuchs“ 🦊".encode()
    assert in_utf8(data) is data
    with pytest.raises(NotText, match=f"it is not UTF-8: byte 0xff at {before + 4}"):
        in_utf8(b"x" * before + "🦊".encode() + b"\xff and more")
    with pytest.raises(NotText, match="ends within a character"):
        in_utf8(b"x" * before + "🦊".encode()[:3])
    with pytest.raises(NotText, match="NUL"):
        in_utf8(b"xx" + b"x" * before + b"\0")


@pytest.mark.parametrize(
    "name", sorted(WRITTEN.keys() - {"a C string", "a NUL before the line's end"})
)
def test_what_is_no_utf8_becomes_it(name: str) -> None:
    text, data, charset = WRITTEN[name]
    assert in_utf8(data, charset).decode("utf-8-sig") == text
