"""Checks that a stream is a whole MP4, and reads its size and duration, in constant memory.

Follows ISO/IEC 14496-12: a file is a sequence of boxes (32-bit size, type, optional 64-bit size;
size 0 means 'to the end of the file'). A file passes when it starts with `ftyp`, has exactly one
`moov` with a video track, has media data, every top-level box ends inside the file, the last one
ends at its last byte, and every chunk and every fragment's run that the tracks point to lies inside
the file's media data. A changed byte inside the media data goes unnoticed: no upstream sends a
checksum.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass

from shared.domain.media.mp4_boxes import Mp4Error, printable
from shared.domain.media.mp4_index import Mp4Index

__all__ = ["Mp4Error", "Mp4Info", "Mp4Inspector"]

_LARGEST_INDEX = 32 * 1024 * 1024
_MOST_BOXES = 100_000
_INDEX = frozenset({b"moov", b"moof", b"sidx"})
_PADDING = frozenset({b"free", b"skip", b"wide"})


@dataclass(frozen=True)
class Mp4Info:
    """A checked file: its size as players show it, its duration (None if it does not say), and
    whether it has sound."""

    width: int
    height: int
    seconds: float | None
    has_audio: bool


class Mp4Inspector:
    """Feed it the file in pieces of any size, then call `finish`."""

    def __init__(self) -> None:
        self._position = 0
        self._header = b""
        self._box_type = b""
        self._box_start = 0
        self._box_end: int | None = 0
        self._index = Mp4Index()
        self._kept = bytearray()
        self._seen: set[bytes] = set()
        self._media: list[tuple[int, int | None]] = []
        self._boxes = 0

    def feed(self, piece: bytes) -> None:
        """Read the next bytes. Raises Mp4Error as soon as they cannot be an MP4."""
        view = memoryview(piece)
        while view:
            if self._at_box_start():
                view = self._read_header(view)
                continue
            room = len(view) if self._box_end is None else self._box_end - self._position
            taken = view[:room]
            if self._box_type in _INDEX:
                self._keep(taken)
            self._position += len(taken)
            view = view[len(taken) :]
            if self._at_box_start():
                self._close_box()

    def finish(self) -> Mp4Info:
        """What the file says. Raises Mp4Error if it ended early or lacks a part."""
        if self._boxes == 0:
            raise Mp4Error("the file is empty" if not self._header else "the file is too short")
        if self._header:
            raise Mp4Error("the file ends inside a box header")
        if self._box_end is not None and self._position < self._box_end:
            missing = self._box_end - self._position
            raise Mp4Error(f"the file is cut off: {missing:,} bytes of {printable(self._box_type)}")
        if self._box_end is None:
            self._close_box()
        if b"moov" not in self._seen:
            raise Mp4Error("the file has no moov box")
        if not any(self._length(span) for span in self._media):
            raise Mp4Error("the file has no media data")
        width, height = self._index.picture()
        for offset in self._index.offsets():
            if not self._inside_media(offset):
                raise Mp4Error(f"a chunk at byte {offset:,} lies outside the media data")
        return Mp4Info(width, height, self._index.seconds(), self._index.has_audio)

    def _at_box_start(self) -> bool:
        return self._box_end is not None and self._position == self._box_end

    def _read_header(self, view: memoryview) -> memoryview:
        wanted = 8
        if len(self._header) >= 8 and struct.unpack(">I", self._header[:4])[0] == 1:
            wanted = 16
        take = min(wanted - len(self._header), len(view))
        self._header += bytes(view[:take])
        rest = view[take:]
        if len(self._header) < wanted:
            return rest
        size, self._box_type = struct.unpack(">I4s", self._header[:8])
        if size == 1 and wanted == 8:
            return rest
        if size == 1:
            size = struct.unpack(">Q", self._header[8:16])[0]
        self._open_box(size, wanted)
        return rest

    def _open_box(self, size: int, header: int) -> None:
        kind = self._box_type
        if b"ftyp" not in self._seen and kind not in _PADDING | {b"ftyp"}:
            raise Mp4Error(f"the file starts with {printable(kind)} instead of ftyp")
        if not all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in kind):
            raise Mp4Error(f"{printable(kind)!r} is not the name of a box")
        if size != 0 and size < header:
            raise Mp4Error(f"{printable(kind)} has the impossible size {size}")
        if kind == b"moov" and kind in self._seen:
            raise Mp4Error("the file has two moov boxes")
        self._boxes += 1
        if self._boxes > _MOST_BOXES:
            raise Mp4Error(f"the file has more than {_MOST_BOXES:,} boxes")
        self._header = b""
        start = self._position
        self._box_start = start + header
        self._box_end = None if size == 0 else start + size
        self._position = self._box_start
        self._box_at = start
        if kind in _INDEX | {b"ftyp"}:
            self._seen.add(kind)
        if kind == b"mdat":
            self._media.append((self._box_start, self._box_end))
        if self._at_box_start():
            self._close_box()

    def _keep(self, taken: memoryview) -> None:
        if len(self._kept) + len(taken) > _LARGEST_INDEX:
            raise Mp4Error(
                f"the {printable(self._box_type)} box is larger than {_LARGEST_INDEX:,} bytes"
            )
        self._kept += taken

    def _close_box(self) -> None:
        if self._box_type in _INDEX:
            body, self._kept = self._kept, bytearray()
            self._index.read(self._box_type, body, self._box_at)

    def _length(self, span: tuple[int, int | None]) -> int:
        start, end = span
        return (self._position if end is None else end) - start

    def _inside_media(self, offset: int) -> bool:
        at = bisect_right(self._media, offset, key=lambda span: span[0]) - 1
        return at >= 0 and offset - self._media[at][0] < self._length(self._media[at])
