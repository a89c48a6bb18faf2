"""The fields of a Sora 1 request. The limits are documented; most error texts are not [?]."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from local.simulator.body import Body, Upload
from local.simulator.config import Deployment
from local.simulator.errors import (
    ApiError,
    invalid_type,
    json_type,
    missing_parameter,
    unknown_parameter,
)
from local.simulator.jobs import Spec

STATUSES = ("preprocessing", "queued", "running", "processing", "succeeded", "failed", "cancelled")
"""[S]"""

_LONGEST_1080P = 10
"""Seconds [3: a Microsoft tool refuses more]."""

_LONGEST_INPUT_VIDEO = 5.0
"""Seconds [S]."""

_FIELDS = (
    "model", "prompt", "width", "height", "n_seconds", "n_variants", "inpaint_items",
)  # fmt: skip

_CROP = ("left_fraction", "top_fraction", "right_fraction", "bottom_fraction")


@dataclass(frozen=True)
class Asked:
    """A valid create. The rendered video shows `first_image`."""

    spec: Spec
    first_image: bytes | None


@dataclass(frozen=True)
class Page:
    """The requested part of the list."""

    limit: int
    before: str | None
    after: str | None
    statuses: tuple[str, ...]


async def parse_create(body: Body, deployment: Deployment) -> Asked:
    """Check everything but the model.

    Raises:
        ApiError: 400.
    """
    fields = body.fields
    prompt = fields.get("prompt")
    if prompt is None or prompt == "":
        raise missing_parameter("prompt")
    if not isinstance(prompt, str):
        raise invalid_type("prompt", "a string", json_type(prompt))
    width, height = _integer(fields, "width"), _integer(fields, "height")
    if f"{width}x{height}" not in deployment.allowed_sizes:
        # [L] that the error speaks of the resolution and of a user error
        raise _user_error(
            f"resolution {width}x{height} is not supported. Supported resolutions are: "
            f"{', '.join(deployment.allowed_sizes)}.",
            "width",
        )
    seconds = _seconds(fields, deployment, width * height)
    variants = _variants(fields, width * height)
    items = await _inpaint_items(body)
    for name in fields:
        if name not in _FIELDS:
            raise unknown_parameter(name)  # [?]
    images = [upload.data for upload in body.files if upload.content_type.startswith("image/")]
    spec = Spec(
        prompt=prompt,
        width=width,
        height=height,
        seconds=seconds,
        variants=variants,
        inpaint_items=items,
        has_reference=bool(images),
    )
    return Asked(spec, images[0] if images else None)


def parse_page(query: QueryParams) -> Page:
    """`limit` default 10 [S], `statuses` a comma list [S].

    Raises:
        ApiError: 400.
    """
    limit = query.get("limit", "10")
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        raise _user_error(f"limit must be an integer between 1 and 100, not '{limit}'.", "limit")
    statuses = tuple(word for word in query.get("statuses", "").split(",") if word)
    for word in statuses:
        if word not in STATUSES:
            raise _user_error(f"'{word}' is not a status.", "statuses")
    return Page(int(limit), query.get("before") or None, query.get("after") or None, statuses)


def _integer(fields: dict[str, Any], name: str, default: int | None = None) -> int:
    """Integers [S]; texts of digits are accepted, as forms need and as JSON was seen to be [L]."""
    value = fields.get(name, default)
    if value is None:
        raise missing_parameter(name)
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_type(name, "an integer", json_type(value))
    return value


def _seconds(fields: dict[str, Any], deployment: Deployment, pixels: int) -> int:
    seconds = _integer(fields, "n_seconds", default=5)
    allowed = deployment.allowed_seconds
    longest = _LONGEST_1080P if pixels >= 1080 * 1080 else max(allowed)
    if seconds not in allowed or seconds > longest:
        raise _user_error(
            f"n_seconds must be between {min(allowed)} and {longest} for this resolution, "
            f"not {seconds}.",
            "n_seconds",
        )
    return seconds


def _variants(fields: dict[str, Any], pixels: int) -> int:
    """One at 1080p, two at 720p, else four [S: concept page; the specification's text says 5]."""
    variants = _integer(fields, "n_variants", default=1)
    most = 1 if pixels >= 1080 * 1080 else 2 if pixels >= 720 * 720 else 4
    if not 1 <= variants <= most:
        raise _user_error(
            f"n_variants must be between 1 and {most} for this resolution, not {variants}.",
            "n_variants",
        )
    return variants


async def _inpaint_items(body: Body) -> list[dict[str, Any]] | None:
    """The items of a request with media: one text part with a JSON array, and the files [S]."""
    text = body.fields.get("inpaint_items")
    uploads = {upload.filename: upload for upload in body.files}
    for upload in body.files:
        if upload.part not in ("files", "files[]"):
            raise _user_error(f"unknown file part '{upload.part}'.", "files")
    if text is None:
        if uploads:
            raise missing_parameter("inpaint_items")
        return None
    if not body.is_form:
        raise _user_error("media can only be sent as multipart/form-data.", "inpaint_items")
    try:
        items = json.loads(text)
    except ValueError:
        items = None
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
        raise _user_error("expected a JSON array of objects.", "inpaint_items")
    if not uploads:
        raise missing_parameter("files")
    checked = [_item(item, uploads) for item in items]
    unused = uploads.keys() - {item["file_name"] for item in checked}
    if unused:
        raise _user_error(f"no item names the file '{min(unused)}'.", "inpaint_items")
    kinds = [item["type"] for item in checked]
    if kinds.count("image") > 2 or kinds.count("video") > 1 or len(set(kinds)) > 1:
        raise _user_error("at most two images or one video can be used.", "inpaint_items")
    await asyncio.to_thread(_check_media, uploads)
    return checked


def _item(item: dict[str, Any], uploads: dict[str, Upload]) -> dict[str, Any]:
    name = item.get("file_name")
    if not isinstance(name, str) or name not in uploads:
        raise _user_error(f"no file part has the file name '{name}'.", "inpaint_items")
    kind = item.get("type")
    if kind not in ("image", "video"):
        raise _user_error(f"type must be 'image' or 'video', not '{kind}'.", "inpaint_items")
    if not uploads[name].content_type.startswith(f"{kind}/"):
        raise _user_error(f"the file '{name}' is not of type {kind}.", "inpaint_items")
    frame = item.get("frame_index", 0)
    if isinstance(frame, bool) or not isinstance(frame, int) or frame < 0:
        raise _user_error("frame_index must be an integer from 0.", "inpaint_items")
    crop = item.get("crop_bounds", {})
    if not isinstance(crop, dict) or not crop.keys() <= set(_CROP):
        raise _user_error(f"crop_bounds may have {', '.join(_CROP)}.", "inpaint_items")
    bounds: dict[str, Any] = dict(zip(_CROP, (0.0, 0.0, 1.0, 1.0), strict=True)) | crop
    for value in bounds.values():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _user_error("crop_bounds are fractions from 0 to 1.", "inpaint_items")
    if not item.keys() <= {"frame_index", "type", "file_name", "crop_bounds"}:
        raise _user_error("an item has an unknown key.", "inpaint_items")
    return {"frame_index": frame, "type": kind, "file_name": name, "crop_bounds": bounds}


def _check_media(uploads: dict[str, Upload]) -> None:
    from local.simulator.media.stills import image_size, video_seconds

    for name, upload in uploads.items():
        if upload.content_type.startswith("image/"):
            if image_size(upload.data) is None:
                raise _user_error(f"the image '{name}' could not be decoded.", "files")
            continue
        length = video_seconds(upload.data)
        if length is None:
            raise _user_error(f"the video '{name}' could not be decoded.", "files")
        if length > _LONGEST_INPUT_VIDEO + 0.1:
            raise _user_error(f"the video '{name}' is longer than 5 seconds.", "files")


def _user_error(message: str, param: str) -> ApiError:
    """[L] that refusals of Sora 1 speak of a user error; [?] the rest of the words."""
    return ApiError(
        400, f"User error: {message}", type="invalid_request_error", param=param, code="BadRequest"
    )
