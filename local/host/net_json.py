"""JSON as .NET's Newtonsoft.Json writes it, and answers in it."""

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/json; charset=utf-8"


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
