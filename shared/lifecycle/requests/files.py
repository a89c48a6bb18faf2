"""Files of callers: upload, find, list, read, delete; and what the app itself keeps for them.

A blob is written before its row and deleted after it: a file on record has its bytes, and what a
process leaves behind when it dies between the two is found again under the same id.
"""

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator

from shared.answers import files as answers
from shared.domain import spreadsheet
from shared.domain.errors import InvalidRequest
from shared.domain.files import UPLOADED, File, Purpose, plain_filename
from shared.domain.ids import created_ms, is_file_id, new_file_id
from shared.domain.limits import LARGEST_FILE, LARGEST_UPLOAD, LONGEST_FILENAME, mib
from shared.domain.media import kinds
from shared.domain.text import NotText, in_utf8
from shared.lifecycle.requests.claims import Repeatable, claim_of
from shared.lifecycle.services import Services
from shared.storage.names import FILES_CONTAINER, file_blob
from shared.storage.outputs import BLOCK, StoredBlob
from shared.telemetry.events import Event, emit

JSONL = "application/jsonl"
"""What the requests and the results of a batch are."""
_SAYS_SOMETHING = re.compile(rb"\S")


def upload(
    services: Services,
    caller: str,
    *,
    filename: str,
    purpose: str,
    data: bytes,
    charset: str | None = None,
    repeatable: Repeatable,
) -> File:
    """Put a caller's file on record; a repeat gets the file of the first request.

    A spreadsheet of requests (`.csv`, in `charset`) is kept as the JSON lines that it stands for,
    and lines in another encoding as UTF-8. What is in the lines of a `batch` file is left to the
    batch. Raises InvalidRequest, which names the field, or Conflict for a key that another upload
    has used.
    """
    if purpose not in UPLOADED:
        raise InvalidRequest(
            f"purpose {purpose[:80]!r} is not one of: {', '.join(UPLOADED)}.", param="purpose"
        )
    try:
        name = plain_filename(filename)
    except ValueError as error:
        raise InvalidRequest(f"file: its name is not taken: {error}.", param="file") from None
    if purpose == Purpose.BATCH:
        if name.lower().endswith(spreadsheet.SUFFIX):
            name, data = _as_lines(name), _requests(data, charset)
        else:
            data = _in_utf8(data, charset)
        content_type = _batch(data)
    else:
        content_type = _image(data)
    sent = f"{purpose}\n{hashlib.sha256(data).hexdigest()}\n{name}"
    digest = hashlib.sha256(sent.encode()).hexdigest()
    claim, _ = claim_of(services, caller, new_file_id, digest, repeatable)
    return keep(
        services,
        caller,
        claim.video_id,
        filename=name,
        purpose=Purpose(purpose),
        pieces=[data],
        content_type=content_type,
    )


def keep(
    services: Services,
    caller: str,
    file_id: str,
    *,
    filename: str,
    purpose: Purpose,
    pieces: Iterable[bytes],
    content_type: str,
) -> File:
    """Put a file with this id on record, reading its bytes piece by piece.

    A repeat gets the first file, whatever its pieces are, and goes on where the first try died:
    `pieces` are not read where the blob is there.
    """
    blob = services.file_blobs.find(file_blob(file_id))
    if blob is None:
        blob = _written(services, file_id, pieces, content_type)
    file = File(
        id=file_id,
        caller=caller,
        filename=filename,
        purpose=purpose,
        size=blob.size,
        sha256=blob.sha256,
        content_type=content_type,
        created_at=created_ms(file_id) // 1000,
    )
    if not services.files.insert(file):  # an earlier try was there
        return services.files.get(caller, file_id) or file
    emit(
        Event.FILE_STORED,
        file_id=file_id,
        caller=caller,
        purpose=purpose,
        size_bytes=file.size,
        sha256=file.sha256,
    )
    return file


def find(services: Services, caller: str, file_id: str) -> File | None:
    """A caller's file; None for another caller's."""
    return services.files.get(caller, file_id) if is_file_id(file_id) else None


def listed(
    services: Services,
    caller: str,
    *,
    after: str | None,
    limit: int,
    oldest_first: bool,
    purpose: Purpose | None,
) -> answers.FileList:
    """A page of a caller's files: at most `limit`, from the one behind `after` on."""
    read = services.files.list(
        caller, after=after, limit=limit + 1, oldest_first=oldest_first, purpose=purpose
    )
    files = read[:limit]
    return answers.FileList(
        object="list",
        data=[shown(file) for file in files],
        first_id=files[0].id if files else None,
        last_id=files[-1].id if files else None,
        has_more=len(read) > limit,
    )


