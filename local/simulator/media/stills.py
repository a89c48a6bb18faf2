"""Pictures from the frames of a movie, and the sizes and lengths of a caller's media."""

import io
from pathlib import Path

import av
from av.video.reformatter import Interpolation
from PIL import Image, UnidentifiedImageError

_COLUMNS = 5
_SPRITES = 10


def write_thumbnail(movie: Path, target: Path) -> None:
    """The first frame at half size; the format follows the target's suffix (.webp, .jpg)."""
    with av.open(str(movie), "r") as source:
        frame = next(source.decode(video=0))
    _scaled(frame, frame.width // 2, frame.height // 2).save(target, quality=80)


def write_spritesheet(movie: Path, target: Path) -> None:
    """Ten frames, evenly spread over the movie, five in a row, each a fifth of the width."""
    with av.open(str(movie), "r") as source:
        video = source.streams.video[0]
        video.codec_context.thread_count = 1  # more take longer in all
        wanted = {video.frames * number // _SPRITES for number in range(_SPRITES)}
        width = video.width // _COLUMNS
        height = video.height // _COLUMNS
        sheet = Image.new("RGB", (width * _COLUMNS, height * (_SPRITES // _COLUMNS)))
        pasted = 0
        for number, frame in enumerate(source.decode(video)):
            if number in wanted:
                place = (pasted % _COLUMNS * width, pasted // _COLUMNS * height)
                sheet.paste(_scaled(frame, width, height), place)
                pasted += 1
    sheet.save(target, quality=80)


def _scaled(frame: av.VideoFrame, width: int, height: int) -> Image.Image:
    """By FFmpeg: with Pillow, this was half of the simulator's work."""
    small = frame.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
    return Image.fromarray(small.to_ndarray())


def image_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels of a JPEG, PNG or WebP; None when it is not one."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as picture:
            picture.load()
            return picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None


def video_seconds(data: bytes) -> float | None:
    """Duration of a video file; None when there is no video in it."""
    try:
        with av.open(io.BytesIO(data), "r") as source:
            if not source.streams.video or source.duration is None:
                return None
            return source.duration / av.time_base
    except (av.FFmpegError, OSError):
        return None
