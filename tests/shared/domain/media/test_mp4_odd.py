"""MP4s that are whole and valid, and yet not what most writers write: read as players read them.

PyAV (FFmpeg) is the judge where it can be; the rest is built by hand from ISO/IEC 14496-12."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.media.mp4 import Mp4Error, Mp4Info, Mp4Inspector
from tests.support.movies import movie

UNKNOWN = 0xFFFFFFFF
FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof"


def inspect(data: bytes, piece: int = 1 << 16) -> Mp4Info:
    inspector = Mp4Inspector()
    for start in range(0, len(data), piece):
        inspector.feed(data[start : start + piece])
    return inspector.finish()


def played_seconds(data: bytes) -> float:
    with av.open(io.BytesIO(data), "r") as container:
        assert container.duration is not None
        return container.duration / av.time_base


def box(kind: bytes, *body: bytes) -> bytes:
    joined = b"".join(body)
    return struct.pack(">I4s", 8 + len(joined), kind) + joined


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


UPRIGHT = numbers(1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


FTYP = box(b"ftyp", b"iso5", bytes(4))


class Handmade:
    """A file of 4 seconds in two fragments of one video track; each part can be told otherwise.

    The timescale of the movie is 1000, of the track 12, and each fragment holds 24 pictures."""

    def __init__(self) -> None:
        self.movie = 0
        self.track = 0
        self.media = 0
        self.edits = b""
        self.extends = b""
        self.between = b""
        self.sample = 1
        self.handler = b"vide"
        self.components = b""

    def moov(self) -> bytes:
        entry = box(b"avc1", bytes(24), struct.pack(">HH", 64, 48), bytes(50))
        tables = [box(kind, numbers(0, 0)) for kind in (b"stts", b"stsc", b"stco")]
        stbl = box(b"stbl", box(b"stsd", numbers(0, 1), entry), *tables)
        media = [
            box(b"mdhd", numbers(0, 0, 0, 12, self.media), bytes(4)),
            box(b"hdlr", bytes(8), self.handler, bytes(13)),
            box(b"minf", self.components, stbl),
        ]
        if self.components:
            media.reverse()
        track = [
            box(b"tkhd", numbers(3, 0, 0, 1, 0, self.track), bytes(16), UPRIGHT, bytes(8)),
            self.edits,
            box(b"mdia", *media),
        ]
        head = box(b"mvhd", numbers(0, 0, 0, 1000, self.movie), bytes(16), UPRIGHT, bytes(28))
        extends = box(b"mvex", box(b"trex", numbers(0, 1, 1, self.sample, 0, 0)), self.extends)
        return box(b"moov", head, box(b"trak", *track), extends)

    def fragment(self) -> bytes:
        def moof(offset: int) -> bytes:
            run = box(b"trun", numbers(1, 24), struct.pack(">i", offset))
            return box(b"moof", box(b"traf", box(b"tfhd", numbers(0x20000, 1)), run))

        return moof(len(moof(0)) + 8) + box(b"mdat", bytes(100))

    def file(self) -> bytes:
        return FTYP + self.moov() + self.between + self.fragment() * 2


@pytest.mark.parametrize(
    "flags",
    [
        FRAGMENTED,
        "frag_keyframe",
        "frag_every_frame+empty_moov",
        "frag_keyframe+empty_moov+separate_moof",
        "frag_keyframe+empty_moov+omit_tfhd_offset",
        "dash+frag_keyframe+delay_moov",
        "cmaf+frag_keyframe",
        "hybrid_fragmented",
    ],
)
@pytest.mark.parametrize("audio", [True, False])
def test_fragments_last_as_long_as_players_play_them(flags: str, audio: bool) -> None:
    data = movie(64, 48, 48, 12, flags=flags, audio=audio)
    assert b"moof" in data or flags == "hybrid_fragmented"
    info = inspect(data)
    assert (info.width, info.height, info.has_audio) == (64, 48, audio)
    assert info.seconds == pytest.approx(played_seconds(data), abs=0.001)
    assert info.seconds == pytest.approx(4.0, abs=0.3)  # coarse sound lasts longer


@given(st.integers(1, 3000))
def test_fragments_arrive_in_pieces_of_any_size(piece: int) -> None:
    data = movie(64, 48, 48, 12, flags=FRAGMENTED)
    assert inspect(data, piece) == inspect(data)


def ends_of_fragments(data: bytes) -> set[int]:
    ends, at, after_media = set(), 0, False
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        at += size
        after_media = after_media or kind == b"mdat"
        if after_media and kind != b"moof":
            ends.add(at)
    return ends


def test_a_fragmented_file_that_is_cut_off_fails() -> None:
    """But for a cut exactly between two fragments, which leaves a shorter whole file."""
    data = movie(64, 48, 24, 12, flags="frag_every_frame+empty_moov")
    whole = ends_of_fragments(data)
    assert len(whole) > 10
    for length in range(len(data)):
        if length not in whole:
            with pytest.raises(Mp4Error):
                inspect(data[:length])


def test_a_fragment_without_its_media_fails() -> None:
    data = Handmade().file()
    assert inspect(data).seconds == 4.0
    with pytest.raises(Mp4Error, match="outside the media data"):
        inspect(data[:-108])


@pytest.mark.parametrize("unknown", [0, UNKNOWN])
def test_a_length_is_found_where_it_is_told(unknown: int) -> None:
    """Fragments whose pictures have no durations leave it to the boxes that summarise."""
    file = Handmade()
    file.sample, file.movie, file.track, file.media = 0, unknown, unknown, unknown
    assert inspect(file.file()).seconds is None
    file.media = 12 * 3
    assert inspect(file.file()).seconds == 3.0
    file.edits = box(b"edts", box(b"elst", numbers(0, 2, 500, UNKNOWN, 1, 5000, 0, 1)))
    assert inspect(file.file()).seconds == 5.5
    file.track = 5000
    assert inspect(file.file()).seconds == 5.0
    entries = numbers(100, 90, 0, 1 << 31, 900, 0, 100, 90 * 7, 0)
    file.between = box(b"sidx", numbers(0, 1, 90, 0, 0), struct.pack(">HH", 0, 3), entries)
    assert inspect(file.file()).seconds == 8.0
    file.extends = box(b"mehd", numbers(0, 6000))
    assert inspect(file.file()).seconds == 6.0
    file.movie = 7000
    assert inspect(file.file()).seconds == 7.0
    file.sample = 1
    assert inspect(file.file()).seconds == 4.0


def test_what_is_in_fragments_begins_with_the_first_one() -> None:
    """A part of a longer recording keeps the recording's times."""

    def fragment(begins: int) -> bytes:
        def moof(offset: int) -> bytes:
            time = box(b"tfdt", numbers(1 << 24), struct.pack(">Q", begins))
            run = box(b"trun", numbers(0x101, 2), struct.pack(">i", offset), numbers(6, 18))
            return box(b"moof", box(b"traf", box(b"tfhd", numbers(0x20000, 1)), time, run))

        return moof(len(moof(0)) + 8) + box(b"mdat", bytes(10))

    hour = 3600 * 12
    data = FTYP + Handmade().moov() + fragment(hour) + fragment(hour + 24)
    assert inspect(data).seconds == 4.0


