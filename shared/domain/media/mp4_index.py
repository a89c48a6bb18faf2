"""What the index of an MP4 says: the size shown, and the duration.

Follows ISO/IEC 14496-12. An index is one `moov`, or a `moov` followed by fragments (`moof`).
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from shared.domain.media.mp4_boxes import Boxes, Mp4Error, is_wide, ticks_at, times, turned
from shared.domain.media.mp4_track import Track, read_track

_MOST_TRACKS = 100


@dataclass
class Fragments:
    """What the fragments add to a track, in its own ticks."""

    begin: int | None = None
    end: int = 0
    samples: int = 0
    certain: bool = True
    """Whether every sample so far came with its duration."""
    runs: list[int] = field(default_factory=list)
    """Where the first and the last run of samples begin."""


class Mp4Index:
    """Reads the index boxes of a file, in file order."""

    def __init__(self) -> None:
        self._boxes = Boxes()
        self._tracks: list[Track] = []
        self._fragments: dict[int, Fragments] = {}
        self._timescale = 0
        self._turned = False
        self._movie: int | None = None
        self._with_fragments: int | None = None
        self._default_duration: dict[int, int] = {}
        self._listed: dict[int, float] = {}

    @property
    def has_audio(self) -> bool:
        return any(track.handler == b"soun" for track in self._tracks)

    def read(self, kind: bytes, body: bytes | bytearray, start: int) -> None:
        """Read a `moov`, `moof` or `sidx` that starts at byte `start`. Raises Mp4Error."""
        try:
            if kind == b"moov":
                self._read_moov(memoryview(body))
            elif kind == b"moof":
                self._read_moof(memoryview(body), start)
            else:
                with suppress(struct.error):
                    self._read_sidx(memoryview(body))
        except struct.error:
            raise Mp4Error(f"the {kind.decode()} box is damaged") from None

    def picture(self) -> tuple[int, int]:
        """The size shown of the first video track with samples. Raises Mp4Error."""
        pictures = [track for track in self._tracks if track.handler == b"vide"]
        if not pictures:
            raise Mp4Error("the file has no video track")
        full = [track for track in pictures if track.chunks or self._fragments_of(track).samples]
        width, height = (full or pictures)[0].shown()
        if width <= 0 or height <= 0:
            raise Mp4Error("the video track has no size")
        if not full:
            raise Mp4Error("the video track has no samples")
        return (height, width) if self._turned else (width, height)

    def offsets(self) -> Iterator[int]:
        """Where in the file the first and the last samples of each track begin."""
        for track in self._tracks:
            yield from track.chunks
        for fragments in self._fragments.values():
            yield from fragments.runs

    def seconds(self) -> float | None:
        """The duration: counted in the fragments, else as the file states it, else that of the
        longest track. None if the file does not say."""
        counted = self._counted()
        certain = all(fragments.certain for fragments in self._fragments.values())
        tracks = [self._length(track) for track in self._tracks]
        for known in (
            counted if certain else None,
            _seconds(self._movie, self._timescale),
            _seconds(self._with_fragments, self._timescale),
            max(self._listed.values(), default=None),
            counted,
            max((length for length in tracks if length), default=None),
        ):
            if known:
                return known
        return None

    def _counted(self) -> float | None:
        lengths = []
        for track in self._tracks:
            fragments = self._fragments_of(track)
            # sound begins with samples that only prime its decoder; pictures do not
            primer = track.begins if track.handler == b"soun" else 0
            ticks = fragments.end - (fragments.begin or 0) - primer
            lengths.append(_seconds(ticks, track.timescale))
        return max((length for length in lengths if length), default=None)

    def _fragments_of(self, track: Track) -> Fragments:
        return self._fragments.get(track.id) or Fragments()

    def _length(self, track: Track) -> float | None:
        return (
            _seconds(track.played, self._timescale)
            or _seconds(track.media, track.timescale)
            or _seconds(track.samples, track.timescale)
        )

    def _read_moov(self, moov: memoryview) -> None:
        for kind, body in self._boxes.of(moov):
            if kind == b"trak":
                if len(self._tracks) == _MOST_TRACKS:
                    raise Mp4Error(f"the file has more than {_MOST_TRACKS} tracks")
                self._tracks.append(read_track(self._boxes, body))
                continue
            with suppress(struct.error, Mp4Error):
                if kind == b"mvhd":
                    self._timescale, self._movie = times(body)
                    self._turned = turned(body, 48 if is_wide(body) else 36)
                elif kind == b"mvex":
                    self._read_mvex(body)

    def _read_mvex(self, mvex: memoryview) -> None:
        for kind, body in self._boxes.of(mvex):
            if kind == b"mehd":
                self._with_fragments = ticks_at(body, 4)
            elif kind == b"trex":
                number, _, duration = struct.unpack_from(">III", body, 4)
                self._default_duration[number] = duration

    def _read_moof(self, moof: memoryview, start: int) -> None:
        base: int | None = start
        for kind, body in self._boxes.of(moof):
            if kind == b"traf":
                self._read_traf(body, start, base)
                base = None  # without a base of its own, the next one follows this one's data

    def _read_traf(self, traf: memoryview, start: int, base: int | None) -> None:
        duration, fragments = 0, Fragments()
        for kind, body in self._boxes.of(traf):
            if kind == b"tfhd":
                flags, number = struct.unpack_from(">II", body)
                at = 8
                if flags & 0x1:
                    (base,) = struct.unpack_from(">Q", body, at)
                    at += 8
                elif flags & 0x20000:
                    base = start
                at += 4 if flags & 0x2 else 0
                duration = self._default_duration.get(number, 0)
                if flags & 0x8:
                    (duration,) = struct.unpack_from(">I", body, at)
                fragments = self._open_fragments(number)
            elif kind == b"tfdt":
                (begins,) = struct.unpack_from(">Q" if is_wide(body) else ">I", body, 4)
                fragments.begin = begins if fragments.begin is None else fragments.begin
                fragments.end = max(begins, fragments.end)
            elif kind == b"trun":
                _add_run(fragments, body, duration, base)

    def _open_fragments(self, number: int) -> Fragments:
        if number not in self._fragments:
            if len(self._fragments) == _MOST_TRACKS:
                raise Mp4Error(f"the file has fragments of more than {_MOST_TRACKS} tracks")
            before = sum(track.samples for track in self._tracks if track.id == number)
            self._fragments[number] = Fragments(begin=0 if before else None, end=before)
        return self._fragments[number]

    def _read_sidx(self, sidx: memoryview) -> None:
        number, timescale = struct.unpack_from(">II", sidx, 4)
        at = 12 + (16 if is_wide(sidx) else 8)
        (count,) = struct.unpack_from(">2xH", sidx, at)
        entries = struct.iter_unpack(">II4x", sidx[at + 4 : at + 4 + 12 * count])
        # an entry with the upper bit set points to another `sidx`, which is counted itself
        ticks = sum(length for size, length in entries if not size >> 31)
        if timescale and (number in self._listed or len(self._listed) < _MOST_TRACKS):
            self._listed[number] = self._listed.get(number, 0.0) + ticks / timescale


def _add_run(fragments: Fragments, body: memoryview, duration: int, base: int | None) -> None:
    flags, samples = struct.unpack_from(">II", body)
    at = 8
    if flags & 0x1:
        (offset,) = struct.unpack_from(">i", body, at)
        if samples and base is not None:
            fragments.runs[1:] = [base + offset]
        at += 4
    at += 4 if flags & 0x4 else 0
    ticks = samples * duration
    if flags & 0x100:
        others = 4 * (flags >> 9 & 0x7).bit_count()
        entries = body[at : at + samples * (4 + others)]
        ticks = sum(length for (length,) in struct.iter_unpack(f">I{others}x", entries))
    fragments.samples += samples
    fragments.certain = fragments.certain and (ticks > 0 or not samples)
    fragments.begin = fragments.begin or 0
    fragments.end += ticks


def _seconds(ticks: int | None, timescale: int) -> float | None:
    return ticks / timescale if ticks and timescale and ticks > 0 else None
