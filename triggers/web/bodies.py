"""Request bodies: first the size, then JSON or multipart (`forms`), then every field by name
(`shared.lifecycle.requests.fields`)."""

import re

import azure.functions as func

from shared.domain import limits
from shared.domain.errors import InvalidRequest, LengthRequired, TooLarge
from shared.domain.limits import mib
from shared.domain.request import VideoRequest
from shared.domain.text import NotText, parsed_json
from shared.lifecycle.requests import fields
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.fields import Approve, NewVideo, Redeliver
from triggers.web import encodings, forms
from triggers.web.forms import Form

_KEY = re.compile(f"[ -~]{{1,{limits.LONGEST_KEY}}}")
_NO_LENGTH = (
    "No body arrived. One that is sent in chunks, without its length, does not reach this app: "
    "send the whole body with a Content-Length header. Nothing was charged."
)


def check_size(req: func.HttpRequest, largest: int = limits.LARGEST_BODY) -> None:
    """Raise TooLarge or LengthRequired before anything else is done with the request. Azure's host
    passes on a body only if the request announces its length."""
    announced = req.headers.get("content-length", "")
    if not announced and not req.get_body() and "transfer-encoding" in req.headers:
        raise LengthRequired(_NO_LENGTH)
    length = int(announced) if re.fullmatch("[0-9]{1,15}", announced) else 0
    if max(length, len(req.get_body())) > largest:
        raise TooLarge(f"The body is larger than {mib(largest)}.")


def create_video(req: func.HttpRequest) -> NewVideo:
    """Parse a create's body. Raises InvalidRequest, which names the field."""
    form = form_of(req)
    uploaded = form.files.pop("input_reference", ())
    # OpenAI's clients add brackets to the names of list parts
    attached = [*form.files.pop("files", ()), *form.files.pop("files[]", ())]
    if form.files:
        name = next(iter(form.files))
        raise InvalidRequest(
            f"{name}: files are sent as input_reference, or as files with inpaint_items.",
            param=name,
        )
    body, request = fields.create(form.fields)
    if len({file.name for file in attached}) < len(attached):
        raise InvalidRequest("files: two files have the same name.", param="files")
    sources = fields.sources(
        body, [file.data for file in uploaded], {file.name: file.data for file in attached}
    )
    if len(attached) != sum(1 for item in body.inpaint_items or () if item.file_name):
        raise InvalidRequest(
            "files: every attached file is named by the file_name of one of inpaint_items.",
            param="files",
        )
    return NewVideo(request, sources)


def remix_video(req: func.HttpRequest, source: VideoRequest) -> VideoRequest:
    """`source` with the changes of a remix's body. Raises InvalidRequest."""
    return fields.remixed(fields_of(req, "a remix takes no files"), source)


def redeliver(req: func.HttpRequest) -> Redeliver:
    """Parse a redeliver's body, which is optional. Raises InvalidRequest."""
    if not req.get_body():
        return Redeliver()
    return fields.validated(Redeliver, fields_of(req, "a redeliver takes no files"))


def approve(req: func.HttpRequest) -> Approve:
    """Parse an approval's body. Raises InvalidRequest."""
    return fields.validated(Approve, fields_of(req, "an approval takes no files"))


def repeatable(req: func.HttpRequest, route: str) -> Repeatable:
    """How to recognise a repeat of a request. Raises InvalidRequest."""
    key = req.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            f"Idempotency-Key takes 1 to {limits.LONGEST_KEY} printable ASCII characters.",
            param="Idempotency-Key",
        )
    retries = req.headers.get("x-stainless-retry-count", "0")
    return Repeatable(route, key, repeated=re.fullmatch("0*[1-9][0-9]{0,8}", retries) is not None)


def fields_of(req: func.HttpRequest, refusal: str) -> dict[str, object]:
    """The fields of a body that may have no files. Raises InvalidRequest, which says `refusal` of
    the first file, and what `form_of` raises."""
    form = form_of(req)
    for name in form.files:
        raise InvalidRequest(f"{name}: {refusal}.", param=name)
    return form.fields


def form_of(req: func.HttpRequest, *, largest: int = limits.LARGEST_BODY) -> Form:
    """The fields and files of a JSON object or a multipart form, whose size was checked. Raises
    InvalidRequest, LengthRequired, TooLarge or UnsupportedEncoding."""
    if not req.get_body():
        if "content-length" not in req.headers:  # chunked, but a proxy removed the header
            raise LengthRequired(_NO_LENGTH)
        raise InvalidRequest("The body is empty: send a JSON object.", code="invalid_json")
    from werkzeug.http import parse_options_header  # the SDK has loaded it

    kind, parameters = parse_options_header(req.headers.get("content-type", ""))
    body = encodings.body_of(req, largest=largest)
    kind = kind.lower()
    if kind == "multipart/form-data":
        return forms.read(req.headers["content-type"], body)
    if kind and kind != "application/json":
        raise InvalidRequest(
            f"content-type {kind!r} is not supported: send application/json or multipart/form-data."
        )
    try:
        parsed = parsed_json(body, parameters.get("charset"))
    except NotText as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}. Send UTF-8, or name its charset in "
            "content-type.",
            code="invalid_json",
        ) from None
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body is not a JSON object.", code="invalid_json")
    return Form(parsed, {})
