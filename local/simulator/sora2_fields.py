"""The fields of a Sora 2 request, checked in the order and in the words of the real service."""

import asyncio
import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from local.simulator.body import Body, Upload
from local.simulator.config import Deployment
from local.simulator.errors import (
    ApiError,
    invalid_type,
    invalid_value,
    json_type,
    missing_parameter,
    one_of,
    unknown_parameter,
)
from local.simulator.jobs import Spec

_LONGEST_PROMPT = 32_000
"""Characters [S]."""

_LONGEST_IMAGE_URL = 20_971_520
"""Characters [S]."""

_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")

_CREATE_FIELDS = ("model", "prompt", "size", "seconds", "input_reference")


@dataclass(frozen=True)
class Asked:
    """A valid create."""

    spec: Spec
    reference: bytes | None


@dataclass(frozen=True)
class Page:
    """The requested part of the list."""

    limit: int
    after: str | None
    order: str


async def parse_create(body: Body, deployment: Deployment) -> Asked:
    """Check everything but the model.

    Raises:
        ApiError: 400.
    """
    fields = body.fields
    prompt = read_prompt(fields)
    seconds = _seconds(fields, deployment)
    size = _size(fields, deployment)
    for name in _top_level(fields):
        if name not in _CREATE_FIELDS:
            raise unknown_parameter(name)
    return asked(prompt, size, seconds, await read_reference(body, size))


def asked(prompt: str, size: tuple[int, int], seconds: int, reference: bytes | None) -> Asked:
    """A create of one output, whose width and height are `size`."""
    width, height = size
    spec = Spec(
        prompt=prompt,
        width=width,
        height=height,
        seconds=seconds,
        has_reference=reference is not None,
    )
    return Asked(spec, reference)


def parse_remix(body: Body) -> str:
    """A remix has a prompt and nothing else [S].

    Raises:
        ApiError: 400.
    """
    prompt = read_prompt(body.fields)
    for name in _top_level(body.fields):
        if name != "prompt":
            raise unknown_parameter(name)
    return prompt


def parse_page(query: QueryParams) -> Page:
    """`limit` 1..100, default 20 [?]; `order` asc or desc [S].

    Raises:
        ApiError: 400.
    """
    limit = query.get("limit", "20")
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        raise ApiError(
            400,
            f"Invalid 'limit': expected an integer between 1 and 100, but got '{limit}'.",
            param="limit",
            code="invalid_value",
        )
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid_value("order", order, ("asc", "desc"))
    return Page(int(limit), query.get("after") or None, order)


