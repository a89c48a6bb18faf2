"""The boxes of an MP4, and the fields that several of them share."""

import struct
from collections.abc import Iterator

UNKNOWN = (0, 2**32 - 1, 2**64 - 1)
"""The values of a duration that is not known, in 32 and in 64 bits."""
_MOST_BOXES = 300_000


class Mp4Error(Exception):
    """The bytes are not a complete MP4 video; the message says why."""


class Boxes:
    """Opens the boxes inside boxes of one file, up to a bound that no real file reaches."""

    def __init__(self) -> None:
        self._left = _MOST_BOXES

    def of(self, data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        """Name and body of each box in `data`. Raises Mp4Error."""
        position = 0
        while position + 8 <= len(data):  # QuickTime ends some lists with four zero bytes
            self._left -= 1
            if self._left < 0:
                raise Mp4Error(f"the index has more than {_MOST_BOXES:,} boxes")
            size, kind = struct.unpack_from(">I4s", data, position)
            header = 8
            if size == 1:
                (size,) = struct.unpack_from(">Q", data, position + 8)
                header = 16
            elif size == 0:
                size = len(data) - position
            if size < header or position + size > len(data):
                raise Mp4Error(f"the box {printable(kind)} does not fit into the one around it")
            yield kind, data[position + header : position + size]
            position += size


def printable(kind: bytes) -> str:
    """The name of a box, for people."""
    return kind.decode("ascii", "backslashreplace")


def is_wide(body: memoryview) -> bool:
    """Whether a box is of version 1, with times of 64 bits. Raises struct.error if it is empty."""
    (version,) = struct.unpack_from(">B", body)
    return bool(version == 1)


def times(body: memoryview) -> tuple[int, int | None]:
    """Timescale and duration of an `mvhd` or `mdhd`, which have them in the same places."""
    at = 20 if is_wide(body) else 12
    (timescale,) = struct.unpack_from(">I", body, at)
    return timescale, ticks_at(body, at + 4)


def ticks_at(body: memoryview, at: int) -> int | None:
    """A duration at byte `at` of a box; None if it is not known."""
    (ticks,) = struct.unpack_from(">Q" if is_wide(body) else ">I", body, at)
    return None if ticks in UNKNOWN else int(ticks)


def turned(body: memoryview, at: int) -> bool:
    """Whether a matrix swaps width and height."""
    a, b, c, d = struct.unpack_from(">ii4xii", body, at)
    return bool(b and c and not a and not d)
