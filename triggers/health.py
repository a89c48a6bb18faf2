"""`/openai/v1/health`: is the app there? Public, and says nothing else. `/health/ready`: can it
serve? Needs a caller."""

from typing import Any

import azure.functions as func

from shared.durable.sdk import blueprint
from shared.lifecycle.requests.models import Deployment
from shared.lifecycle.requests.readiness import Queue, Readiness, Uncollected, readiness, state
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web.answers import BASE_PATH, answer, answer_async, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/health", ["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the host passes it
    return answer(lambda: json_answer({"status": "ok"}))


@http(bp, f"{BASE_PATH}/health/ready", ["GET"])
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    return await answer_async(in_thread(lambda: _ready(req)))


def _ready(req: func.HttpRequest) -> func.HttpResponse:
    authenticate(req)
    found = readiness(services())
    return json_answer(_readiness(found), status=503 if found.problems else 200)


def _readiness(found: Readiness) -> dict[str, Any]:
    stored = found.stored
    return {
        "status": "not_ready" if found.problems else "ready",
        "problems": list(found.problems),
        "storage": {"ready": stored is not None},
        "deployments": [_deployment(each) for each in stored.deployments] if stored else [],
        "queue": _queue(stored.queue) if stored else None,
        "uncollected": _uncollected(stored.uncollected) if stored else None,
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {
        "name": deployment.upstream.name,
        "model": deployment.upstream.model,
        "ready": deployment.takes_requests,
        "state": state(deployment),
        "reason": None if deployment.outage is None else deployment.outage.what,
        "since": _whole(deployment.outage.since or None) if deployment.outage else None,
        "paused_until": _whole(deployment.paused_until),
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "waiting": queue.waiting,
        "working": queue.working,
        "oldest_wait_seconds": _whole(queue.oldest_wait),
    }


def _uncollected(uncollected: Uncollected) -> dict[str, Any]:
    return {
        "jobs": uncollected.jobs,
        "oldest_seconds": _whole(uncollected.oldest),
        "soonest_expiry_at": _whole(uncollected.soonest_expiry_at),
    }


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