def test_a_plain_file_without_its_durations_is_as_long_as_its_samples() -> None:
    data = bytearray(movie())
    at = data.index(b"mvhd") + 4 + 16
    data[at : at + 4] = bytes(4)
    at = data.index(b"tkhd") + 4 + 20
    data[at : at + 4] = numbers(UNKNOWN)
    data = bytearray(bytes(data).replace(b"edts", b"free"))
    assert inspect(bytes(data)).seconds == pytest.approx(1.0)
    at = data.index(b"mdhd") + 4 + 16
    data[at : at + 4] = bytes(4)
    assert inspect(bytes(data)).seconds == pytest.approx(1.0)
    assert inspect(bytes(data).replace(b"stts", b"free")).seconds is None


def test_damaged_descriptions_say_nothing() -> None:
    for kind in (b"mdhd", b"edts", b"stts", b"stsd"):
        data = bytearray(movie())
        at = data.index(kind)
        (size,) = struct.unpack_from(">I", data, at - 4)
        data[at + 4 : at - 4 + size] = b"\xff" * (size - 8)
        info = inspect(bytes(data))
        assert (info.width, info.height) == (64, 48)
        assert info.seconds == pytest.approx(1.0)


TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def turned(data: bytes, header: bytes, degrees: int) -> bytes:
    """The file with a rotation in the matrix of its movie or track header."""
    changed = bytearray(data)
    at = changed.index(header) + 4 + {b"mvhd": 36, b"tkhd": 40}[header]
    for place, value in zip((0, 4, 12, 16), TURNS[degrees], strict=True):
        changed[at + place : at + place + 4] = struct.pack(">i", value << 16)
    return bytes(changed)


