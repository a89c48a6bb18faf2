"""The clip's MP4 and its pictures."""

from collections.abc import Iterator
from contextlib import suppress

from local.upstream_check.clip import Clip
from local.upstream_check.findings import Finding, lacking, ok, wrong
from local.upstream_check.free import TRACE
from shared.domain.job import Part
from shared.domain.media import kinds
from shared.domain.media.mp4 import Mp4Error, Mp4Info, Mp4Inspector
from shared.domain.request import VideoRequest
from shared.upstream.protocol import UpstreamError

_PICTURES = ("thumbnail", "spritesheet")
_ROUNDED = 0.5
"""Seconds by which a clip may differ from what was asked for."""


def content(clip: Clip, part: Part) -> Iterator[Finding]:
    """The MP4, checked as the app checks it."""
    inspector, size, begins = Mp4Inspector(), 0, b""
    try:
        with clip.client.open(part, trace=TRACE) as arriving:
            for piece in arriving.pieces:
                begins = begins or piece
                size += len(piece)
                inspector.feed(piece)
            announced = arriving.length
        info = inspector.finish()
    except Mp4Error as error:
        kind = kinds.media_type(begins)
        what = str(error) if kind in (None, kinds.VIDEO) else f"it is {kinds.named(kind)}"
        yield wrong("content", f"no usable MP4: {what}")
        return
    except UpstreamError as error:
        yield wrong("content", f"{type(error).__name__}: {error}")
        return
    if announced not in (None, size):
        yield wrong("content", f"{size:,} bytes came where {announced:,} were announced")
        return
    yield _as_asked(clip.request, info, size)


def _as_asked(asked: VideoRequest, made: Mp4Info, size: int) -> Finding:
    length = "of unknown length" if made.seconds is None else f"{made.seconds:.2f} s"
    said = f"an MP4 of {made.width}x{made.height}, {length}, {size:,} bytes"
    as_long = made.seconds is None or abs(made.seconds - asked.seconds) <= _ROUNDED
    if (made.width, made.height) == (asked.width, asked.height) and as_long:
        return ok("content", said)
    return lacking("content", f"{said}, where {asked.size} and {asked.seconds} s were asked for")


def pictures(clip: Clip, part: Part) -> Finding:
    """Which pictures there are, whether the profile has them or not."""
    there = tuple(name for name in _PICTURES if _is_picture(clip, part, name))
    wire = {} if there == clip.upstream.speaks.pictures else {"pictures": list(there)}
    if not there:
        return lacking("pictures", "none", **wire)
    return ok("pictures", ", ".join(there), **wire)


def _is_picture(clip: Clip, part: Part, name: str) -> bool:
    begins = b""
    with suppress(UpstreamError), clip.client.open(part, trace=TRACE, variant=name) as arriving:
        for piece in arriving.pieces:
            begins += piece
            if len(begins) >= kinds.RECOGNISED:
                break
    return kinds.media_type(begins) in kinds.IMAGES
