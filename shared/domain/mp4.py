"""Is it an MP4, whole, and of what size and duration? Read from a stream in constant memory.

Follows ISO/IEC 14496-12: a file is a sequence of boxes (32-bit size, type, optional 64-bit size;
size 0 means 'to the end of the file'). A file passes when it starts with `ftyp`, has exactly one
`moov` with a video track, has media data, every top-level box ends inside the file, the last one
ends at its last byte, and every chunk that the tracks point to lies inside the file's media data.
What it cannot see is a changed byte inside the media data: no upstream sends a checksum to compare.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_LARGEST_MOOV = 32 * 1024 * 1024
_CONTAINERS = frozenset({b"trak", b"mdia", b"minf", b"stbl"})


class Mp4Error(Exception):
    """The bytes are not a complete MP4 video; the message says what is wrong with them."""


@dataclass(frozen=True)
class Mp4Info:
    """What a checked file says of itself: pixels, seconds, and whether it has sound."""

    width: int
    height: int
    seconds: float
    has_audio: bool


@dataclass
class _Track:
    handler: bytes = b""
    width: int = 0
    height: int = 0
    first_chunk: int | None = None
    last_chunk: int | None = None


class Mp4Inspector:
    """Feed it the file in pieces of any size, then call `finish`."""

    def __init__(self) -> None:
        self._position = 0
        self._header = b""
        self._box_type = b""
        self._box_start = 0
        self._box_end: int | None = 0
        self._moov = bytearray()
        self._seen_moov = False
        self._media: list[tuple[int, int | None]] = []
        self._boxes = 0

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises Mp4Error as soon as they cannot be an MP4."""
        view = memoryview(piece)
        while view:
            if self._at_box_start():
                view = self._read_header(view)
                continue
            room = len(view) if self._box_end is None else self._box_end - self._position
            taken = view[:room]
            if self._box_type == b"moov":
                self._keep_moov(taken)
            self._position += len(taken)
            view = view[len(taken) :]

    def finish(self) -> Mp4Info:
        """What the file says of itself. Raises Mp4Error if it ended early or lacks a part."""
        if self._boxes == 0:
            raise Mp4Error("the file is empty" if not self._header else "the file is too short")
        if self._header:
            raise Mp4Error("the file ends inside a box header")
        if self._box_end is not None and self._position < self._box_end:
            missing = self._box_end - self._position
            raise Mp4Error(f"the file is cut off: {missing:,} bytes of {_name(self._box_type)}")
        if not self._seen_moov:
            raise Mp4Error("the file has no moov box")
        if not any(self._length(span) for span in self._media):
            raise Mp4Error("the file has no media data")
        return self._describe()

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
        if self._boxes == 0 and self._box_type != b"ftyp":
            raise Mp4Error(f"the file starts with {_name(self._box_type)} instead of ftyp")
        if not all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in self._box_type):
            raise Mp4Error(f"{_name(self._box_type)!r} is not the name of a box")
        if size != 0 and size < header:
            raise Mp4Error(f"{_name(self._box_type)} has the impossible size {size}")
        start = self._position
        self._boxes += 1
        self._header = b""
        self._box_start = start + header
        self._box_end = None if size == 0 else start + size
        self._position = self._box_start
        if self._box_type == b"moov":
            if self._seen_moov:
                raise Mp4Error("the file has two moov boxes")
            self._seen_moov = True
        elif self._box_type == b"mdat":
            self._media.append((self._box_start, self._box_end))

    def _keep_moov(self, taken: memoryview) -> None:
        if len(self._moov) + len(taken) > _LARGEST_MOOV:
            raise Mp4Error(f"the moov box is larger than {_LARGEST_MOOV:,} bytes")
        self._moov += taken

    def _length(self, span: tuple[int, int | None]) -> int:
        start, end = span
        return (self._position if end is None else end) - start

    def _describe(self) -> Mp4Info:
        tracks: list[_Track] = []
        seconds = 0.0
        try:
            for kind, body in _boxes(bytes(self._moov)):
                if kind == b"mvhd":
                    seconds = _duration(body)
                elif kind == b"trak":
                    track = _Track()
                    _read_track(body, track)
                    tracks.append(track)
        except (struct.error, IndexError):
            raise Mp4Error("the moov box is damaged") from None
        pictures = [track for track in tracks if track.handler == b"vide"]
        if not pictures:
            raise Mp4Error("the file has no video track")
        picture = pictures[0]
        if picture.width <= 0 or picture.height <= 0:
            raise Mp4Error("the video track has no size")
        if seconds <= 0:
            raise Mp4Error("the file has no duration")
        if picture.first_chunk is None:
            raise Mp4Error("the video track has no samples")
        for track in tracks:
            for offset in (track.first_chunk, track.last_chunk):
                if offset is not None and not self._inside_media(offset):
                    raise Mp4Error(f"a chunk at byte {offset:,} lies outside the media data")
        audio = any(track.handler == b"soun" for track in tracks)
        return Mp4Info(picture.width, picture.height, seconds, audio)

    def _inside_media(self, offset: int) -> bool:
        return any(
            start <= offset < (self._position if end is None else end) for start, end in self._media
        )


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
            header = 16
        elif size == 0:
            size = len(data) - position
        if size < header or position + size > len(data):
            raise Mp4Error(f"the box {_name(kind)} does not fit into the one around it")
        yield kind, data[position + header : position + size]
        position += size


def _read_track(body: bytes, track: _Track) -> None:
    for kind, inner in _boxes(body):
        if kind in _CONTAINERS:
            _read_track(inner, track)
        elif kind == b"tkhd":
            # width and height are 16.16 fixed point at the end of the box, in both its versions
            track.width, track.height = (v >> 16 for v in struct.unpack(">II", inner[-8:]))
        elif kind == b"hdlr":
            track.handler = inner[8:12]
        elif kind in (b"stco", b"co64"):
            (count,) = struct.unpack_from(">I", inner, 4)
            width, code = (4, ">I") if kind == b"stco" else (8, ">Q")
            if count:
                (track.first_chunk,) = struct.unpack_from(code, inner, 8)
                (track.last_chunk,) = struct.unpack_from(code, inner, 8 + (count - 1) * width)


def _duration(mvhd: bytes) -> float:
    if mvhd[0] == 1:
        timescale, duration = struct.unpack_from(">IQ", mvhd, 20)
    else:
        timescale, duration = struct.unpack_from(">II", mvhd, 12)
    return float(duration / timescale) if timescale else 0.0


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
