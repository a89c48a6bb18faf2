"""Input images: what is taken, what is made of it, and what costs nothing because it is refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from typing import Any

import pytest
from PIL import Image

from shared.domain.media.pictures import BadPicture, Picture, content_type, fitted, upright

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def halves(width: int = 200, height: int = 100) -> Image.Image:
    """Left half red, right half green."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height))
    return image


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data)).convert("RGB")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
    ],
)
def test_the_content_decides_what_a_file_is(kind: str, expected: str) -> None:
    assert content_type(encoded(halves(), kind)) == expected


@pytest.mark.parametrize("data", [b"", b"GIF89a....", b"<svg/>", b"RIFF....WAVE", b"\xff\xd8"])
def test_other_content_is_nothing_we_know(data: bytes) -> None:
    assert content_type(data) is None


def test_an_image_that_fits_keeps_its_bytes() -> None:
    data = encoded(halves(200, 100))
    assert fitted(data, 200, 100, "cover") == Picture("image/png", data)


def test_an_avif_that_fits_goes_on_as_what_upstreams_take() -> None:
    made = fitted(encoded(halves(200, 100), "AVIF", quality=100), 200, 100, "cover")
    assert made.content_type == content_type(made.data) == "image/png"
    red, green, blue = opened(made).getpixel((20, 50))  # type: ignore[misc]
    assert red > 250 > 5 > max(green, blue)


def test_cover_crops_what_stands_over_from_the_middle() -> None:
    picture = opened(fitted(encoded(halves(400, 100)), 100, 100, "cover"))
    assert picture.size == (100, 100)
    assert picture.getpixel((2, 50)) == RED
    assert picture.getpixel((97, 50)) == GREEN


def test_contain_frames_the_whole_image() -> None:
    picture = opened(fitted(encoded(halves(400, 100)), 100, 100, "contain"))
    assert picture.size == (100, 100)
    assert picture.getpixel((50, 2)) == (0, 0, 0)
    assert picture.getpixel((2, 50)) == RED


