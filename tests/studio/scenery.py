"""Landscapes as start images: the simulator's films are title cards that begin with theirs."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((38, 52, 94), (246, 186, 132), (255, 226, 178), (22, 32, 58)),
    ((18, 20, 44), (122, 62, 98), (250, 196, 120), (12, 12, 28)),
    ((58, 110, 120), (214, 226, 196), (255, 246, 214), (20, 58, 50)),
    ((120, 60, 50), (244, 150, 92), (255, 220, 160), (48, 22, 30)),
)
"""Zenith, horizon, sun, the nearest hill."""


def landscape(width: int, height: int, seed: int) -> bytes:
    """A sky, its sun, and hills in the haze, as JPEG."""
    noise = random.Random(seed)
    zenith, horizon, sun, near = PALETTES[seed % len(PALETTES)]
    down = np.linspace(0, 1.7, height).clip(0, 1)[:, None]
    sky = (1 - down) * np.array(zenith) + down * np.array(horizon)
    shape = (height, width, 3)
    picture = Image.fromarray(np.broadcast_to(sky[:, None, :], shape).astype("uint8").copy())
    glow = Image.new("L", (width, height), 0)
    x, y, radius = width * noise.uniform(0.25, 0.75), height * 0.5, min(width, height) * 0.09
    ImageDraw.Draw(glow).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    halo = glow.filter(ImageFilter.GaussianBlur(radius)).point(lambda value: value * 2 // 3)
    for mask in (halo, glow.filter(ImageFilter.GaussianBlur(1.5))):
        picture.paste(sun, mask=mask)
    for layer in range(4):
        share = (layer + 1) / 4
        haze = tuple(round(h + (n - h) * share) for h, n in zip(horizon, near, strict=True))
        ImageDraw.Draw(picture).polygon(_ridge(width, height, 0.5 + 0.12 * layer, noise), fill=haze)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=90)
    return written.getvalue()


def _ridge(width: int, height: int, at: float, noise: random.Random) -> list[tuple[float, float]]:
    """A hill's outline from the left to the right, and the corners below."""
    across = np.linspace(0, 1, 160)
    outline = np.full(across.shape, at)
    for waves in (1.3, 2.9, 6.1, 13.7):
        turn = noise.uniform(0, 6.28)
        outline += noise.uniform(0.3, 1) * 0.07 / waves * np.sin(6.28 * waves * across + turn)
    points = [(float(x) * width, float(y) * height) for x, y in zip(across, outline, strict=True)]
    return [*points, (width, height), (0, height)]
