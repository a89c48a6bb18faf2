"""`/openai/v1/health`: is the app there? Public, and says nothing else."""

import azure.functions as func

from shared.durable import blueprint, http
from triggers.web.answers import BASE_PATH, answer, json_answer

bp = blueprint()


@http(bp, f"{BASE_PATH}/health", ["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the host passes it
    return answer(lambda: json_answer({"status": "ok"}))
