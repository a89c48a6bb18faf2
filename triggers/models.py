"""`/openai/v1/models`: what can be asked for, at what price, and until when."""

import re

import azure.functions as func

from shared.durable.sdk import blueprint
from shared.lifecycle.requests import models
from shared.lifecycle.services import services
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/models", ["GET"])
def list_models(req: func.HttpRequest) -> Response:
    authenticate(req)
    return json_answer(models.list_models(services()))


@http(bp, f"{BASE_PATH}/models/{{model}}", ["GET"])
def get_model(req: func.HttpRequest) -> Response:
    authenticate(req)
    # Azure's host decodes a segment of a path, but for a slash in it (seen on 4.1037)
    model = re.sub("%2f", "/", req.route_params.get("model", ""), flags=re.IGNORECASE)
    return json_answer(models.get_model(services(), model))
