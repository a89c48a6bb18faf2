"""A track of an MP4, as the `moov` describes it (ISO/IEC 14496-12, and the QuickTime forms that MP4
writers still use).

Boxes that only describe may be damaged or missing: they are ignored then. Boxes on the path to the
samples may not.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from shared.domain.media.mp4_boxes import UNKNOWN, Boxes, Mp4Error, is_wide, ticks_at, times, turned

_ODDEST_PIXEL = 16
"""The largest ratio of a pixel's sides; more is a mistake."""
_PIXEL_SHAPE = b"\0\0\0\x10pasp"

_Tree = Mapping[bytes, "_Tree"]
_TRACK: _Tree = {b"mdia": {b"minf": {b"stbl": {}}}}


@dataclass
class Track:
    """A track as the `moov` describes it; durations in ticks, None where it does not say."""

    id: int = 0
    handler: bytes = b""
    placed: tuple[int, int] = (0, 0)
    """The size in the track header."""
    coded: tuple[int, int] = (0, 0)
    """The size of the coded pictures."""
    pixel: tuple[int, int] = (1, 1)
    """The shape of a pixel, width to height."""
    turned: bool = False
    """Whether it is shown after a turn by 90 or 270 degrees."""
    played: int | None = None
    """How long it plays, in the movie's ticks."""
    begins: int = 0
    """Where in its media playback begins, in the track's ticks."""
    timescale: int = 0
    media: int | None = None
    samples: int = 0
    """The duration of the samples that the `moov` lists, in the track's ticks."""
    chunks: list[int] = field(default_factory=list)
    """Where the first and the last chunk begin."""

    def shown(self) -> tuple[int, int]:
        """Width and height in pixels as players show them, before the movie's own rotation."""
        if not all(self.placed) or self.placed == self.coded[::-1]:
            width, height = self.coded
        else:
            width, height = self.placed
        across, down = self.pixel
        if (width, height) == self.coded and _is_a_shape(across, down):
            width = round(width * across / down)
        return (height, width) if self.turned else (width, height)


def _is_a_shape(across: int, down: int) -> bool:
    return 0 < max(across, down) <= _ODDEST_PIXEL * min(across, down)


def read_track(boxes: Boxes, trak: memoryview) -> Track:
    """The track of a `trak` box. Raises Mp4Error, and struct.error for a broken list of chunks."""
    track = Track()
    edited: int | None = None
    for path, body in _walk(boxes, trak, _TRACK, b"trak"):
        if path in (b"stbl.stco", b"stbl.co64"):
            track.chunks = _first_and_last(body, ">I" if path == b"stbl.stco" else ">Q")
            continue
        with suppress(struct.error, Mp4Error):
            if path == b"trak.edts":
                edited, track.begins = _edited(boxes, body)
            else:
                _describe(track, path, body)
    track.played = track.played or edited
    return track


def _walk(
    boxes: Boxes, data: memoryview, tree: _Tree, within: bytes
) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes in `data` and in the containers that `tree` opens, each as `parent.name`."""
    for kind, body in boxes.of(data):
        if kind in tree:
            yield from _walk(boxes, body, tree[kind], kind)
        else:
            yield within + b"." + kind, body


def _describe(track: Track, path: bytes, body: memoryview) -> None:
    if path == b"trak.tkhd":
        wide = is_wide(body)
        (track.id,) = struct.unpack_from(">I", body, 20 if wide else 12)
        track.played = ticks_at(body, 28 if wide else 20)
        matrix = 52 if wide else 40
        track.turned = turned(body, matrix)
        # 16.16 fixed point
        width, height = struct.unpack_from(">II", body, matrix + 36)
        track.placed = (width >> 16, height >> 16)
    elif path == b"mdia.mdhd":
        track.timescale, track.media = times(body)
    elif path == b"mdia.hdlr":  # QuickTime has another one in `minf`, about the data
        track.handler = bytes(body[8:12])
    elif path == b"stbl.stts":
        (count,) = struct.unpack_from(">I", body, 4)
        entries = struct.iter_unpack(">II", body[8 : 8 + 8 * count])
        track.samples = sum(samples * ticks for samples, ticks in entries)
    elif path == b"stbl.stsd":
        # the first entry: 86 fixed bytes, then boxes, of which only `pasp` matters
        track.coded = struct.unpack_from(">HH", body, 40)
        at = bytes(body).find(_PIXEL_SHAPE, 94)
        if at >= 0:
            track.pixel = struct.unpack_from(">II", body, at + len(_PIXEL_SHAPE))


def _edited(boxes: Boxes, edts: memoryview) -> tuple[int, int]:
    """The total duration of the edits, and where in the media they begin."""
    for kind, body in boxes.of(edts):
        if kind == b"elst":
            (count,) = struct.unpack_from(">I", body, 4)
            entry = ">Qq4x" if is_wide(body) else ">Ii4x"
            lasts, begins = 0, -1
            entries = body[8 : 8 + count * struct.calcsize(entry)]
            for length, begin in struct.iter_unpack(entry, entries):
                lasts += 0 if length in UNKNOWN else length
                begins = begin if begins < 0 else begins
            return lasts, max(begins, 0)
    return 0, 0


def _first_and_last(body: memoryview, code: str) -> list[int]:
    (count,) = struct.unpack_from(">I", body, 4)
    width = struct.calcsize(code)
    where = (8, 8 + (count - 1) * width) if count else ()
    return [offset for at in where for offset in struct.unpack_from(code, body, at)]
