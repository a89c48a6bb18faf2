"""An image with a colour profile keeps the colours that its maker saw.

What is right is worked out here from the published matrices and curves, not by the library that
converts."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image, ImageCms

from shared.domain.media.pictures import fitted, upright
from tests.support.profiles import black_ink_only, display_p3, linear_grey

Colour = tuple[int, int, int]

P3_TO_SRGB = (
    (1.2249401, -0.2249404, 0.0),
    (-0.0420569, 1.0420571, 0.0),
    (-0.0196376, -0.0786361, 1.0982735),
)
"""Linear Display P3 to linear sRGB, both with a white of D65 (CSS Color 4)."""


def light(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def number(amount: float) -> int:
    amount = min(1.0, max(0.0, amount))
    curved = amount * 12.92 if amount <= 0.0031308 else 1.055 * amount ** (1 / 2.4) - 0.055
    return round(curved * 255)


def from_p3(colour: Colour) -> Colour:
    linear = [light(value) for value in colour]
    red, green, blue = (
        number(sum(factor * value for factor, value in zip(row, linear, strict=True)))
        for row in P3_TO_SRGB
    )
    return red, green, blue


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def middle(data: bytes) -> Colour:
    with Image.open(io.BytesIO(data)) as image:
        assert "icc_profile" not in image.info
        red, green, blue = image.convert("RGB").getpixel((16, 16))  # type: ignore[misc]
        return red, green, blue


def near(colour: Colour, tolerance: int) -> Any:
    return pytest.approx(colour, abs=tolerance)


COLOURS: list[Colour] = [
    (200, 120, 60),
    (120, 160, 90),
    (90, 110, 180),
    (128, 128, 128),
    (255, 255, 255),
    (0, 0, 0),
]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 3),
    ],
)
def test_a_phones_wide_colours_become_the_same_ones_in_srgb(
    colour: Colour, kind: str, options: dict[str, Any], tolerance: int
) -> None:
    image = Image.new("RGB", (32, 32), colour)
    data = encoded(image, kind, icc_profile=display_p3(), **options)
    for made in (fitted(data, 32, 32, "cover"), fitted(data, 48, 32, "contain"), upright(data)):
        assert middle(made.data) == near(from_p3(colour), tolerance)


def test_the_conversion_is_one_that_can_be_seen() -> None:
    assert from_p3((200, 120, 60)) == (213, 115, 42)


def test_a_turned_photo_is_converted_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (64, 32), (200, 120, 60))
    data = encoded(image, "PNG", icc_profile=display_p3(), exif=exif)
    made = fitted(data, 32, 64, "cover")
    assert middle(made.data) == near((213, 115, 42), 1)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_what_is_transparent_stays_white(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (200, 120, 60, 255))
    image.paste((200, 120, 60, 0), (0, 0, 32, 8))
    data = encoded(image.convert(mode), "PNG", icc_profile=display_p3())
    made = fitted(data, 32, 32, "cover").data
    with Image.open(io.BytesIO(made)) as opened:
        assert opened.convert("RGB").getpixel((16, 2)) == (255, 255, 255)
    assert middle(made) == near((213, 115, 42), 4 if mode == "P" else 1)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_by_a_profile_of_its_own(mode: str) -> None:
    halves: dict[str, float | tuple[float, ...]] = {"L": 128, "LA": (128, 255), "I;16": 128 * 257}
    data = encoded(Image.new(mode, (32, 32), halves[mode]), "PNG", icc_profile=linear_grey())
    expected = number(128 / 255)
    assert expected == 188
    assert middle(fitted(data, 32, 32, "cover").data) == near((expected,) * 3, 1)


def test_grey_by_a_profile_for_colours() -> None:
    data = encoded(Image.new("L", (32, 32), 128), "PNG", icc_profile=display_p3())
    assert middle(fitted(data, 32, 32, "cover").data) == near((128,) * 3, 1)


@pytest.mark.parametrize(("black", "lightness"), [(0, 100), (128, 50), (255, 0)])
def test_inks_are_what_their_profile_says(black: int, lightness: int) -> None:
    """Cyan ink shows nothing on this printer; without its profile it would be cyan."""
    image = Image.new("CMYK", (32, 32), (255, 0, 0, black))
    data = encoded(image, "JPEG", quality=100, icc_profile=black_ink_only())
    # L* to luminance (CIE 15), and that is the same amount of all three
    luminance = ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness / 903.3
    assert middle(fitted(data, 32, 32, "cover").data) == near((number(luminance),) * 3, 3)


BROKEN = {
    "noise": b"not a profile" * 20,
    "cut off": display_p3()[:200],
    "another kind of numbers": black_ink_only(),
    "grey": linear_grey(),
    "damaged": display_p3().replace(b"para", b"what"),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_profile_that_cannot_be_used_is_ignored(what: str, kind: str) -> None:
    image = Image.new("RGB", (32, 32), (200, 120, 60))
    data = encoded(image, kind, icc_profile=BROKEN[what])
    assert middle(fitted(data, 32, 32, "cover").data) == near((200, 120, 60), 2)


def test_no_damage_to_a_profile_is_a_fault_of_ours() -> None:
    image = Image.new("RGB", (32, 32), (200, 120, 60))
    whole = display_p3()
    for position in range(0, len(whole), 3):
        for value in (0x00, 0xFF):
            profile = bytearray(whole)
            profile[position] = value
            fitted(encoded(image, "PNG", icc_profile=bytes(profile)), 32, 32, "cover")


def test_srgb_is_what_it_was() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(Image.new("RGB", (32, 32), (200, 120, 60)), "PNG", icc_profile=profile)
    assert middle(fitted(data, 32, 32, "cover").data) == near((200, 120, 60), 1)


def test_the_colour_library_is_not_imported_for_an_image_without_a_profile() -> None:
    code = (
        "import io, sys; from PIL import Image; from shared.domain.media.pictures import fitted\n"
        "out = io.BytesIO(); Image.new('RGB', (32, 32)).save(out, 'PNG')\n"
        "fitted(out.getvalue(), 16, 16, 'cover'); print('PIL.ImageCms' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