def read_prompt(fields: dict[str, Any]) -> str:
    """1 to 32000 characters [S].

    Raises:
        ApiError: 400.
    """
    prompt = fields.get("prompt")
    if prompt is None:
        raise missing_parameter("prompt")
    if not isinstance(prompt, str):
        raise invalid_type("prompt", "a string", json_type(prompt))
    if prompt == "":
        raise ApiError(
            400,
            "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an "
            "empty string instead.",
            param="prompt",
            code="empty_string",
        )
    if len(prompt) > _LONGEST_PROMPT:
        raise ApiError(
            400,
            f"Invalid 'prompt': string too long. Expected a string with maximum length "
            f"{_LONGEST_PROMPT}, but got a string with length {len(prompt)} instead.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def _seconds(fields: dict[str, Any], deployment: Deployment) -> int:
    """A string enum [S], 4 by default; an integer in JSON is refused [L]."""
    supported = tuple(str(number) for number in deployment.allowed_seconds)
    seconds = fields.get("seconds", "4" if "4" in supported else supported[0])
    if not isinstance(seconds, str):
        raise invalid_type("seconds", one_of(supported), json_type(seconds))
    if seconds not in supported:
        raise invalid_value("seconds", seconds, supported)
    return int(seconds)


def _size(fields: dict[str, Any], deployment: Deployment) -> tuple[int, int]:
    """720x1280 by default [S]."""
    supported = deployment.allowed_sizes
    size = fields.get("size", "720x1280" if "720x1280" in supported else supported[0])
    if not isinstance(size, str):
        raise invalid_type("size", one_of(supported), json_type(size))
    if size not in supported:
        raise invalid_value("size", size, supported)
    width, height = size.split("x")
    return int(width), int(height)


def _top_level(fields: dict[str, Any]) -> Iterable[str]:
    """Names of fields; `input_reference[image_url]` of a form is `input_reference` [S: SDK]."""
    return (name.split("[", 1)[0] for name in fields)


async def read_reference(body: Body, size: tuple[int, int] | None) -> bytes | None:
    """The bytes of `input_reference`: a file part, or in JSON (and, as the SDK flattens it, in a
    form) an object with exactly one of `image_url` and `file_id` [S].

    Without a `size` the image may have any.

    Raises:
        ApiError: 400.
    """
    uploads = [upload for upload in body.files if upload.part == "input_reference"]
    for upload in body.files:
        if upload.part != "input_reference":
            raise unknown_parameter(upload.part)
    given = body.fields.get("input_reference")
    flattened = {
        match[1]: value
        for name, value in body.fields.items()
        if (match := re.fullmatch(r"input_reference\[(\w+)\]", name))
    }
    if uploads:
        return await checked_image(_uploaded(uploads), size)
    if given is None and not flattened:
        return None
    if given is not None and not isinstance(given, dict):
        expected = "a file" if body.is_form else "an object"
        raise invalid_type("input_reference", expected, json_type(given))
    return await checked_image(read_data_url(_link(given or flattened)), size)


def _uploaded(uploads: list[Upload]) -> bytes:
    if len(uploads) > 1:
        raise _bad_reference("expected one file, but got several")  # [?]
    kind = uploads[0].content_type.split(";")[0].strip().lower()
    if kind not in _IMAGE_TYPES:
        # [3] text and code; it mentions a video although only pictures are documented.
        raise ApiError(
            400,
            f"Invalid file 'input_reference': unsupported mimetype ('{kind}'). Supported file "
            "formats are 'image/jpeg', 'image/png', 'image/webp', and 'video/mp4'.",
            param="input_reference",
            code="unsupported_file_mimetype",
        )
    return uploads[0].data


def _link(reference: dict[str, Any]) -> object:
    if len(reference) != 1 or not reference.keys() <= {"image_url", "file_id"}:
        raise _bad_reference("expected exactly one of 'image_url' and 'file_id'")
    return reference.get("image_url")


def read_data_url(url: object) -> bytes:
    """The bytes of a base64 data URL of an image.

    Raises:
        ApiError: 400.
    """
    if not isinstance(url, str):
        raise _bad_reference("this resource holds no uploaded files")
    if len(url) > _LONGEST_IMAGE_URL:
        raise _bad_reference(f"the URL is longer than {_LONGEST_IMAGE_URL} characters")
    match = re.match(r"data:(image/(?:jpeg|png|webp));base64,", url)
    if match is None:
        # The service would fetch an https URL; a simulator on loopback reaches nothing.
        raise _bad_reference("expected a base64 data URL of a JPEG, PNG or WebP image")
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except binascii.Error:
        raise _bad_reference("the data URL is not valid base64") from None


async def checked_image(data: bytes, size: tuple[int, int] | None) -> bytes:
    """The bytes of an image, of `size` if one is given. [3] the text about the size.

    Raises:
        ApiError: 400.
    """
    from local.simulator.media.stills import image_size

    actual = await asyncio.to_thread(image_size, data)
    if actual is None:
        raise _bad_reference("the image could not be decoded")
    if size is not None and actual != size:
        raise ApiError(400, "Inpaint image must match the requested width and height")
    return data


def _bad_reference(why: str) -> ApiError:
    """[?] the words."""
    return ApiError(
        400,
        f"Invalid 'input_reference': {why}.",
        param="input_reference",
        code="invalid_value",
    )
