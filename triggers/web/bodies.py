"""What callers send: size checked first, then JSON or multipart, then every field by name.

Multipart exists because OpenAI's clients always create with it: text parts are the scalars as text,
`metadata[key]` is one level of object. Unknown fields are an error and nothing is changed silently.
"""

import json
import re
from typing import Annotated, Any

import azure.functions as func
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.domain.errors import InvalidRequest, TooLarge
from shared.domain.request import VideoRequest
from shared.lifecycle.admit import Repeatable
from shared.settings import settings

LARGEST_BODY = 25 * 1024 * 1024

_KEY = re.compile(r"[ -~]{1,255}")
_NESTED = re.compile(r"(\w+)\[([^\[\]]+)\]")


def _whole_number(value: Any) -> Any:
    """A number as OpenAI writes `seconds` (a string) or as JSON has it."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value.strip()):
        return int(value)
    return value


WholeNumber = Annotated[
    int,
    BeforeValidator(
        _whole_number, json_schema_input_type=int | Annotated[str, Field(pattern="^[0-9]{1,6}$")]
    ),
    Field(strict=True),
]


class CreateVideo(BaseModel):
    """The body of `POST /videos`."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(strict=True)]
    model: Annotated[str, Field(strict=True)] = "sora-2"
    size: Annotated[str, Field(strict=True, pattern=r"^\d{2,5}x\d{2,5}$")] | None = None
    seconds: WholeNumber | None = None
    n_variants: WholeNumber = 1
    metadata: dict[str, Annotated[str, Field(strict=True, max_length=512)]] = Field(
        default_factory=dict, max_length=16
    )

    def request(self) -> VideoRequest:
        """The request with its model's defaults filled in. Raises InvalidRequest."""
        try:
            self.prompt.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("prompt is not valid Unicode.", param="prompt") from None
        offering = settings().offering(self.model)
        size, seconds = self.size, self.seconds
        if offering:
            size = size or offering[0].can.default_size
            seconds = offering[0].can.default_seconds if seconds is None else seconds
        width, _, height = (size or "0x0").partition("x")
        return VideoRequest(
            model=self.model,
            prompt=self.prompt,
            width=int(width),
            height=int(height),
            seconds=seconds or 0,
            variants=self.n_variants,
            metadata=self.metadata,
        )


def check_size(req: func.HttpRequest) -> None:
    """Raise TooLarge for a body that will not be read, before anything is done with it."""
    announced = req.headers.get("content-length", "")
    length = int(announced) if announced.isdigit() else 0
    if max(length, len(req.get_body())) > LARGEST_BODY:
        raise TooLarge(f"The body is larger than {LARGEST_BODY // 1024**2} MiB.")


def create_video(req: func.HttpRequest) -> VideoRequest:
    """The request in a create's body. Raises InvalidRequest, naming the field."""
    fields = _fields(req)
    try:
        return CreateVideo.model_validate(fields).request()
    except ValidationError as error:
        raise _explain(error) from None


def repeatable(req: func.HttpRequest, route: str) -> Repeatable:
    """How a request may be recognised when it comes again. Raises InvalidRequest."""
    key = req.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            "Idempotency-Key takes 1 to 255 printable ASCII characters.", param="Idempotency-Key"
        )
    retries = req.headers.get("x-stainless-retry-count", "0")
    return Repeatable(route, key, repeated=retries.isdigit() and int(retries) >= 1)


def _fields(req: func.HttpRequest) -> dict[str, Any]:
    kind = req.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _form_fields(req)
    if kind and kind != "application/json":
        raise InvalidRequest(
            f"content-type {kind!r} is not supported: send application/json or multipart/form-data."
        )
    try:
        parsed = json.loads(req.get_body())
    except ValueError:
        raise InvalidRequest("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body is not a JSON object.", code="invalid_json")
    return parsed


def _form_fields(req: func.HttpRequest) -> dict[str, Any]:
    if req.files:
        name = next(iter(req.files))
        raise InvalidRequest(f"{name}: files are not supported.", param=name)
    fields: dict[str, Any] = {}
    for name, value in req.form.items():
        nested = _NESTED.fullmatch(name)
        if nested is None:
            fields[name] = value
        else:
            inner = fields.setdefault(nested[1], {})
            if not isinstance(inner, dict):
                raise InvalidRequest(f"{nested[1]} is sent twice.", param=nested[1])
            inner[nested[2]] = value
    return fields


def _explain(error: ValidationError) -> InvalidRequest:
    problem = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in problem["loc"]) or None
    if problem["type"] == "missing":
        return InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    if problem["type"] == "extra_forbidden":
        allowed = ", ".join(CreateVideo.model_fields)
        return InvalidRequest(
            f"Unknown parameter: '{name}'. Known: {allowed}.", param=name, code="unknown_parameter"
        )
    shown = repr(problem["input"])
    value = shown if len(shown) <= 80 else shown[:77] + "..."
    return InvalidRequest(f"Invalid value {value} for '{name}': {problem['msg']}.", param=name)
