"""Pictures and movies as a person meets them: made to be sent, and decoded to be believed."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
from PIL import Image


def picture(width: int, height: int, kind: str = "PNG", *, seed: int = 0) -> bytes:
    """An image file full of noise, so that no piece of it occurs anywhere else."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


def seen(data: bytes) -> tuple[str, int, int]:
    """Format, width and height of a picture, after decoding all of it."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return str(image.format), image.width, image.height


def played(data: bytes) -> tuple[int, int, float, bool]:
    """Width, height, seconds and sound of an MP4, found by decoding every frame."""
    stream: Any = io.BytesIO(data)
    with av.open(stream) as movie:
        shown = movie.streams.video[0]
        frames = sum(1 for _ in movie.decode(shown))
        assert shown.average_rate is not None
        seconds = float(frames / shown.average_rate)
        return shown.width, shown.height, seconds, bool(movie.streams.audio)
