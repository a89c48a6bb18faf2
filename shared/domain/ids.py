"""Ids of videos, files and batches: unique, ordered by time, and cheap to list newest first.

A prefix and 32 hexadecimal digits: 12 of milliseconds since 1970 and 20 of randomness (the layout
of a UUIDv7 without its version bits). Table Storage sorts a partition only by ascending RowKey, so
rows that are listed newest first use the inverted digits as their key.
"""

import re

VIDEO, FILE, BATCH = "video_", "file-", "batch_"
"""The prefixes, which are OpenAI's."""

_DIGITS = "0123456789abcdef"
_INVERTED = str.maketrans(_DIGITS, _DIGITS[::-1])


def new_video_id(now_ms: int, entropy: bytes) -> str:
    """The id of a video admitted at `now_ms` (milliseconds since 1970), from 10 random bytes."""
    return _new(VIDEO, now_ms, entropy)


def new_file_id(now_ms: int, entropy: bytes) -> str:
    """The id of a file that came at `now_ms`, from 10 random bytes."""
    return _new(FILE, now_ms, entropy)


def new_batch_id(now_ms: int, entropy: bytes) -> str:
    """The id of a batch created at `now_ms`, from 10 random bytes."""
    return _new(BATCH, now_ms, entropy)


def is_video_id(text: str) -> bool:
    """Whether `text` has the form of a video id; the video need not exist."""
    return _is(VIDEO, text)


def is_file_id(text: str) -> bool:
    """Whether `text` has the form of a file id; the file need not exist."""
    return _is(FILE, text)


def is_batch_id(text: str) -> bool:
    """Whether `text` has the form of a batch id; the batch need not exist."""
    return _is(BATCH, text)


def created_ms(any_id: str) -> int:
    """When the id was made, in milliseconds since 1970."""
    return int(_digits(any_id)[:12], 16)


def inverted(any_id: str) -> str:
    """The sort key that puts later ids first; `from_inverted` reverses it."""
    return _digits(any_id).translate(_INVERTED)


def from_inverted(key: str, prefix: str = VIDEO) -> str:
    """The id with this prefix whose `inverted` key is `key`."""
    return prefix + key.translate(_INVERTED)


def _new(prefix: str, now_ms: int, entropy: bytes) -> str:
    if len(entropy) != 10:
        raise ValueError(f"an id takes 10 random bytes, not {len(entropy)}")
    return f"{prefix}{now_ms:012x}{entropy.hex()}"


def _digits(any_id: str) -> str:
    return any_id.removeprefix(VIDEO).removeprefix(FILE).removeprefix(BATCH)


def _is(prefix: str, text: str) -> bool:
    return re.fullmatch(prefix + "[0-9a-f]{32}", text) is not None
