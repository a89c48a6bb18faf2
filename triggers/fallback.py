"""Requests that no other function serves: an error envelope instead of the host's empty 404, and
for a browser that asks for `/`, the way to the studio.

Azure's host takes the first function by name whose route matches (see docs/decisions/0012), and
this route matches every request. So the name must sort last: the host compares in upper case, where
`_` comes after every letter, and so `z_` after `zzz`.
"""

import re
from typing import NoReturn

import azure.functions as func

from shared.domain.errors import InvalidRequest, NotFound, WrongMethod
from shared.durable.sdk import blueprint
from triggers.web.answers import BASE_PATH, Response, redirect
from triggers.web.routes import http, methods_of

bp = blueprint()

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_UNSUPPORTED = re.compile(
    rf"{BASE_PATH}/videos/(edits|extensions|characters)(/[^/]+)?", re.IGNORECASE
)
"""Newer operations of OpenAI that Azure never documented."""


@http(bp, "{*path}", _METHODS)
def z_fallback(req: func.HttpRequest) -> Response:
    return redirect("/studio") if _is_browser_at_the_root(req) else _unknown(req)


def _is_browser_at_the_root(req: func.HttpRequest) -> bool:
    return (
        req.method in ("GET", "HEAD")
        and not req.route_params.get("path", "").strip("/")
        and "text/html" in req.headers.get("accept", "")
    )


def _unknown(req: func.HttpRequest) -> NoReturn:
    path = req.route_params.get("path", "").rstrip("/")
    if operation := _UNSUPPORTED.fullmatch(path):
        raise InvalidRequest(
            f"/videos/{operation[1]} is not offered here: no upstream of this app has it.",
            code="unsupported_operation",
        )
    allowed = methods_of(path)
    if allowed:
        raise WrongMethod(f"/{path[:200]} takes {', '.join(allowed)}, not {req.method}.", allowed)
    raise NotFound(f"There is no {req.method} /{path[:200]} here.", code="unknown_route")
