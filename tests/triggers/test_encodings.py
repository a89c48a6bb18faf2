"""Bodies as clients write them: compressed, in their charset, and never more than may be read."""

from __future__ import annotations

import base64
import gzip
import json
import quopri
import zlib
from collections.abc import Callable

import azure.functions as func
import pytest

from local.stack import local_settings
from shared.domain.errors import InvalidRequest, TooLarge, UnsupportedEncoding
from shared.domain.limits import LARGEST_BODY
from triggers.web import bodies
from triggers.web.answers import problem_answer

PNG = b"\x89PNG\r\n\x1a\n rest"
JSON = json.dumps({"prompt": "a fox"}).encode()
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na fox\r\n'
    b'--b\r\nContent-Disposition: form-data; name="input_reference"; filename="a.png"\r\n\r\n'
    + PNG
    + b"\r\n--b--\r\n"
)
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


def post(
    body: bytes, *, kind: str = "application/json", encoding: str | None = None
) -> func.HttpRequest:
    headers = {"content-type": kind, "content-length": str(len(body))}
    if encoding is not None:
        headers["content-encoding"] = encoding
    return func.HttpRequest("POST", "http://x/openai/v1/videos", headers=headers, body=body)


def raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


def members(data: bytes) -> bytes:
    return gzip.compress(data[:7]) + gzip.compress(b"") + gzip.compress(data[7:])


ENCODED: list[tuple[str | None, Callable[[bytes], bytes]]] = [
    (None, bytes),
    ("", bytes),
    ("identity", bytes),
    ("gzip", gzip.compress),
    ("GZip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("gzip", members),
    ("gzip", lambda data: gzip.compress(data) + bytes(512)),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("identity, gzip", gzip.compress),
    ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
]


@pytest.mark.parametrize(("encoding", "compress"), ENCODED)
def test_a_compressed_body_is_the_same_request(
    encoding: str | None, compress: Callable[[bytes], bytes]
) -> None:
    sent = post(compress(JSON), encoding=encoding)
    bodies.check_size(sent)
    assert bodies.create_video(sent) == bodies.create_video(post(JSON))
    form = post(compress(FORM), kind="multipart/form-data; boundary=b", encoding=encoding)
    (source,) = bodies.create_video(form).sources
    assert (bodies.create_video(form).request.prompt, source.data) == ("a fox", PNG)
    source_request = bodies.create_video(post(JSON)).request
    assert bodies.remix_video(sent, source_request).prompt == "a fox"
    named = post(compress(b'{"id": "evt_1"}'), encoding=encoding)
    assert bodies.redeliver(named).id == "evt_1"


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "aws-chunked", "gzip, br", "*"])
def test_another_encoding_is_a_415_that_says_what_is_taken(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding) as raised:
        bodies.create_video(post(JSON, encoding=encoding))
    answer = problem_answer(raised.value)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"
    error = json.loads(answer.get_body())["error"]
    assert (error["code"], error["retryable"]) == ("unsupported_encoding", False)


