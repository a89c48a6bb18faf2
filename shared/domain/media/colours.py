"""Converts colours to sRGB, which upstreams expect, by the image's own profile.

An image without a profile is sRGB. Phone photos often have the profile of a wider space (Display
P3), in which the same numbers are stronger colours; images for print have a CMYK profile.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of a profile -> Pillow's mode for it."""


def in_srgb(decoded: Image, flat: Image) -> Image:
    """`flat`, which is `decoded` as RGB, with its colours in sRGB. A profile that is broken or does
    not match the image's mode is ignored."""
    data = decoded.info.get("icc_profile")
    if not data:
        return flat
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _MODES[profile.profile.xcolor_space.strip()]
        source = _numbers(decoded, flat, mode)
        if source is None:
            return flat
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        # in place where it can be: a photo takes 200 MB
        return ImageCms.applyTransform(source, transform, inPlace=mode == "RGB") or source
    except Exception:  # noqa: BLE001  # a profile is foreign data, too
        return flat


def _numbers(decoded: Image, flat: Image, mode: str) -> Image | None:
    """The image that a profile for `mode` applies to; None if neither."""
    if mode == "CMYK":
        return decoded if decoded.mode == "CMYK" else None
    if decoded.mode == "CMYK":
        return None
    if mode == "L":
        grey = decoded.mode in ("1", "L", "LA") or decoded.mode.startswith("I")
        return flat.convert("L") if grey else None
    return flat
