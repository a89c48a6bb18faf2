"""Input images: recognised by content, bounded before decoding, and made to fit.

An upstream takes an image of exactly the render's size. Any image is rotated upright (EXIF),
flattened onto white if it is transparent, converted to sRGB, and cropped or padded to that size.
Pillow is imported on first use: most requests bring no image.
"""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.domain.limits import LARGEST_PIXELS, SMALLEST_SIDE
from shared.domain.media import kinds
from shared.domain.media.colours import in_srgb
from shared.domain.request import Fit

if TYPE_CHECKING:
    from PIL.Image import Image

_QUALITY = 95
_ORIENTATION = 0x0112
_HARMLESS = frozenset(
    {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "gamma", "srgb", "loop"}
    | {"background", "timestamp", "duration"}
)
"""Keys of `image.info` that say nothing about who took the picture."""
_one_at_a_time = threading.Lock()
"""Decoding takes memory: a process decodes one image at a time."""
_SENT_ON = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What upstreams take; any other image is sent as a PNG."""


class BadPicture(Exception):
    """The bytes are not a usable image; the message says why."""


@dataclass(frozen=True)
class Picture:
    """An image ready for an upstream."""

    content_type: str
    data: bytes


def content_type(data: bytes | bytearray) -> str | None:
    """What a file is, by its first bytes: an accepted image, an MP4, or None."""
    kind = kinds.media_type(data)
    return kind if kind in kinds.IMAGES or kind == kinds.VIDEO else None


def upright(data: bytes) -> Picture:
    """The whole image, rotated upright and flattened. Raises BadPicture."""
    with _one_at_a_time:
        return _encoded(_decoded(data), jpeg=content_type(data) == "image/jpeg")


def fitted(data: bytes, width: int, height: int, fit: Fit) -> Picture:
    """The image at exactly `width` x `height`: `cover` crops it, `contain` pads it with black. An
    image that fits already and carries no metadata keeps its bytes. Raises BadPicture."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    with _one_at_a_time:
        image = _decoded(data, at_least=(width, height))
        kind = content_type(data) or "image/png"
        fits = image.size == (width, height) and image.info.get("plain")
        if fits and kind in _SENT_ON:
            return Picture(kind, data)
        if fit == "cover":
            image = ImageOps.fit(image, (width, height), Resampling.LANCZOS)
        else:
            image = ImageOps.pad(image, (width, height), Resampling.LANCZOS, color=(0, 0, 0))
        return _encoded(image, jpeg=kind == "image/jpeg")


def _decoded(data: bytes, at_least: tuple[int, int] | None = None) -> Image:
    """The image as upright RGB. A JPEG may be decoded smaller, but not below `at_least`.
    `info["plain"]` says that the file holds exactly this image and no metadata."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns of decompression bombs and damage; both are handled here
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(data), formats=[*kinds.IMAGES.values()])
            _check_header(image)
            if at_least is not None:
                longest = 2 * max(at_least)
                image.draft("RGB", (longest, longest))
            image.load()
            plain = image.mode == "RGB" and not (set(image.info) - _HARMLESS)
            upright = _turned(image)
            flat = in_srgb(upright, _flattened(upright))
    except BadPicture:
        raise
    except Image.DecompressionBombError:
        raise BadPicture(
            f"it has more than the {LARGEST_PIXELS:,} pixels that are decoded"
        ) from None
    except UnidentifiedImageError:
        raise BadPicture("it is not a JPEG, PNG, WebP or AVIF image") from None
    except Exception as error:  # noqa: BLE001  # decoders raise anything for damaged data
        raise BadPicture(f"it cannot be decoded ({type(error).__name__})") from None
    flat.info = {"plain": plain}  # drops metadata: places, names
    return flat


def _check_header(image: Image) -> None:
    width, height = image.size
    # an image with transparency takes four bytes a pixel decoded and three more flattened
    opaque = image.format in ("JPEG", "MPO")
    largest = LARGEST_PIXELS if opaque else LARGEST_PIXELS // 2
    if width * height > largest:
        raise BadPicture(f"it has {width} x {height} pixels; at most {largest:,} are decoded")
    if min(width, height) < SMALLEST_SIDE:
        raise BadPicture(f"it has only {width} x {height} pixels")
    # some phones write JPEGs with two pictures (MPO); the first one is the photo
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise BadPicture("it is animated; a still image is needed")


def _turned(image: Image) -> Image:
    """Upright, by the EXIF orientation; damaged EXIF is ignored."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # EXIF parsers raise anything for damaged data
        orientation = 1
    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)


def _flattened(image: Image) -> Image:
    from PIL import Image as Images

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16 bits of grey; the upper eight count
        return image.point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Images.new("RGB", layer.size, (255, 255, 255))
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")


def _encoded(image: Image, *, jpeg: bool) -> Picture:
    """As a JPEG if it was one, else lossless."""
    out = io.BytesIO()
    if jpeg:
        image.save(out, "JPEG", quality=_QUALITY)
        return Picture("image/jpeg", out.getvalue())
    image.save(out, "PNG", compress_level=3)
    return Picture("image/png", out.getvalue())