def test_a_tower_of_encodings_is_not_climbed() -> None:
    body = JSON
    for _ in range(3):
        body = gzip.compress(body)
    with pytest.raises(UnsupportedEncoding):
        bodies.create_video(post(body, encoding="gzip, gzip, gzip"))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_a_413_and_never_unfolds(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte that stands for a gigabyte: what is made of it stays near the limit."""
    packed = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    first, again = (packed.compress(bytes(MIB)) + packed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + again * 1023 + packed.flush()
    asked: list[int] = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, wbits: int) -> None:
            self.real = real(wbits)

        def decompress(self, data: bytes, largest: int) -> bytes:
            asked.append(largest)
            return self.real.decompress(data, largest)

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    sent = post(bomb, encoding=encoding)
    bodies.check_size(sent)
    with pytest.raises(TooLarge, match="25 MiB"):
        bodies.create_video(sent)
    assert asked
    assert all(0 < each <= LARGEST_BODY + 1 for each in asked)


def test_the_limit_is_the_same_for_a_compressed_body_and_its_members_together() -> None:
    fits = b" " * (LARGEST_BODY - len(JSON)) + JSON
    taken = bodies.create_video(post(gzip.compress(fits, 1), encoding="gzip"))
    assert taken.request.prompt == "a fox"
    twice = gzip.compress(fits, 1) + gzip.compress(b" ", 1)
    with pytest.raises(TooLarge):
        bodies.create_video(post(twice, encoding="gzip"))


BROKEN = {
    "plain JSON as gzip": (JSON, "gzip", "not valid gzip"),
    "plain JSON as deflate": (JSON, "deflate", "not valid deflate"),
    "gzip without its end": (gzip.compress(JSON)[:-5], "gzip", "its end is missing"),
    "deflate without its end": (zlib.compress(JSON)[:-5], "deflate", "its end is missing"),
    "gzip with a wrong sum": (gzip.compress(JSON)[:-8] + bytes(8), "gzip", "not valid gzip"),
    "gzip and more": (gzip.compress(JSON) + b"more", "gzip", "not valid gzip"),
    "deflate twice": (zlib.compress(JSON) * 2, "deflate", "something follows"),
    "gzip without end": (gzip.compress(b"") * 200_000, "gzip", "something follows"),
    "half a JSON": (gzip.compress(b"{"), "gzip", "not valid JSON"),
    "nothing": (gzip.compress(b""), "gzip", "not valid JSON"),
}


@pytest.mark.parametrize(("body", "encoding", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_what_it_says_is_a_clear_400(body: bytes, encoding: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        bodies.create_video(post(body, encoding=encoding))


TEXT = "Füchse im Schnee"


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("application/json", "utf-8"),
        ("application/json", "utf-8-sig"),
        ("application/json", "utf-16"),
        ("application/json; charset=utf-8", "utf-16-le"),
        ("application/json; charset=utf-16", "utf-16-le"),
        ("application/json; charset=utf-16", "utf-16-be"),
        ('Application/JSON; Charset="UTF-16LE"', "utf-16-le"),
        ("application/json; charset=iso-8859-1", "latin-1"),
        ("application/json;charset=windows-1252", "cp1252"),
        ("", "utf-16"),
    ],
)
def test_json_is_read_in_the_charset_that_it_says(kind: str, encoding: str) -> None:
    body = json.dumps({"prompt": TEXT}, ensure_ascii=False).encode(encoding)
    assert bodies.create_video(post(body, kind=kind)).request.prompt == TEXT
    packed = post(
        gzip.compress(body + b"\r\n" * ("16" not in encoding)), kind=kind, encoding="gzip"
    )
    assert bodies.create_video(packed).request.prompt == TEXT


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("application/json", "not UTF-8: byte 0xfc at 13.*charset"),
        ("application/json; charset=utf-8", "not UTF-8"),
        ("application/json; charset=klingon", "'klingon' is not known"),
    ],
)
def test_json_that_is_not_text_says_why(kind: str, says: str) -> None:
    """Windows PowerShell 5.1 sends a string as iso-8859-1 and does not say so."""
    body = json.dumps({"prompt": TEXT}, ensure_ascii=False).encode("latin-1")
    with pytest.raises(InvalidRequest, match=says) as raised:
        bodies.create_video(post(body, kind=kind))
    assert raised.value.code == "invalid_json"


def form(data: bytes, *, kind: str = "", before: bytes = b"") -> func.HttpRequest:
    stated = f"\r\nContent-Type: {kind}" if kind else ""
    head = f'--b\r\nContent-Disposition: form-data; name="prompt"{stated}\r\n\r\n'.encode()
    return post(before + head + data + b"\r\n--b--\r\n", kind="multipart/form-data; boundary=b")


CHARSET_FIELD = b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\niso-8859-1\r\n'


@pytest.mark.parametrize(
    "sent",
    [
        form(TEXT.encode()),
        form(TEXT.encode("utf-16"), kind="text/plain"),
        form(TEXT.encode("utf-16-le"), kind="text/plain; charset=utf-16"),
        form(TEXT.encode("latin-1"), kind='text/plain; charset="iso-8859-1"'),
        form(TEXT.encode("latin-1"), before=CHARSET_FIELD),
    ],
)
def test_a_part_of_a_form_is_read_in_its_charset(sent: func.HttpRequest) -> None:
    assert bodies.create_video(sent).request.prompt == TEXT


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("8bit", TEXT.encode()),
        ("Base64", base64.encodebytes(TEXT.encode()).replace(b"\n", b"\r\n")),
        ("quoted-printable", quopri.encodestring(TEXT.encode())),
    ],
)
def test_a_part_of_a_form_may_be_encoded_as_in_mail(encoding: str, data: bytes) -> None:
    """Python's email writes base64; rendered as a prompt it would be paid for."""
    sent = form(data, kind=f"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}")
    assert bodies.create_video(sent).request.prompt == TEXT


@pytest.mark.parametrize(("encoding", "data"), [("base64", b"a fox!"), ("x-uuencode", b"a fox")])
def test_a_part_in_no_such_encoding_is_refused(encoding: str, data: bytes) -> None:
    sent = form(data, kind=f"text/plain\r\nContent-Transfer-Encoding: {encoding}")
    with pytest.raises(InvalidRequest, match="content-transfer-encoding") as raised:
        bodies.create_video(sent)
    assert raised.value.param == "prompt"


def test_a_part_that_is_not_text_is_refused_and_not_patched_up() -> None:
    """A prompt with question marks in it would be rendered, and paid for."""
    with pytest.raises(InvalidRequest, match="not UTF-8: byte 0xfc") as raised:
        bodies.create_video(form(TEXT.encode("latin-1")))
    assert raised.value.param == "prompt"


def test_a_form_that_ends_early_is_not_said_to_lack_a_field() -> None:
    cut = FORM[: FORM.index(b"PNG")]
    with pytest.raises(InvalidRequest, match="not a valid multipart form"):
        bodies.create_video(post(cut, kind="multipart/form-data; boundary=b"))


def test_a_boundary_may_be_quoted_with_blanks_in_it() -> None:
    body = FORM.replace(b"--b", b"--a b;c")
    sent = post(body, kind='multipart/form-data; boundary="a b;c"')
    assert bodies.create_video(sent).sources[0].data == PNG
