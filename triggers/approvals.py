"""`/openai/v1/approvals/{id}` and its `approve`; and the page behind the link, `/approvals/{id}`.

The page is the same for everybody and says nothing about the request: its script asks the API, with
the key that a person types. See docs/decisions/0028.
"""

from functools import lru_cache
from pathlib import Path

import azure.functions as func

from shared.domain import money
from shared.domain.errors import NotFound
from shared.durable.sdk import blueprint
from shared.lifecycle.requests import approvals
from shared.lifecycle.services import services
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, Response, json_answer, public_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()

_FOLDER = Path(__file__).parent / "web" / "approvals"
_FILES = {"page.css": "text/css", "page.js": "text/javascript"}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",  # the empty icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


@http(bp, f"{BASE_PATH}/approvals/{{approval_id}}", ["GET"])
def get_approval(req: func.HttpRequest) -> Response:
    viewer = authenticate(req).caller
    return json_answer(approvals.show(services(), viewer, _id(req)))


@http(bp, f"{BASE_PATH}/approvals/{{approval_id}}/approve", ["POST"])
def approve(req: func.HttpRequest) -> Response:
    bodies.check_size(req)
    approver = authenticate(req).caller
    amount = money.micro_usd(bodies.approve(req).estimated)
    return json_answer(approvals.approve(services(), approver, _id(req), amount))


@http(bp, "approvals/{approval_id}", ["GET"])
def approval_page(req: func.HttpRequest) -> Response:  # noqa: ARG001  # the same for every id
    return public_answer(_file("page.html"), content_type="text/html", headers=_HEADERS)


@http(bp, "approvals/files/{name}", ["GET"])
def approval_file(req: func.HttpRequest) -> Response:
    name = req.route_params.get("name", "")
    if name not in _FILES:
        raise NotFound(f"There is no file {name[:80]!r} of the page.", code="unknown_route")
    return public_answer(_file(name), content_type=_FILES[name])


def _id(req: func.HttpRequest) -> str:
    return str(req.route_params.get("approval_id", ""))


@lru_cache(maxsize=3)
def _file(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