def remove(services: Services, file: File) -> answers.DeletedFile:
    """Delete a file; can be repeated."""
    if services.files.delete(file):
        emit(Event.FILE_DELETED, file_id=file.id, caller=file.caller, purpose=file.purpose)
    services.file_blobs.delete_all(file_blob(file.id))
    return answers.DeletedFile(id=file.id, object="file", deleted=True)


def content(services: Services, file: File, *, first: int = 0, length: int | None = None) -> bytes:
    """`length` bytes of a file from its byte `first` on; all of them without a length."""
    if file.size == 0:  # the store has no range of an empty blob
        return b""
    return b"".join(services.file_blobs.read(file_blob(file.id), offset=first, length=length))


def link(services: Services, file: File) -> str:
    """A URL for this file, valid for `limits.LINK_MINUTES`: a credential."""
    return services.links.link(FILES_CONTAINER, file_blob(file.id), file.content_type)


def shown(file: File) -> answers.File:
    """A file as the API shows it."""
    return answers.File(
        id=file.id,
        object="file",
        bytes=file.size,
        created_at=file.created_at,
        expires_at=None,
        filename=file.filename,
        purpose=file.purpose,
        status="processed",
        status_details=None,
    )


def _as_lines(name: str) -> str:
    """A spreadsheet's name, as that of its JSON lines."""
    suffix = ".jsonl"
    return name[: -len(spreadsheet.SUFFIX)][: LONGEST_FILENAME - len(suffix)] + suffix


def _requests(data: bytes, charset: str | None) -> bytes:
    """The requests in a spreadsheet, a JSON line each. Raises InvalidRequest."""
    if not _SAYS_SOMETHING.search(data):
        return b""
    lines = bytearray()
    try:
        for line in spreadsheet.requests([data], charset):
            lines += line
            if len(lines) > LARGEST_UPLOAD:
                raise InvalidRequest(
                    f"its rows are more than {mib(LARGEST_UPLOAD)} as JSON lines: split it."
                )
    except InvalidRequest as error:
        raise InvalidRequest(f"file: {error.message}", param="file", code=error.code) from None
    return bytes(lines)


def _in_utf8(data: bytes, charset: str | None) -> bytes:
    """Raises InvalidRequest."""
    try:
        return in_utf8(data, charset)
    except NotText as error:
        raise InvalidRequest(
            f"file: {error}. Send UTF-8, or name its charset in the part's content-type.",
            param="file",
        ) from None


def _batch(data: bytes) -> str:
    """The media type of a batch's file, which is UTF-8. Raises InvalidRequest."""
    begins = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    if _SAYS_SOMETHING.search(data, begins) is None:
        raise InvalidRequest("file: it is empty: send one JSON object a line.", param="file")
    if len(data) > LARGEST_UPLOAD:
        raise InvalidRequest(f"file: it may have at most {mib(LARGEST_UPLOAD)}.", param="file")
    return JSONL


def _image(data: bytes) -> str:
    """The media type of an image. Raises InvalidRequest."""
    kind = kinds.media_type(data)
    if kind not in kinds.IMAGES:
        raise InvalidRequest(f"file: it {kinds.not_taken(data, kinds.TAKEN_IMAGES)}", param="file")
    if len(data) > LARGEST_FILE:
        raise InvalidRequest(f"file: an image may have at most {mib(LARGEST_FILE)}.", param="file")
    return kind


def _written(
    services: Services, file_id: str, pieces: Iterable[bytes], content_type: str
) -> StoredBlob:
    """The blob of a file, by this try or by another one that was faster."""
    name, digest, size = file_blob(file_id), hashlib.sha256(), 0
    writer = services.file_blobs.writer(name)
    with writer.behind() as write:
        for block in _blocks(pieces):
            write(block)
            digest.update(block)
            size += len(block)
    sha256 = digest.hexdigest()
    if not writer.commit(sha256=sha256, content_type=content_type, facts={}):
        other = services.file_blobs.find(name)
        if other is not None:
            return other
    return StoredBlob(size, sha256, {})


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, of any length, as blocks of one size and a rest."""
    kept = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        while len(view) > 0:
            taken = view[: BLOCK - len(kept)]
            kept += taken
            view = view[len(taken) :]
            if len(kept) == BLOCK:
                yield bytes(kept)
                kept.clear()
    if kept:
        yield bytes(kept)
