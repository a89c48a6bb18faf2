"""`/openai/v1/files`: upload, list, get, content, delete."""

import re
from urllib.parse import quote

import azure.functions as func

from shared.domain.errors import InvalidRequest
from shared.domain.files import Purpose
from shared.domain.ids import is_file_id
from shared.domain.limits import LARGEST_STREAM
from shared.durable.sdk import blueprint
from shared.lifecycle.requests import files
from shared.lifecycle.services import services
from triggers.web import bodies, uploads
from triggers.web.answers import BASE_PATH, Response, json_answer, redirect
from triggers.web.authenticate import authenticate
from triggers.web.authorise import own_file
from triggers.web.conditions import Content
from triggers.web.query import after, oldest_first, page_limit, parameter
from triggers.web.routes import http
from triggers.web.streams import Stored, range_of, stream

bp = blueprint()

_NOT_QUOTED = re.compile(r"[^ !#-\[\]-~]")
"""What a quoted string in a header would have to escape."""


@http(bp, f"{BASE_PATH}/files", ["POST"])
def create_file(req: func.HttpRequest) -> Response:
    uploads.check_size(req)
    authenticated = authenticate(req)
    new = uploads.create_file(req)
    file = files.upload(
        services(),
        authenticated.caller,
        filename=new.filename,
        purpose=new.purpose,
        data=new.data,
        charset=new.charset,
        repeatable=bodies.repeatable(req, "files"),
    )
    return json_answer(files.shown(file))


@http(bp, f"{BASE_PATH}/files", ["GET"])
def list_files(req: func.HttpRequest) -> Response:
    authenticated = authenticate(req)
    return json_answer(
        files.listed(
            services(),
            authenticated.caller,
            after=after(req, is_file_id, "file"),
            limit=page_limit(req),
            oldest_first=oldest_first(req),
            purpose=_purpose(parameter(req, "purpose")),
        )
    )


@http(bp, f"{BASE_PATH}/files/{{file_id}}", ["GET"])
def get_file(req: func.HttpRequest) -> Response:
    return json_answer(files.shown(own_file(req)[1]))


@http(bp, f"{BASE_PATH}/files/{{file_id}}", ["DELETE"])
def remove_file(req: func.HttpRequest) -> Response:
    return json_answer(files.remove(services(), own_file(req)[1]))


@http(bp, f"{BASE_PATH}/files/{{file_id}}/content", ["GET"])
def get_file_content(req: func.HttpRequest) -> Response:
    """The bytes; of more than is sent at once, a range of them or a redirect, which a client that
    sends its key as `api-key` does not get (see `triggers.web.content`)."""
    authenticated, file = own_file(req)
    content = Content(file.sha256, file.created_at)
    redirects = services().settings.content_delivery == "redirect"
    if (
        file.size > LARGEST_STREAM
        and redirects
        and not authenticated.by_api_key_header
        and not content.is_named(req.headers)
        and range_of(req, file.size, content) is None
    ):
        return redirect(files.link(services(), file))
    stored = Stored(
        size=file.size,
        content_type=file.content_type,
        headers={
            "content-disposition": _attachment(file.filename),
            "x-content-type-options": "nosniff",
        },
        read=lambda first, length: files.content(services(), file, first=first, length=length),
    )
    return stream(req, stored, content)


def _purpose(text: str | None) -> Purpose | None:
    if text is None:
        return None
    try:
        return Purpose(text)
    except ValueError:
        known = ", ".join(Purpose)
        raise InvalidRequest(
            f"purpose {text[:80]!r} is not one of {known}.", param="purpose"
        ) from None


def _attachment(filename: str) -> str:
    """A content-disposition (RFC 6266): the name in ASCII for old clients, then as it is."""
    plain = _NOT_QUOTED.sub("_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
