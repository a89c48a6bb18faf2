"""`/openai/v1/callbacks/{deployment}`: an upstream says that a job has ended.

No caller is authenticated here: the upstream signs, or says what anybody may say, because it is
only a hint. See docs/decisions/0021.
"""

import azure.functions as func

from shared.domain.limits import LARGEST_CALLBACK
from shared.durable import workers
from shared.durable.names import CALLBACKS_PATH, Hint
from shared.durable.sdk import Client, blueprint
from shared.lifecycle.requests.callbacks import called_back
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web import bodies
from triggers.web.answers import Response, nothing
from triggers.web.routes import http_with_client

bp = blueprint()


@http_with_client(bp, f"{CALLBACKS_PATH}/{{deployment}}", ["POST"])
async def receive_callback(req: func.HttpRequest, client: Client) -> Response:
    def work() -> tuple[Hint, ...]:
        bodies.check_size(req, LARGEST_CALLBACK)
        deployment = req.route_params.get("deployment", "")
        return called_back(services(), deployment, req.headers, req.get_body())

    await workers.wake(client, await in_thread(work))
    return nothing()
