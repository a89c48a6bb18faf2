"""`/openai/v1/quotes`: what a request would cost, before anything is spent."""

import azure.functions as func

from shared.durable.sdk import blueprint
from shared.lifecycle.requests.models import retirement_headers
from shared.lifecycle.requests.quote import quote
from shared.lifecycle.services import services
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/quotes", ["POST"])
def create_quote(req: func.HttpRequest) -> Response:
    bodies.check_size(req)
    authenticated = authenticate(req)
    new = bodies.create_video(req)
    quoted = quote(services(), authenticated.caller, new.request, new.sources)
    return json_answer(quoted, headers=retirement_headers(services(), new.request.model))