def test_a_photo_is_turned_as_its_exif_says() -> None:
    """Orientation 6: the camera was turned; shown upright, the file's top is on the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (200, 100), RED)
    lying.paste(BLUE, (0, 0, 200, 50))
    data = encoded(lying, "JPEG", exif=exif, quality=95)
    picture = opened(fitted(data, 100, 200, "cover"))
    assert picture.size == (100, 200)
    red, _, blue = picture.getpixel((90, 100))  # type: ignore[misc]
    assert blue > 200 > red
    assert opened(upright(data)).size == (100, 200)


ORIENTATIONS = {
    1: "top left",
    2: "top right",
    3: "bottom right",
    4: "bottom left",
    5: "left top",
    6: "right top",
    7: "right bottom",
    8: "left bottom",
}
"""Where the file's first row is when the photo is seen, and where its first column (Exif 2.32,
4.6.4)."""


@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    side, (row_at, column_at) = 64, ORIENTATIONS[orientation].split()
    lying = Image.new("RGB", (side, side))
    for row in range(side):
        for column in range(side):
            places = {
                row_at: row if row_at in ("top", "left") else side - 1 - row,
                column_at: column if column_at in ("top", "left") else side - 1 - column,
            }
            across = next(places[name] for name in ("left", "right") if name in places)
            down = next(places[name] for name in ("top", "bottom") if name in places)
            seen = (RED, GREEN, BLUE, (255, 255, 255))[2 * (down >= 32) + (across >= 32)]
            lying.putpixel((column, row), seen)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": "4:4:4"} if kind == "AVIF" else {}
    picture = opened(upright(encoded(lying, kind, exif=exif, **options)))
    corners = [picture.getpixel(at) for at in ((10, 10), (50, 10), (10, 50), (50, 50))]
    for corner, expected in zip(corners, [RED, GREEN, BLUE, (255, 255, 255)], strict=True):
        assert corner == pytest.approx(expected, abs=4 if kind == "AVIF" else 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (100, 100), (255, 0, 0, 0)).convert(mode)
    if mode == "P":
        image.info["transparency"] = image.getpixel((0, 0))
    picture = opened(fitted(encoded(image), 50, 50, "cover"))
    assert picture.getpixel((25, 25)) == (255, 255, 255)


def test_what_a_photo_tells_of_its_taker_does_not_go_on() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    data = encoded(halves(), "JPEG", exif=exif)
    assert b"SECRET-CAMERA" in data
    assert b"SECRET-CAMERA" not in fitted(data, 64, 64, "cover").data


def png_of(width: int, height: int, bits: int, pixels: bytes) -> bytes:
    """A PNG of red, green and blue, whose compressed rows are given."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    """A valid PNG of a few kilobytes that decodes to width x height x 3 bytes of nothing."""
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width)
    pixels = b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush()
    return png_of(width, height, 8, pixels)


@pytest.mark.parametrize("side", [6_400, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(side: int) -> None:
    data = bomb(side, side)
    assert len(data) < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(BadPicture, match=r"[0-9,]+ (pixels that )?are decoded"):
            fitted(data, 720, 1280, "cover")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def animated(kind: str) -> bytes:
    more = [Image.new("RGB", (200, 100))]
    return encoded(halves(), kind, save_all=True, append_images=more, duration=50)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (encoded(halves())[:-40], "cannot be decoded"),
        (encoded(halves(), "JPEG")[:200], "decoded|not a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "cannot be decoded"),
        (encoded(Image.new("RGB", (8, 8))), "only 8 x 8"),
        (encoded(halves(), "TIFF"), "not a JPEG"),
        (encoded(halves(), "BMP"), "not a JPEG"),
        *((animated(kind), "animated") for kind in ("WEBP", "PNG", "AVIF")),
        (encoded(halves(), "AVIF")[:-40], "decoded|not a JPEG"),
    ],
)
def test_what_is_damaged_or_unfit_says_so(data: bytes, says: str) -> None:
    with pytest.raises(BadPicture, match=says):
        fitted(data, 64, 64, "cover")


def test_pillow_is_not_imported_until_an_image_comes() -> None:
    code = "import function_app, sys; print([m for m in ('PIL', 'jwt') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_sixteen_bits_of_grey_stay_grey() -> None:
    deep = Image.new("I;16", (64, 64), 0x8000)
    picture = opened(fitted(encoded(deep), 32, 32, "cover"))
    red, green, blue = picture.getpixel((5, 5))  # type: ignore[misc]
    assert red == green == blue
    assert 120 <= red <= 136


def test_sixteen_bits_of_colour_are_its_upper_eight() -> None:
    row = b"\0" + struct.pack(">3H", 0xC812, 0x78FF, 0x3C00) * 64
    data = png_of(64, 64, 16, zlib.compress(row * 64))
    assert opened(fitted(data, 32, 32, "cover")).getpixel((5, 5)) == (200, 120, 60)


def test_a_two_picture_photo_is_its_first_picture() -> None:
    data = encoded(halves(), "MPO", save_all=True, append_images=[Image.new("RGB", (200, 100))])
    assert opened(fitted(data, 100, 100, "cover")).size == (100, 100)


def test_damaged_exif_is_ignored_or_refused_and_no_fault_of_ours() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(halves(), "JPEG", exif=exif))
    start = data.index(b"Exif\x00\x00") + 6
    for position in range(start, start + 30):
        for value in (0x00, 0xFF):
            damaged = bytearray(data)
            damaged[position] = value
            try:
                picture = fitted(bytes(damaged), 50, 50, "cover")
            except BadPicture:
                continue  # Pillow cannot even open it
            assert opened(picture).size == (50, 50)


def test_a_comment_in_a_photo_does_not_go_on() -> None:
    data = encoded(halves(64, 64), "JPEG", comment=b"SECRET-COMMENT")
    assert b"SECRET-COMMENT" in data
    for size in (64, 32):
        assert b"SECRET-COMMENT" not in fitted(data, size, size, "cover").data
