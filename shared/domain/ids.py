"""Video ids: unique, ordered by time, and cheap to list newest first.

`video_` and 32 hexadecimal digits: 12 of milliseconds since 1970 and 20 of randomness (the layout
of a UUIDv7 without its version bits). Table Storage sorts a partition only by ascending RowKey, so
rows that are listed newest first use the inverted digits as their key.
"""

import re

_PREFIX = "video_"
_DIGITS = "0123456789abcdef"
_INVERTED = str.maketrans(_DIGITS, _DIGITS[::-1])
_PATTERN = re.compile(r"video_[0-9a-f]{32}")


def new_video_id(now_ms: int, entropy: bytes) -> str:
    """The id of a video admitted at `now_ms` (milliseconds since 1970), from 10 random bytes."""
    if len(entropy) != 10:
        raise ValueError(f"a video id takes 10 random bytes, not {len(entropy)}")
    return f"{_PREFIX}{now_ms:012x}{entropy.hex()}"


def is_video_id(text: str) -> bool:
    """Whether `text` has the form of a video id; the video need not exist."""
    return _PATTERN.fullmatch(text) is not None


def created_ms(video_id: str) -> int:
    """When the video was admitted, in milliseconds since 1970."""
    return int(video_id.removeprefix(_PREFIX)[:12], 16)


def inverted(video_id: str) -> str:
    """The sort key that puts later ids first; `from_inverted` reverses it."""
    return video_id.removeprefix(_PREFIX).translate(_INVERTED)


def from_inverted(key: str) -> str:
    """The video id whose `inverted` key is `key`."""
    return _PREFIX + key.translate(_INVERTED)
