"""The picture: a title card with the prompt, under a strip with a running clock.

The strip is above the card because movie.py gives every movie of one shape the same strip, and
relies on an encoder that never looks down or to the right.
"""

import colorsys
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

STRIP_LUMA = 24
"""Y of the strip's background; its chroma is neutral (128)."""


def strip_height(height: int) -> int:
    """Height of the clock strip in pixels: a multiple of 16, H.264's macroblock."""
    return 96 if height >= 720 else 64


def clock_strip(width: int, height: int, at: float, total: float) -> NDArray[np.uint8]:
    """The strip `at` seconds into a movie of `total`: a Y plane of shape (strip_height, width)."""
    tall = strip_height(height)
    strip = Image.new("L", (width, tall), STRIP_LUMA)
    draw = ImageDraw.Draw(strip)
    draw.text((16, tall // 8), f"{at:06.3f} s", fill=230, font=_font(tall // 2))
    bar = round((width - 32) * min(1.0, at / total))
    draw.rectangle((16, tall - 16, width - 16, tall - 12), fill=60)
    draw.rectangle((16, tall - 16, 16 + bar, tall - 12), fill=200)
    return np.asarray(strip)


def title_card(
    width: int, height: int, prompt: str, footer: str, seed: str, reference: Path | None
) -> Image.Image:
    """The whole first frame except for the strip: RGB, (width, height) pixels.

    `seed` determines the colours. A `reference` image fills the card, as it is the first frame of a
    real render.
    """
    rng = random.Random(seed)
    hue = rng.random()
    card = Image.new("RGB", (width, height), _colour(hue, 0.55, 0.35))
    draw = ImageDraw.Draw(card)
    for _ in range(6):
        x, y, r = rng.randrange(width), rng.randrange(height), rng.randrange(40, height // 3)
        fill = _colour(hue + rng.uniform(-0.12, 0.12), 0.5, rng.uniform(0.25, 0.5))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    if reference is not None:
        with Image.open(reference) as picture:
            card.paste(picture.convert("RGB").resize((width, height)))
    top = strip_height(height)
    size = max(18, min(width, height) // 18)
    _paragraph(draw, prompt, (24, top + 24, width - 24, height - 3 * size), size)
    _write(draw, (24, height - 2 * size), footer, size * 2 // 3)
    return card


def _paragraph(
    draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], size: int
) -> None:
    """Wrap `text` into `box` (left, top, right, bottom); cut text ends in dots."""
    left, top, right, bottom = box
    font, step = _font(size), size * 5 // 4
    room = max(1, (bottom - top) // step)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= right - left:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word[:80]
        if len(lines) >= room:
            break
    lines.append(line)
    if len(lines) > room:
        lines = [*lines[: room - 1], "..."]
    for number, shown in enumerate(lines):
        _write(draw, (left, top + number * step), shown, size)


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int) -> None:
    """White with a dark rim, legible on any picture."""
    draw.text(place, text, fill="white", font=_font(size), stroke_width=2, stroke_fill="black")


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
