"""Small real MP4s, made once per shape."""

import tempfile
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
) -> bytes:
    """An H.264 MP4 of `frames` / `rate` seconds, with AAC sound if asked for."""
    options = {"movflags": "+faststart"} if faststart else {}
    with (
        tempfile.NamedTemporaryFile(suffix=".mp4") as file,
        av.open(file.name, "w", options=options) as container,
    ):
        picture = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
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
