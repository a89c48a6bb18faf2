"""What is in a dropped file, and whether it is whole.

An upload may raise an event before its content is there, or while it is written: SFTP and Data Lake
clients create an empty blob first, `SftpWrite` reports a part, and an account with folders reports
a copy when it begins (https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage).
"""

from collections.abc import Mapping
from typing import Any

from shared.domain.errors import InvalidRequest, TooLarge
from shared.domain.limits import LARGEST_BODY, LARGEST_PROMPT_FILE
from shared.domain.text import NotText, decoded, parsed_json
from shared.lifecycle.services import Services
from shared.storage.inbox import Dropped

IMAGES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif"),
    # refused types; the prompt beside one must not become a video without it
    *(".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp", ".jxl", ".mp4", ".mov", ".webm"),
)
PROMPT = ".txt"
REQUEST = ".json"

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
    return name.lower().endswith((*IMAGES, PROMPT, REQUEST))


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


def read(services: Services, file: Dropped, largest: int) -> bytes:
    """The bytes of this version. Raises TooLarge or Ignored."""
    if file.size > largest:
        raise TooLarge(f"{file.name.rpartition('/')[2]} has more than {largest:,} bytes.")
    data = services.inbox.read(file)
    if data is None:  # a new version has its own event
        raise Ignored("its file was replaced or deleted")
    return data
