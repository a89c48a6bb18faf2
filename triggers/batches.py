"""`/openai/v1/batches`: create, list, get, cancel, pause, resume, retry."""

import azure.functions as func

from shared.domain.ids import is_batch_id
from shared.durable import workers
from shared.durable.sdk import Client, blueprint
from shared.lifecycle.batches.views import shown
from shared.lifecycle.requests import batches
from shared.lifecycle.requests.batches import Created
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web import bodies, orders
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.authorise import own_batch
from triggers.web.query import after, page_limit
from triggers.web.routes import http, http_with_client

bp = blueprint()


@http_with_client(bp, f"{BASE_PATH}/batches", ["POST"])
async def create_batch(req: func.HttpRequest, client: Client) -> Response:
    def work() -> Created:
        bodies.check_size(req)
        authenticated = authenticate(req)
        new = orders.create_batch(req)
        repeatable = bodies.repeatable(req, "batches")
        return batches.create(services(), authenticated.caller, new, repeatable)

    return await _started(client, await in_thread(work))


@http(bp, f"{BASE_PATH}/batches", ["GET"])
def list_batches(req: func.HttpRequest) -> Response:
    authenticated = authenticate(req)
    behind = after(req, is_batch_id, "batch")
    return json_answer(
        batches.listed(services(), authenticated.caller, after=behind, limit=page_limit(req))
    )


@http(bp, f"{BASE_PATH}/batches/{{batch_id}}", ["GET"])
def get_batch(req: func.HttpRequest) -> Response:
    return json_answer(shown(own_batch(req), services().clock()))


@http(bp, f"{BASE_PATH}/batches/{{batch_id}}/cancel", ["POST"])
def cancel_batch(req: func.HttpRequest) -> Response:
    cancelled = batches.cancel(services(), own_batch(req))
    return json_answer(shown(cancelled, services().clock()))


@http(bp, f"{BASE_PATH}/batches/{{batch_id}}/pause", ["POST"])
def pause_batch(req: func.HttpRequest) -> Response:
    paused = batches.pause(services(), own_batch(req), paused=True)
    return json_answer(shown(paused, services().clock()))


@http(bp, f"{BASE_PATH}/batches/{{batch_id}}/resume", ["POST"])
def resume_batch(req: func.HttpRequest) -> Response:
    resumed = batches.pause(services(), own_batch(req), paused=False)
    return json_answer(shown(resumed, services().clock()))


@http_with_client(bp, f"{BASE_PATH}/batches/{{batch_id}}/retry", ["POST"])
async def retry_batch(req: func.HttpRequest, client: Client) -> Response:
    def work() -> Created:
        bodies.check_size(req)
        batch = own_batch(req)
        repeatable = bodies.repeatable(req, f"retry/{batch.id}")
        return batches.retry(services(), batch, orders.retry_batch(req), repeatable)

    return await _started(client, await in_thread(work))


async def _started(client: Client, created: Created) -> Response:
    await workers.start_created(client, created)
    headers = {"idempotent-replayed": "true"} if created.replayed else {}
    return json_answer(shown(created.batch, services().clock()), headers=headers)
