"""OpenRouter's own names for what a create asks for.

Source: its documentation of the video API (`duration`, `resolution`, `aspect_ratio` or `size`,
`frame_images` with data URLs, `callback_url`).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

from shared.domain.request import VideoRequest
from shared.upstream.protocol import Media

_SHAPES = frozenset({(16, 9), (9, 16), (1, 1), (4, 3), (3, 4), (21, 9), (9, 21)})
_HEIGHTS = frozenset({480, 720, 1080, 2160})


def body(
    request: VideoRequest, media: Sequence[Media], model: str, callback_url: str | None = None
) -> Mapping[str, Any]:
    """The JSON of a create. `callback_url` is where it is to call back when the job has ended."""
    return {
        "model": model,
        "prompt": request.prompt,
        "duration": request.seconds,
        **_picture_size(request.width, request.height),
        **({"frame_images": list(map(_frame, media))} if media else {}),
        **({"callback_url": callback_url} if callback_url else {}),
    }


def _picture_size(width: int, height: int) -> dict[str, str]:
    """Resolution and shape where the size is one of those that have a name, else the size."""
    common, short = gcd(width, height), min(width, height)
    shape = (width // common, height // common)
    if shape not in _SHAPES or short not in _HEIGHTS:
        return {"size": f"{width}x{height}"}
    name = "4K" if short == 2160 else f"{short}p"
    return {"resolution": name, "aspect_ratio": f"{shape[0]}:{shape[1]}"}


def _frame(image: Media) -> dict[str, Any]:
    data = b64encode(image.data).decode()
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{image.content_type};base64,{data}"},
        "frame_type": "first_frame",
    }
