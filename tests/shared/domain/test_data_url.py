"""Data URLs as people and libraries write them: what can mean only one file is that file."""

from __future__ import annotations

import base64
import urllib.parse

import pytest

from shared.domain.data_url import BadDataUrl, TooLong, decode, is_data_url

FILE = b"\x89PNG\r\n\x1a\n\xff\xfe\xfb\xef\xbe" + bytes(range(256)) + b"!!"
ENCODED = base64.b64encode(FILE).decode()
assert {"+", "/"} <= set(ENCODED)
assert ENCODED.endswith("=")
WRAPPED = "\r\n".join(ENCODED[at : at + 76] for at in range(0, len(ENCODED), 76))

TAKEN = {
    "plain": f"data:image/png;base64,{ENCODED}",
    "a charset": f"data:image/jpeg;charset=utf-8;base64,{ENCODED}",
    "a name": f"data:image/jpeg;name=frame.jpg;base64,{ENCODED}",
    "several": f"data:image/png;name=a.png;charset=utf-8;x=1;base64,{ENCODED}",
    "a quoted value": f'data:image/png;name="my frame.png";base64,{ENCODED}',
    "a comma in quotes": f'data:image/png;name="a,b;base64,.png";base64,{ENCODED}',
    "an escaped quote": f'data:image/png;name="a\\",b.png";base64,{ENCODED}',
    "a lone quote": f'data:image/png;name="a.png;base64,{ENCODED}',
    "an escaped value": f"data:image/png;name=my%20frame%2C.png;base64,{ENCODED}",
    "a suffix": f"data:image/svg+xml;base64,{ENCODED}",
    "upper case": f"DATA:IMAGE/PNG;CHARSET=UTF-8;BASE64,{ENCODED}",
    "base64 not last": f"data:image/png;base64;charset=utf-8,{ENCODED}",
    "blanks in the head": f"data: image/png ; charset = utf-8 ; base64 ,{ENCODED}",
    "no type": f"data:;base64,{ENCODED}",
    "parameters alone": f"data:;charset=utf-8;base64,{ENCODED}",
    "space around": f"\n  data:image/png;base64,{ENCODED} \r\n",
    "line breaks": f"data:image/png;base64,{WRAPPED}\r\n",
    "a space after the comma": f"data:image/png;base64, {ENCODED}",
    "the other alphabet": "data:image/png;base64," + base64.urlsafe_b64encode(FILE).decode(),
    "no padding": f"data:image/png;base64,{ENCODED.rstrip('=')}",
    "escaped base64": "data:image/png;base64," + urllib.parse.quote(ENCODED, safe=""),
    "escaped bytes": "data:image/png," + urllib.parse.quote(FILE, safe=""),
    "escaped bytes with parameters": "data:image/png;name=a.png," + urllib.parse.quote(FILE),
    "small hexadecimals": "data:image/png," + "".join(f"%{byte:02x}" for byte in FILE),
    "escaped bytes without a type": "data:," + urllib.parse.quote(FILE, safe=""),
}


@pytest.mark.parametrize("url", TAKEN.values(), ids=TAKEN)
def test_what_can_mean_only_one_file_is_taken(url: str) -> None:
    assert is_data_url(url)
    assert decode(url, largest=len(FILE)) == FILE


BROKEN = {
    "no comma": ("data:image/png;base64", "no comma"),
    "other characters": ("data:image/png;base64,@@@@", "not valid base64"),
    "padding within": ("data:image/png;base64,QQ==QQ==", "not valid base64"),
    "too much padding": ("data:image/png;base64,QQ===", "not valid base64"),
    "cut off": ("data:image/png;base64,QUFBQ", "its end is missing"),
    "not ASCII": ("data:image/png;base64,QUFB\u00e9QQ", "not valid base64"),
    "base64 that does not say so": (f"data:image/png,{ENCODED}", ";base64"),
    "a name that looks like it": (f'data:image/png;name=";base64",{ENCODED}', ";base64"),
    "a broken escape": ("data:image/png,%89PNG%zz", "hexadecimal"),
    "an escape at the end": ("data:image/png,%89PNG%4", "hexadecimal"),
}


@pytest.mark.parametrize(("url", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_says_why(url: str, says: str) -> None:
    with pytest.raises(BadDataUrl, match=says):
        decode(url, largest=1000)


@pytest.mark.parametrize(
    "url", [TAKEN["plain"], TAKEN["line breaks"], TAKEN["escaped base64"], TAKEN["escaped bytes"]]
)
def test_a_file_that_is_too_large_is_not_decoded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> bytes:
        raise AssertionError("decoded")

    monkeypatch.setattr(base64, "b64decode", never)
    with pytest.raises(TooLong):
        decode(url, largest=len(FILE) - 1)


@pytest.mark.parametrize("head", ['a"', '"', '\\"', ";base64", '";'])
def test_a_hostile_head_is_read_once(head: str) -> None:
    """Read again for each quote in it, this would not end."""
    with pytest.raises(BadDataUrl):
        decode("data:" + head * 4_000_000, largest=1000)


@pytest.mark.parametrize("url", ["https://x/data:", "", "data", "file:data:,x"])
def test_other_addresses_are_none(url: str) -> None:
    assert not is_data_url(url)
