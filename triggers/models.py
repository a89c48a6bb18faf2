"""`/openai/v1/models`: what can be asked for, at what price, and until when."""

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
    return json_answer(models.get_model(services(), req.route_params.get("model", "")))
