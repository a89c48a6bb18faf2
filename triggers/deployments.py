"""`/openai/v1/deployments`: what operators see of the upstreams; pause and resume. For admins."""

import azure.functions as func

from shared.durable import workers
from shared.durable.sdk import Client, blueprint
from shared.lifecycle.requests import deployments
from shared.lifecycle.requests.deployments import Resumed
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authorise import operator
from triggers.web.routes import http, http_with_client

bp = blueprint()


@http(bp, f"{BASE_PATH}/deployments", ["GET"])
def list_deployments(req: func.HttpRequest) -> Response:
    operator(req)
    return json_answer(deployments.listed(services()))


@http(bp, f"{BASE_PATH}/deployments/{{deployment}}/pause", ["POST"])
def pause_deployment(req: func.HttpRequest) -> Response:
    by = operator(req).caller
    return json_answer(deployments.pause(services(), _named(req), by=by))


@http_with_client(bp, f"{BASE_PATH}/deployments/{{deployment}}/resume", ["POST"])
async def resume_deployment(req: func.HttpRequest, client: Client) -> Response:
    def work() -> Resumed:
        by = operator(req).caller
        return deployments.resume(services(), _named(req), by=by)

    resumed = await in_thread(work)
    await workers.wake(client, resumed.hints)
    return json_answer(resumed.answer)


def _named(req: func.HttpRequest) -> str:
    name: str = req.route_params.get("deployment", "")
    return name
