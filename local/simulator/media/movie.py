"""MP4s at the price of one picture.

All movies of one shape share a template: the same clock runs in the strip at the top, and nothing
else moves. Only the first frame is an intra frame; later ones change the strip and skip the rest,
which repeats the first frame there. So a movie is the template with another first frame: one
encoded picture instead of hundreds, and the title card stays to the end.

This is exact under conditions that `_video_stream` sets up and the tests check by decoding: one
slice, constant quantizer, no deblocking (`ultrafast`), and an identical strip above everything that
differs, which makes the strip of the new first frame bit for bit that of the template.
"""

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from local.simulator.media.picture import STRIP_LUMA, clock_strip, strip_height

FRAME_RATE = 12
"""Frames per second: enough for a clock, at half the cost of a real render's rate."""

_SAMPLE_RATE = 48_000
_TONE_HERTZ = 220.0
_BODY_LUMA = 110


@dataclass(frozen=True)
class Shape:
    """Selects the template: pixels, whole seconds, sound, quantizer (higher is worse)."""

    width: int
    height: int
    seconds: int
    audio: bool
    quantizer: int = 24


def write_movie(path: Path, shape: Shape, card: Image.Image) -> None:
    """Write an H.264 (and AAC, when `shape.audio`) MP4 that shows `card` under the clock.

    The index comes before the media (`faststart`). Equal arguments give equal bytes.
    """
    with (
        av.open(io.BytesIO(_template(shape)), "r") as source,
        av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as target,
    ):
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        first_frame: bytes | None = _encode_card(shape, card)
        for packet in source.demux():
            if packet.size == 0:
                continue
            stream = streams[packet.stream.index]
            if packet.stream.type == "video" and first_frame is not None:
                replaced = av.Packet(first_frame)
                replaced.pts, replaced.dts = packet.pts, packet.dts
                replaced.duration, replaced.time_base = packet.duration, packet.time_base
                replaced.is_keyframe = True
                packet, first_frame = replaced, None
            packet.stream = stream
            target.mux_one(packet)


@lru_cache(maxsize=24)
def _template(shape: Shape) -> bytes:
    """The movie of `shape` with an empty card: a third of a second of CPU for 12 s of 720p."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as target:
        video = _video_stream(target, shape)
        audio = _audio_stream(target) if shape.audio else None
        frame = av.VideoFrame(shape.width, shape.height, "yuv420p")
        frame.time_base = Fraction(1, FRAME_RATE)
        luma, *chroma = _planes(frame)
        luma[:] = _BODY_LUMA
        for plane in chroma:
            plane[:] = 128
        tall = strip_height(shape.height)
        for number in range(shape.seconds * FRAME_RATE):
            at = number / FRAME_RATE
            luma[:tall] = clock_strip(shape.width, shape.height, at, shape.seconds)
            frame.pts = number
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if audio is not None:
            _write_tone(target, audio, shape.seconds)
    return buffer.getvalue()


def _encode_card(shape: Shape, card: Image.Image) -> bytes:
    """The first frame: an IDR access unit with NAL lengths, as MP4 samples are."""
    frame = av.VideoFrame.from_ndarray(np.asarray(card), format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, FRAME_RATE)
    luma, *chroma = _planes(frame)
    tall = strip_height(shape.height)
    luma[:tall] = clock_strip(shape.width, shape.height, 0, shape.seconds)
    for plane in chroma:
        plane[: tall // 2] = 128
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as target:
        video = _video_stream(target, shape)
        target.mux(video.encode(frame))
        target.mux(video.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        return bytes(next(source.demux(video=0)))


def _video_stream(target: OutputContainer, shape: Shape) -> VideoStream:
    stream = target.add_stream(
        "libx264",
        rate=FRAME_RATE,
        options={
            "preset": "ultrafast",
            "tune": "zerolatency",
            "qp": str(shape.quantizer),
            "x264-params": "keyint=infinite:scenecut=0:threads=1",
        },
    )
    stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
    # More threads would cut the picture into slices, and take the other core.
    stream.codec_context.thread_count = 1
    stream.codec_context.max_b_frames = 0
    return stream


def _audio_stream(target: OutputContainer) -> AudioStream:
    stream = target.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
    stream.codec_context.bit_rate = 48_000
    return stream


def _write_tone(target: OutputContainer, stream: AudioStream, seconds: int) -> None:
    instants = np.arange(seconds * _SAMPLE_RATE) / _SAMPLE_RATE
    samples = (0.1 * np.sin(2 * np.pi * _TONE_HERTZ * instants)).astype(np.float32)
    for start in range(0, len(samples), 1024):
        block = samples[np.newaxis, start : start + 1024]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = _SAMPLE_RATE, start
        frame.time_base = Fraction(1, _SAMPLE_RATE)
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))


def _planes(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """Writable Y, U and V of a yuv420p frame, without their padding: (rows, columns) each."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        planes.append(rows[: plane.height, : plane.width])
    return planes


assert STRIP_LUMA != _BODY_LUMA  # or motion search could find strip in the card
