"""Small real videos, made once per shape."""

import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np


@lru_cache
def movie(
    width: int = 64,
    height: int = 48,
    frames: int = 12,
    rate: int = 12,
    *,
    audio: bool = False,
    faststart: bool = True,
    flags: str = "",
    suffix: str = ".mp4",
    pixel: int = 1,
) -> bytes:
    """An H.264 video of `frames` / `rate` seconds, with AAC sound if asked for. `flags` are the
    muxer's; `pixel` is how often a pixel is as wide as high."""
    flags += "+faststart" if faststart and not flags else ""
    options = {"movflags": flags} if flags else {}
    with (
        tempfile.NamedTemporaryFile(suffix=suffix) as file,
        av.open(file.name, "w", options=options) as container,
    ):
        coding = {"preset": "ultrafast", **({"g": str(rate)} if flags else {})}
        picture = container.add_stream("libx264", rate=rate, options=coding)
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        picture.codec_context.sample_aspect_ratio = Fraction(pixel)
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        for number in range(frames):
            shade = np.full((height * 3 // 2, width), number * 7 % 255, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="yuv420p")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        if sound is not None:
            for start in range(0, 8000 * frames // rate, 1024):
                tone = np.zeros((1, 1024), dtype=np.float32)
                samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                samples.sample_rate, samples.pts = 8000, start
                container.mux(sound.encode(samples))
            container.mux(sound.encode())
        container.close()
        return Path(file.name).read_bytes()


def timeless(data: bytes) -> bytes:
    """An MP4 that tells nowhere how long it lasts, although all of it is there."""
    changed = bytearray(data)
    for kind, at in ((b"mvhd", 16), (b"tkhd", 20), (b"mdhd", 16)):
        found = changed.index(kind) + 4 + at
        changed[found : found + 4] = b"\xff" * 4
    return bytes(changed).replace(b"edts", b"free").replace(b"stts", b"free")
