"""The body of `POST /files`: a form with a file, larger than any other body."""

from dataclasses import dataclass
from typing import Any, Literal

import azure.functions as func
from pydantic import ConfigDict

from shared.domain import limits
from shared.domain.errors import InvalidRequest
from shared.lifecycle.requests import fields
from triggers.web import bodies


def _with_the_file(schema: dict[str, Any]) -> None:
    schema["properties"]["file"] = {
        "type": "string",
        "format": "binary",
        "description": "The file, with its name.",
    }
    schema["required"].append("file")


class CreateFile(fields.RequestBody):
    """The body of `POST /files`, a form: the file is a part of it, not a field of this model."""

    model_config = ConfigDict(json_schema_extra=_with_the_file)

    purpose: Literal["batch", "vision", "user_data"]


@dataclass(frozen=True)
class NewFile:
    """A file as it came, and the charset that it came with."""

    filename: str
    purpose: str
    data: bytes
    charset: str | None


def check_size(req: func.HttpRequest) -> None:
    """Raise TooLarge or LengthRequired before anything else is done with the request."""
    bodies.check_size(req, limits.LARGEST_UPLOAD)


def create_file(req: func.HttpRequest) -> NewFile:
    """Parse an upload. Raises InvalidRequest, which names the field."""
    form = bodies.form_of(req, largest=limits.LARGEST_UPLOAD)
    sent = form.files.pop("file", ())
    if form.files:
        name = next(iter(form.files))
        raise InvalidRequest(f"{name}: the one file is sent as file.", param=name)
    if "expires_after" in form.fields:
        raise InvalidRequest(
            "expires_after is not taken here: a file is kept until you delete it.",
            param="expires_after",
            code="unsupported_parameter",
        )
    as_text = form.fields.pop("file", None) is not None
    body = fields.validated(CreateFile, form.fields, also=["file"])
    if as_text or len(sent) != 1:
        raise InvalidRequest(
            "file is sent twice."
            if sent
            else "file: send one file, with its name, in a form (multipart/form-data).",
            param="file",
            code=None if sent else "missing_required_parameter",
        )
    return NewFile(sent[0].name, body.purpose, sent[0].data, sent[0].charset)
