"""`/openai/v1/health`: does the app run? Public. `/health/ready`: can it serve? Needs a caller."""

import azure.functions as func

from shared.answers.health import Health
from shared.durable.sdk import blueprint
from shared.lifecycle.requests.readiness import readiness
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/health", ["GET"])
def health(req: func.HttpRequest) -> Response:  # noqa: ARG001  # the host passes it
    return json_answer(Health(status="ok"))


@http(bp, f"{BASE_PATH}/health/ready", ["GET"])
async def ready(req: func.HttpRequest) -> Response:
    return await in_thread(lambda: _ready(req))


def _ready(req: func.HttpRequest) -> Response:
    authenticate(req)
    answer = readiness(services())
    return json_answer(answer, status=503 if answer.problems else 200)
