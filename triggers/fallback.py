"""Everything that no other function claims: an error envelope instead of the host's empty 404."""

import re

import azure.functions as func

from shared.domain.errors import InvalidRequest, NotFound, WrongMethod
from shared.durable import blueprint, http
from triggers.web.answers import BASE_PATH, answer

bp = blueprint()

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_UNSUPPORTED = re.compile(rf"{BASE_PATH}/videos/(edits|extensions|characters)(/[^/]+)?")
"""Newer operations of OpenAI's that Azure never documented."""


@http(bp, "{*path}", _METHODS)
def fallback(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _unknown(req))


def _unknown(req: func.HttpRequest) -> func.HttpResponse:
    path = req.route_params.get("path", "").rstrip("/")
    if operation := _UNSUPPORTED.fullmatch(path):
        raise InvalidRequest(
            f"/videos/{operation[1]} is not offered here: no upstream of this app has it.",
            code="unsupported_operation",
        )
    allowed = methods_of(path)
    if allowed:
        raise WrongMethod(
            f"/{path[:200]} takes {', '.join(allowed)}, not {req.method}.", tuple(allowed)
        )
    raise NotFound(f"There is no {req.method} /{path[:200]} here.", code="unknown_route")


_ROUTES = {
    "videos": ("GET", "POST"),
    "videos/[^/]+": ("GET", "DELETE"),
    "videos/[^/]+/content": ("GET", "HEAD"),
    "videos/[^/]+/(remix|cancel)": ("POST",),
    "health": ("GET",),
}
"""Every route below the base path; a test compares it with what the app exports."""

_KNOWN = [(re.compile(f"{BASE_PATH}/{route}"), methods) for route, methods in _ROUTES.items()]


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that a path takes; none for a path that does not exist."""
    return next((methods for known, methods in _KNOWN if known.fullmatch(path)), ())