@pytest.mark.parametrize("whole", [0, 90, 180, 270])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_size_is_the_one_that_is_shown(degrees: int, whole: int) -> None:
    data = turned(turned(movie(), b"tkhd", degrees), b"mvhd", whole)
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
        shown = (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
    info = inspect(data)
    assert (info.width, info.height) == shown


def placed(data: bytes, width: int, height: int) -> bytes:
    """The file with another size in its track header."""
    at = data.index(b"tkhd") + 4 + 76
    return data[:at] + numbers(width << 16, height << 16) + data[at + 8 :]


def test_pixels_that_are_not_square_count() -> None:
    wide = movie(pixel=2)
    with av.open(io.BytesIO(wide), "r") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (64, 48)
        assert stream.sample_aspect_ratio == Fraction(2)
    for data in (wide, placed(wide, 64, 48), placed(wide, 0, 0)):
        info = inspect(data)
        assert (info.width, info.height) == (128, 48)
    info = inspect(turned(wide, b"tkhd", 90))
    assert (info.width, info.height) == (48, 128)
    shape = wide.index(b"pasp") + 4
    for odd in (numbers(0, 0), numbers(1, 0), numbers(UNKNOWN, 1)):
        data = placed(wide[:shape] + odd + wide[shape + 8 :], 64, 48)
        assert inspect(data).width == 64


@pytest.mark.parametrize("size", [(0, 0), (0, 48), (48, 64)])
def test_a_track_header_without_the_size_leaves_it_to_the_pictures(size: tuple[int, int]) -> None:
    info = inspect(placed(movie(), *size))
    assert (info.width, info.height) == (64, 48)
    with pytest.raises(Mp4Error, match="no size"):
        inspect(placed(movie(), 0, 0).replace(b"stsd", b"free"))


def test_quicktime_says_twice_what_handles_a_track() -> None:
    """Once of the media, and once, in `minf` and in any order, of how its data are reached."""
    data = movie(suffix=".mov", faststart=False)
    assert data.count(b"hdlr") == 2
    info = inspect(data)
    assert (info.width, info.height) == (64, 48)
    assert info.seconds == pytest.approx(1.0)
    file = Handmade()
    file.components = box(b"hdlr", numbers(0), b"dhlrurl ", bytes(13))
    assert inspect(file.file()).width == 64
    file.handler = b"soun"
    with pytest.raises(Mp4Error, match="no video track"):
        inspect(file.file())


def test_room_may_be_left_before_the_first_box() -> None:
    for room in (box(b"free", bytes(9)), box(b"wide"), box(b"skip") * 3):
        assert inspect(room + Handmade().file()).width == 64
    with pytest.raises(Mp4Error, match="starts with moov instead of ftyp"):
        inspect(box(b"wide") + Handmade().moov() + Handmade().fragment())


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = box(b"trak", data)
    return data


MDAT = box(b"mdat", b"x")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (box(b"moov", nested(3000)) + MDAT, "no video track"),
        (box(b"moov", box(b"trak") * 200) + MDAT, "100 tracks"),
        (box(b"moov", box(b"free") * 310_000) + MDAT, "300,000 boxes"),
        (box(b"moov") + box(b"mdat") * 150_000, "100,000 boxes"),
        (box(b"moov", numbers(0) + b"free" + bytes(1000)) + MDAT, "no video track"),
        (box(b"moov", struct.pack(">I4sQ", 1, b"trak", 2**63)) + MDAT, "does not fit"),
        (struct.pack(">I4sQ", 1, b"moov", 2**63) + MDAT, "cut off"),
        (
            Handmade().moov()
            + b"".join(
                box(b"moof", box(b"traf", box(b"tfhd", numbers(0, n)))) for n in range(2, 200)
            )
            + MDAT,
            "100 tracks",
        ),
    ],
)
def test_a_hostile_index_is_given_up(data: bytes, says: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Mp4Error, match=says):
            inspect(FTYP + data)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


