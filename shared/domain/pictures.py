"""Input images: recognised by content, bounded before they are decoded, and made to fit.

An upstream takes an image of exactly the render's size. Whatever a caller sends is turned upright
(EXIF), flattened on white where it is transparent, and cropped or framed to that size. Pillow is
imported on first use: most requests bring no image.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.domain.request import Fit

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_PIXELS = 40_000_000
"""An image of more pixels is refused from its header alone: decoded it would take 120 MB."""
_SMALLEST_SIDE = 16
_QUALITY = 95
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class BadPicture(Exception):
    """The bytes are not an image that can be used; the message says why."""


@dataclass(frozen=True)
class Picture:
    """An image ready for an upstream."""

    content_type: str
    data: bytes


def content_type(data: bytes | bytearray) -> str | None:
    """What a file is, by its first bytes: a JPEG, PNG or WebP image, an MP4, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "video/mp4" if data[4:8] == b"ftyp" else None


def upright(data: bytes) -> Picture:
    """The whole image, turned upright and flattened. Raises BadPicture."""
    return _encoded(_decoded(data), jpeg=content_type(data) == "image/jpeg")


def fitted(data: bytes, width: int, height: int, fit: Fit) -> Picture:
    """The image at exactly `width` x `height`: `cover` crops what stands over, `contain` frames it
    in black. An image that fits already keeps its bytes. Raises BadPicture."""
    from PIL import Image, ImageOps

    image = _decoded(data)
    jpeg = content_type(data) == "image/jpeg"
    if image.size == (width, height) and not _was_changed(image):
        return Picture(content_type(data) or "image/png", data)
    method = Image.Resampling.LANCZOS
    if fit == "cover":
        image = ImageOps.fit(image, (width, height), method)
    else:
        image = ImageOps.pad(image, (width, height), method, color=(0, 0, 0))
    return _encoded(image, jpeg=jpeg)


def _decoded(data: bytes) -> Image:
    """The image as upright RGB; `info["changed"]` notes whether that differs from the file."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns of what looks like a decompression bomb; our own limit decides
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=list(_FORMATS))
            _check_header(image)
            image.load()
    except BadPicture:
        raise
    except Image.DecompressionBombError:
        raise BadPicture(
            f"it has more than the {LARGEST_PIXELS:,} pixels that are decoded"
        ) from None
    except UnidentifiedImageError:
        raise BadPicture("it is not a JPEG, PNG or WebP image") from None
    except Exception as error:  # noqa: BLE001  # decoders raise anything for damaged data
        raise BadPicture(f"it cannot be decoded ({type(error).__name__})") from None
    turned = ImageOps.exif_transpose(image)
    changed = turned.size != image.size or image.getexif().get(0x0112, 1) != 1
    flat = _flattened(turned)
    flat.info["changed"] = changed or flat is not turned
    return flat


def _check_header(image: Image) -> None:
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise BadPicture(
            f"it has {width} x {height} pixels; at most {LARGEST_PIXELS:,} are decoded"
        )
    if min(width, height) < _SMALLEST_SIDE:
        raise BadPicture(f"it has only {width} x {height} pixels")
    if getattr(image, "n_frames", 1) > 1:
        raise BadPicture("it is animated; a still image is needed")


def _flattened(image: Image) -> Image:
    from PIL import Image as Images

    if image.mode == "RGB":
        return image
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Images.new("RGBA", layer.size, (255, 255, 255, 255))
        return Images.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _was_changed(image: Image) -> bool:
    return bool(image.info.get("changed", True))


def _encoded(image: Image, *, jpeg: bool) -> Picture:
    """As a JPEG where it came as one, else without loss. Metadata (places, names) is left out."""
    out = io.BytesIO()
    if jpeg:
        image.save(out, "JPEG", quality=_QUALITY, exif=b"", icc_profile=None)
        return Picture("image/jpeg", out.getvalue())
    clean = image.copy()
    clean.info.clear()
    clean.save(out, "PNG", compress_level=3)
    return Picture("image/png", out.getvalue())
