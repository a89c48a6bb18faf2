"""Files of callers: uploaded once however often it is tried, whole wherever a process died."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import Conflict, InvalidRequest
from shared.domain.files import File, Purpose
from shared.domain.ids import created_ms, new_file_id
from shared.domain.limits import LARGEST_FILE, LARGEST_UPLOAD
from shared.domain.request import VideoRequest
from shared.lifecycle.requests import files, inputs
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.requests.quote import quote
from shared.lifecycle.services import Services
from shared.storage.outputs import BLOCK
from tests.conftest import Simulator
from tests.support.driver import drive
from tests.support.dying import Dies, StopsAt
from tests.support.media import picture

pytestmark = pytest.mark.real_storage

CALLER, OTHER = "key:local", "key:other"
LINES = b'{"custom_id": "fox-1"}\n{"custom_id": "fox-2"}\n'
ONCE, AGAIN = Repeatable("files"), Repeatable("files", repeated=True)
KEYED = Repeatable("files", "mine")
ID = new_file_id(1_700_000_000_123, b"0123456789")


def uploaded(
    services: Services,
    data: bytes = LINES,
    repeatable: Repeatable = ONCE,
    *,
    caller: str = CALLER,
    filename: str = "requests.jsonl",
    purpose: str = "batch",
) -> File:
    return files.upload(
        services, caller, filename=filename, purpose=purpose, data=data, repeatable=repeatable
    )


def kept(services: Services, *pieces: bytes) -> File:
    return files.keep(
        services,
        CALLER,
        ID,
        filename="output.jsonl",
        purpose=Purpose.BATCH_OUTPUT,
        pieces=pieces,
        content_type=files.JSONL,
    )


def listed(services: Services, caller: str = CALLER) -> list[str]:
    page = files.listed(services, caller, after=None, limit=20, oldest_first=False, purpose=None)
    return [each.id for each in page.data]


def blobs(services: Services) -> list[str]:
    return list(services.account.container("files").list_blob_names())


def test_an_upload_is_on_record_with_its_bytes(services: Services) -> None:
    file = uploaded(services, filename="C:\\mine\\requests.jsonl")
    assert (file.filename, file.purpose, file.size) == ("requests.jsonl", "batch", len(LINES))
    assert file.sha256 == hashlib.sha256(LINES).hexdigest()
    assert file.created_at == created_ms(file.id) // 1000
    assert files.find(services, CALLER, file.id) == file
    assert files.content(services, file) == LINES
    assert files.content(services, file, first=2, length=9) == LINES[2:11]
    assert files.find(services, OTHER, file.id) is None
    assert files.find(services, CALLER, "nothing/like?that") is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("purpose", ["vision", "user_data"])
def test_an_image_is_known_by_its_bytes(services: Services, kind: str, purpose: str) -> None:
    data = picture(64, 48, kind)
    file = uploaded(services, data, filename="frame.txt", purpose=purpose)
    assert (file.purpose, file.content_type) == (purpose, f"image/{kind.lower()}")
    assert files.content(services, file) == data


def test_a_byte_order_mark_is_no_fault(services: Services) -> None:
    data = codecs.BOM_UTF8 + '{"prompt": "ein „Fuchs“"}'.encode()
    assert files.content(services, uploaded(services, data)) == data


def test_lines_that_powershell_wrote_are_kept_in_utf8(services: Services) -> None:
    """By the rule of the inbox and of spreadsheets (docs/files-and-batches.md)."""
    text = '{"prompt": "ein „Fuchs“"}\r\n'
    file = uploaded(services, text.encode("utf-16"))
    assert files.content(services, file) == text.encode()
    assert (file.size, file.sha256) == (
        len(text.encode()),
        hashlib.sha256(text.encode()).hexdigest(),
    )


@pytest.mark.parametrize(
    ("changes", "param", "says"),
    [
        ({"purpose": "assistants"}, "purpose", "batch, vision, user_data"),
        ({"purpose": "batch_output"}, "purpose", "batch, vision, user_data"),
        ({"data": b""}, "file", "empty"),
        ({"data": b" \r\n\t"}, "file", "empty"),
        ({"data": codecs.BOM_UTF8 + b"\n"}, "file", "empty"),
        ({"data": LINES + b"\xff"}, "file", f"byte 0xff at {len(LINES)}. Send UTF-8,"),
        ({"data": "a fox".encode("utf-16") + b"\0"}, "file", "not UTF-16: it ends within"),
        ({"data": "\ufeff \n".encode("utf-16-le")}, "file", "empty"),
        (
            {"data": b"\xff\xfe" + "雪".encode("utf-16-le") * (LARGEST_UPLOAD // 3 + 1)},
            "file",
            "at most 32 MiB",
        ),
        ({"filename": "folder/"}, "file", "names no file"),
        ({"filename": "a\tb"}, "file", "control character"),
        ({"purpose": "vision"}, "file", "it is not a JPEG, PNG, WebP or AVIF image"),
        ({"purpose": "vision", "data": b""}, "file", "it is empty, not a JPEG"),
        ({"purpose": "user_data", "data": b"%PDF-1.7"}, "file", "it is a PDF, not a JPEG"),
        ({"purpose": "vision", "data": b"GIF89a"}, "file", "it is a GIF, not a JPEG, PNG, WebP"),
        (
            {"purpose": "vision", "data": b"\xff\xd8\xff" + bytes(LARGEST_FILE)},
            "file",
            "at most 20 MiB",
        ),
    ],
)
def test_what_is_not_taken_leaves_nothing(
    services: Services, changes: dict[str, Any], param: str, says: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        uploaded(services, **changes)
    assert raised.value.param == param
    assert says in raised.value.message
    assert (listed(services), blobs(services)) == ([], [])


def test_two_equal_uploads_are_two_files(services: Services) -> None:
    made = [uploaded(services).id for _ in range(2)]
    assert listed(services) == made[::-1]


def test_a_repeat_is_the_first_file(services: Services) -> None:
    first = uploaded(services)
    assert uploaded(services, repeatable=AGAIN) == first
    assert listed(services) == [first.id]
    other = uploaded(services, LINES + b"{}", AGAIN)
    assert other.id != first.id
    assert uploaded(services, repeatable=AGAIN, caller=OTHER).id != first.id


def test_a_key_is_for_one_file(services: Services) -> None:
    first = uploaded(services, repeatable=KEYED)
    assert uploaded(services, repeatable=KEYED) == first
    for changes in (
        {"data": LINES + b"{}"},
        {"filename": "other.jsonl"},
        {"data": picture(20, 20), "purpose": "vision"},
    ):
        with pytest.raises(Conflict) as reused:
            uploaded(services, **{"repeatable": KEYED, **changes})  # type: ignore[arg-type]
        assert reused.value.code == "idempotency_key_reused"
    assert listed(services) == [first.id]
    assert uploaded(services, repeatable=KEYED, caller=OTHER).id != first.id
    assert uploaded(services, repeatable=Repeatable("files", "theirs")).id != first.id


def test_a_key_of_videos_is_not_one_of_files(services: Services) -> None:
    fox = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
    admit(services, CALLER, fox, Repeatable("videos", "mine"))
    assert uploaded(services, repeatable=KEYED).size == len(LINES)


def test_simultaneous_repeats_are_one_file(services: Services) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: uploaded(services, repeatable=KEYED), range(6)))
    assert len(set(made)) == 1
    assert listed(services) == blobs(services) == [made[0].id]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("part", "method"), [("idempotency", "claim"), ("file_blobs", "writer"), ("files", "insert")]
)
def test_a_repeat_goes_on_where_the_first_try_died(
    services: Services, part: str, method: str, after: bool
) -> None:
    broken: dict[str, Any] = {part: Dies(getattr(services, part), method, after=after)}
    with pytest.raises(StopsAt):
        uploaded(replace(services, **broken), repeatable=KEYED)
    file = uploaded(services, repeatable=KEYED)
    assert files.content(services, file) == LINES
    assert listed(services) == blobs(services) == [file.id]


def test_a_kept_file_is_written_piece_by_piece(services: Services) -> None:
    pieces = [b"a" * (BLOCK - 1), b"", b"bc", b"d" * (2 * BLOCK), b"e"]
    file = kept(services, *pieces)
    assert (file.id, file.purpose, file.created_at) == (ID, "batch_output", 1_700_000_000)
    whole = b"".join(pieces)
    assert (file.size, file.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert files.content(services, file) == whole
    blob = services.file_blobs.find(file.id)
    assert blob is not None
    assert (blob.size, blob.sha256) == (file.size, file.sha256)


def test_a_kept_file_may_be_empty(services: Services) -> None:
    file = kept(services)
    assert (file.size, files.content(services, file)) == (0, b"")


def test_what_is_kept_first_stays(services: Services) -> None:
    def read(piece: bytes) -> bytes:
        raise AssertionError(f"{piece!r} is read for what is there")

    first = kept(services, b"one")
    again = files.keep(
        services,
        CALLER,
        ID,
        filename="other",
        purpose=Purpose.BATCH_OUTPUT,
        pieces=map(read, [b"two"]),
        content_type=files.JSONL,
    )
    assert again == first


def test_a_row_is_true_to_the_blob_that_is_there(services: Services) -> None:
    """A try that died after its blob, and another one with other bytes."""
    dying = replace(services, files=Dies(services.files, "insert", after=False))  # type: ignore[arg-type]
    with pytest.raises(StopsAt):
        kept(dying, b"one")
    file = kept(services, b"three")
    assert files.content(services, file) == b"one"
    assert (file.size, file.sha256) == (3, hashlib.sha256(b"one").hexdigest())


@pytest.mark.parametrize("dies", [False, True])
def test_the_slower_of_two_writers_keeps_what_the_faster_wrote(
    services: Services, dies: bool
) -> None:
    """Whether or not the faster one lived to put it on record."""
    dying = replace(services, files=Dies(services.files, "insert", after=False))  # type: ignore[arg-type]

    def slow() -> Iterator[bytes]:
        with suppress(StopsAt):
            kept(dying if dies else services, b"fast")
        yield b"slower"

    file = files.keep(
        services,
        CALLER,
        ID,
        filename="output.jsonl",
        purpose=Purpose.BATCH_OUTPUT,
        pieces=slow(),
        content_type=files.JSONL,
    )
    assert files.content(services, file) == b"fast"
    assert (file.size, files.find(services, CALLER, ID)) == (4, file)
    assert file.sha256 == hashlib.sha256(b"fast").hexdigest()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_deletion_that_broke_off_is_never_half_a_file(services: Services, after: bool) -> None:
    file = uploaded(services)
    dying = replace(services, files=Dies(services.files, "delete", after=after))  # type: ignore[arg-type]
    with pytest.raises(StopsAt):
        files.remove(dying, file)
    found = files.find(services, CALLER, file.id)
    assert (found is None) is after
    if found is not None:
        assert files.content(services, found) == LINES


def test_a_deleted_file_leaves_nothing(services: Services) -> None:
    other, file = uploaded(services), uploaded(services)
    assert files.remove(services, file).deleted
    assert files.find(services, CALLER, file.id) is None
    assert listed(services) == blobs(services) == [other.id]
    assert files.remove(services, file).deleted, "a second deletion finds nothing to do"


FOX = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)


def reference(file: File | str) -> Source:
    return Source("input_reference", file_id=file if isinstance(file, str) else file.id)


@pytest.fixture
def image(services: Services) -> File:
    return uploaded(services, picture(720, 1280), filename="frame.png", purpose="vision")


def test_a_video_starts_from_an_uploaded_image(
    services: Services, simulator: Simulator, image: File
) -> None:
    made = admit(services, CALLER, FOX, sources=[reference(image)])
    files.remove(services, image)  # the video has its own copy
    assert drive(services, made.payload)[0] == "done"
    (job,) = simulator.journal()["jobs"]
    (sent,) = job["request"]["files"]
    assert (sent["field"], sent["sha256"]) == ("input_reference", image.sha256)


def test_the_same_image_is_the_same_request_however_it_comes(
    services: Services, image: File
) -> None:
    by_id, _ = inputs.gather(services, CALLER, FOX, [reference(image)])
    sent = Source("input_reference", data=files.content(services, image))
    assert inputs.gather(services, CALLER, FOX, [sent])[0].digest() == by_id.digest()


def test_a_key_covers_the_file_that_was_named(services: Services, image: File) -> None:
    other = uploaded(services, picture(720, 1280, seed=1), purpose="vision")
    key = Repeatable(key="mine")
    first = admit(services, CALLER, FOX, key, [reference(image)])
    files.remove(services, image)
    assert admit(services, CALLER, FOX, key, [reference(image)]).video.id == first.video.id
    with pytest.raises(Conflict):
        admit(services, CALLER, FOX, key, [reference(other)])
    asked = {inputs.asked(FOX, [reference(each)]) for each in (image, other)}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (lambda services: "file-nothing", "you have no file 'file-nothing'"),
        (lambda services: "", "you have no file ''"),
        (lambda services: ID, f"you have no file '{ID}'"),
        (
            lambda services: uploaded(services, picture(64, 64), caller=OTHER, purpose="vision").id,
            "you have no file",
        ),
        (lambda services: uploaded(services).id, "is no image; its purpose is batch"),
    ],
    ids=["no id", "empty", "unknown", "another caller's", "no image"],
)
def test_what_is_no_image_of_the_caller(
    services: Services, simulator: Simulator, named: Callable[[Services], str], says: str
) -> None:
    source = reference(named(services))
    for ask in (admit, quote):
        with pytest.raises(InvalidRequest) as raised:
            ask(services, CALLER, FOX, sources=[source])
        assert raised.value.param == "input_reference"
        assert says in raised.value.message
    assert services.work.all() == []
