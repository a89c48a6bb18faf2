"""What is in a dropped file, and whether it is whole.

An upload may raise an event before its content is there, or while it is written: SFTP and Data Lake
clients create an empty blob first, `SftpWrite` reports a part, and an account with folders reports
a copy when it begins (https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage).
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from shared.domain import spreadsheet
from shared.domain.errors import InvalidRequest, TooLarge
from shared.domain.limits import LARGEST_BODY, LARGEST_DROPPED_BATCH, LARGEST_PROMPT_FILE
from shared.domain.text import NotText, decoded, parsed_json
from shared.lifecycle.batches import compose
from shared.lifecycle.requests import terms
from shared.lifecycle.requests.batches import NewBatch
from shared.lifecycle.services import Services
from shared.storage.inbox import Dropped, Gone

IMAGES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif"),
    # refused types; the prompt beside one must not become a video without it
    *(".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp", ".jxl", ".mp4", ".mov", ".webm"),
)
PROMPT = ".txt"
REQUEST = ".json"
BATCH = (".jsonl", spreadsheet.SUFFIX)

_TERMS = ("budget_usd", "max_running", "completion_window", "dry_run", "webhook")
"""What a file's metadata may say of its batch."""
_OTHERWISE = {"input_file_id": "", "endpoint": "/v1/videos", "completion_window": "24h"}
_ALIKE = 0.7
"""Names that are so similar are meant to be the same."""

_GONE = "its file was replaced or deleted"
_OPENING = frozenset({"sftpcreate", "sftpwrite", "createfile"})
"""Operations before the last write, which has its own event if the client closes the file."""
_TEMPORARY = (".filepart", ".part", ".partial", ".tmp", ".temp", ".crdownload", ".uploading")


class Ignored(Exception):
    """There is no video to make (any more); the message says why."""


def is_opening(data: Mapping[str, Any]) -> bool:
    """Whether an event's data reports a file that is still being written."""
    if str(data.get("api", "")).lower() in _OPENING:
        return True
    # appends raise no events
    return data.get("blobType") == "AppendBlob" and not data.get("contentLength")


def is_temporary(name: str) -> bool:
    """Whether clients give such a name to an upload, and rename it at the end."""
    last = name.rpartition("/")[2].lower()
    return last.startswith(".") or last.endswith(_TEMPORARY)


def is_request(name: str) -> bool:
    return name.lower().endswith((*IMAGES, PROMPT, REQUEST, *BATCH))


def fields(services: Services, file: Dropped) -> Any:
    """The JSON in a file. Raises InvalidRequest or Ignored."""
    try:
        return parsed_json(read(services, file, LARGEST_BODY), file.charset)
    except ValueError as error:
        raise InvalidRequest(f"The file is not valid JSON: {error}.", code="invalid_json") from None


def prompt(services: Services, file: Dropped) -> str:
    """The prompt in a file. Raises InvalidRequest or Ignored."""
    try:
        text = decoded(read(services, file, LARGEST_PROMPT_FILE), file.charset).strip()
    except NotText as error:
        raise InvalidRequest(
            f"The prompt is not text: {error}. Save it as UTF-8 or UTF-16.", param="prompt"
        ) from None
    if not text:
        raise InvalidRequest("The prompt is empty.", param="prompt")
    return text


def batch(services: Services, file: Dropped) -> NewBatch:
    """The terms of a batch of this file, from its metadata. Raises InvalidRequest, TooLarge or
    Ignored where the batch can never work; its lines are left to its worker."""
    _check_size(file, LARGEST_DROPPED_BATCH)
    given = {}
    for name, value in file.metadata.items():
        if name.lower() in _TERMS:
            given[name.lower()] = value.strip()
        elif meant := get_close_matches(name.lower(), _TERMS, n=1, cutoff=_ALIKE):
            # what other programs note there is nothing to us; a ceiling with a slip in its name is
            raise InvalidRequest(
                f"The metadata {name[:80]!r} is not known; {meant[0]!r} is.",
                param=name[:80],
                code="unknown_parameter",
            )
    new = terms.new_batch({**_OTHERWISE, **given})
    try:
        next(compose.lines(services, file), None)  # has a spreadsheet a prompt?
    except Gone:
        raise Ignored(_GONE) from None
    return new


def read(services: Services, file: Dropped, largest: int) -> bytes:
    """The bytes of this version. Raises TooLarge or Ignored."""
    _check_size(file, largest)
    data = services.inbox.read(file)
    if data is None:  # a new version has its own event
        raise Ignored(_GONE)
    return data


def _check_size(file: Dropped, largest: int) -> None:
    if file.size > largest:
        raise TooLarge(f"{file.name.rpartition('/')[2]} has more than {largest:,} bytes.")