def test_counts_that_are_not_true_cost_nothing() -> None:
    file = Handmade()
    file.edits = box(b"edts", box(b"elst", numbers(0, UNKNOWN, 4000, 0, 1 << 16)))
    many = numbers(0x701, UNKNOWN, 0) + bytes(12)
    moof = box(b"moof", box(b"traf", box(b"tfhd", numbers(0x20000, 1)), box(b"trun", many)))
    tracemalloc.start()
    try:
        inspect(file.file())
        inspect(file.file().replace(b"stts" + numbers(0, 0), b"stts" + numbers(0, UNKNOWN)))
        with pytest.raises(Mp4Error):
            inspect(file.file() + moof)
        assert tracemalloc.get_traced_memory()[1] < 1024**2
    finally:
        tracemalloc.stop()


SEEDS = (
    movie(flags=FRAGMENTED, audio=True),
    movie(flags="dash+frag_keyframe+delay_moov"),
    movie(suffix=".mov", faststart=False),
    movie(pixel=2),
    Handmade().file(),
)


def cut_short(data: bytes, kind: bytes) -> Iterator[bytes]:
    """The file with its first box of a kind cut at each byte, the rest of it in a `free` box."""
    at = data.index(kind) - 4
    (size,) = struct.unpack_from(">I", data, at)
    body, behind = data[at + 8 : at + size], data[at + size :]
    for kept in range(len(body) - 8 + 1):
        yield data[:at] + box(kind, body[:kept]) + box(b"free", body[kept + 8 :]) + behind


BOXES = b"mvhd tkhd elst mdhd hdlr stsd stts stco mehd trex tfhd tfdt trun sidx".split()


@pytest.mark.parametrize("kind", BOXES)
def test_a_box_that_is_too_short_breaks_nothing(kind: bytes) -> None:
    file = Handmade()
    file.extends = box(b"mehd", numbers(0, 6000))
    entries = numbers(100, 90, 0)
    file.between = box(b"sidx", numbers(0, 1, 90, 0, 0), struct.pack(">HH", 0, 1), entries)
    seeds = [seed for seed in (*SEEDS, file.file()) if kind in seed]
    assert seeds
    for seed in seeds:
        for data in cut_short(seed, kind):
            with suppress(Mp4Error):
                inspect(data)


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.data())
def test_no_damage_breaks_the_reader(seed: bytes, data: st.DataObject) -> None:
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(seed) - 4))
        changed[at : at + 4] = data.draw(
            st.binary(min_size=4, max_size=4)
            | st.sampled_from([bytes(4), b"\xff" * 4, numbers(1), numbers(8), b"trak", b"traf"])
        )
    try:
        info = inspect(bytes(changed))
    except Mp4Error:
        return
    assert info.width > 0 < info.height
    assert info.seconds is None or info.seconds > 0
