"""Everything that no other function claims: an error envelope instead of the host's empty 404."""

import azure.functions as func

from shared.domain.errors import NotFound
from shared.durable import blueprint
from triggers.web.answers import answer
from triggers.web.routes import http

bp = blueprint()

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@http(bp, "{*path}", _METHODS)
def fallback(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _unknown(req))


def _unknown(req: func.HttpRequest) -> func.HttpResponse:
    path = "/" + req.route_params.get("path", "")
    raise NotFound(f"There is no {req.method} {path[:200]} here.", code="unknown_route")
