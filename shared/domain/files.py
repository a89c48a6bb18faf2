"""Files of callers, which other requests name by their ids."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.limits import LONGEST_FILENAME


class Purpose(StrEnum):
    """What a file is for: OpenAI's words."""

    BATCH = "batch"
    """The requests of a batch, one JSON object a line."""
    VISION = "vision"
    """An image that a video starts from."""
    USER_DATA = "user_data"
    """The same; clients use either word."""
    BATCH_OUTPUT = "batch_output"
    """What became of the requests of a batch. Only the app itself writes it."""


UPLOADED = (Purpose.BATCH, Purpose.VISION, Purpose.USER_DATA)
"""What callers may upload."""


@dataclass(frozen=True)
class File:
    """A file of a caller. It never changes; its bytes are in a blob.

    `size` is in bytes, `sha256` in hexadecimal digits, `created_at` in unix seconds. `filename` has
    no folder, and `content_type` is what the bytes are, not what the caller said.
    """

    id: str
    caller: str
    filename: str
    purpose: Purpose
    size: int
    sha256: str
    content_type: str
    created_at: int


def plain_filename(sent: str) -> str:
    """The name of a file without its folders, of any system. Raises ValueError with a clause that
    says what is wrong with it."""
    name = re.split(r"[/\\]", sent)[-1]
    if name.strip(" .") == "":
        raise ValueError("it names no file")
    if len(name) > LONGEST_FILENAME:
        raise ValueError(f"it has more than {LONGEST_FILENAME} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError("it has a control character")
    return name
