"""What passes as a whole MP4, and what does not, however the bytes arrive."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.media.mp4 import Mp4Error, Mp4Info, Mp4Inspector
from tests.support.movies import movie


def inspect(data: bytes, piece: int = 1 << 16) -> Mp4Info:
    inspector = Mp4Inspector()
    for start in range(0, len(data), piece):
        inspector.feed(data[start : start + piece])
    return inspector.finish()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


@pytest.mark.parametrize("faststart", [True, False])
@pytest.mark.parametrize("audio", [True, False])
def test_real_files_pass_whatever_their_layout(faststart: bool, audio: bool) -> None:
    info = inspect(movie(64, 48, 24, 12, audio=audio, faststart=faststart))
    assert (info.width, info.height, info.has_audio) == (64, 48, audio)
    assert info.seconds == pytest.approx(2.0, abs=0.2)


@given(st.integers(1, 5000))
def test_the_size_of_the_pieces_does_not_matter(piece: int) -> None:
    assert inspect(movie(), piece) == inspect(movie())


@given(st.integers(0, len(movie()) - 1), st.integers(1, 700))
def test_a_file_cut_off_anywhere_fails(length: int, piece: int) -> None:
    with pytest.raises(Mp4Error):
        inspect(movie()[:length], piece)


@given(st.integers(0, len(movie(faststart=False)) - 1))
def test_a_file_cut_off_anywhere_fails_with_its_index_last(length: int) -> None:
    with pytest.raises(Mp4Error):
        inspect(movie(faststart=False)[:length])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x00\x00", "too short"),
        (b"<html><body>502 Bad Gateway</body></html>", "instead of ftyp"),
        (movie() + b"\x00", "inside a box header"),
        (movie() + b"more than a header", "cut off"),
        (movie() + bytes(4096), "is not the name of a box"),
        (box(b"ftyp", b"isom"), "no moov"),
        (box(b"ftyp", b"isom") + box(b"moov", b""), "no media data"),
        (box(b"ftyp", b"isom") + box(b"moov", b"") + box(b"mdat", b"x"), "no video track"),
        (box(b"ftyp", b"isom") + box(b"moov", b"") * 2, "two moov"),
        (box(b"ftyp", b"isom") + struct.pack(">I4s", 3, b"free"), "impossible size"),
        (movie().replace(b"vide", b"text"), "no video track"),
        (movie().replace(b"moov", b"free"), "no moov"),
        (movie().replace(b"stbl", b"free"), "no samples"),
    ],
)
def test_what_is_not_a_whole_mp4(data: bytes, says: str) -> None:
    with pytest.raises(Mp4Error, match=says):
        inspect(data)


def test_chunks_outside_the_media_data_fail() -> None:
    data = bytearray(movie())
    at = data.index(b"stco") + 12  # type, version and flags, count
    data[at : at + 4] = struct.pack(">I", 7)
    with pytest.raises(Mp4Error, match="outside the media data"):
        inspect(bytes(data))


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_parser(noise: bytes) -> None:
    moov = bytearray(movie())
    start = moov.index(b"moov") + 4
    moov[start : start + len(noise)] = noise
    for data in (noise, box(b"ftyp", b"isom") + box(b"moov", noise), bytes(moov)):
        try:
            inspect(data)
        except Mp4Error:
            continue


def test_a_64_bit_box_and_one_that_runs_to_the_end() -> None:
    whole = movie(faststart=False)
    at = whole.index(b"mdat") - 4
    (size,) = struct.unpack(">I", whole[at : at + 4])
    assert whole[at - 8 : at] == struct.pack(">I4s", 8, b"free")  # the muxer leaves room for it
    large = struct.pack(">I4sQ", 1, b"mdat", 8 + size) + whole[at + 8 :]
    assert inspect(whole[: at - 8] + large).width == 64
    fast = movie(faststart=True)
    at = fast.index(b"mdat") - 4
    assert inspect(fast[:at] + struct.pack(">I4s", 0, b"mdat") + fast[at + 8 :]).width == 64
