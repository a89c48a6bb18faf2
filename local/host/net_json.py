"""JSON as .NET's Newtonsoft.Json reads and writes it, and answers in it."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/json; charset=utf-8"


_NAME = re.compile(r"[A-Za-z0-9_$]+")


class JsonReaderError(ValueError):
    """``Newtonsoft.Json.JsonReaderException``, in its words."""


def loads(text: str) -> Any:
    """One JSON value. Raises ``JsonReaderError``."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise JsonReaderError(_words(error)) from error


def first_value(text: str) -> Any:
    """The JSON value that a text begins with, the text itself if it begins with none.

    So does the extension show outputs and reasons (``DurableClient.ParseToJToken``).
    """
    text = text.strip()
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError:
        return text
    is_whole_word = end == len(text) or not text[end].isalnum()
    return value if is_whole_word else text


def _words(error: json.JSONDecodeError) -> str:
    text, at = error.doc, error.pos
    if not text.strip():
        return "Error reading JToken from JsonReader. Path '', line 0, position 0."
    end = f"Path '', line {error.lineno}, position "
    if error.msg.startswith("Expecting property name") and _NAME.fullmatch(text, at):
        position = error.colno - 1 + len(text) - at
        return f"Unexpected end while parsing unquoted property name. {end}{position}."
    if at >= len(text):
        return f"Unexpected end of content while loading JObject. {end}{error.colno - 1}."
    if error.msg == "Extra data":
        return (
            "Additional text encountered after finished reading JSON content:"
            f" {text[at]}. {end}{error.colno - 1}."
        )
    return f"Unexpected character encountered while parsing value: {text[at]}. {end}{error.colno}."


def dumps(value: Any) -> str:
    """Without spaces and escapes of letters; what is no number is a string (``"NaN"``)."""
    return json.dumps(_numbers(value), ensure_ascii=False, separators=(",", ":"))


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of the host's own."""
    return Response(dumps(value).encode("utf-8", "replace"), status, headers, MEDIA_TYPE)


def _numbers(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(part) for part in value]
    return value
