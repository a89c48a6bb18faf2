"""`/openai/v1/quotes`: what a request would cost, before anything is spent."""

from typing import Any

import azure.functions as func

from shared.domain.errors import Problem
from shared.domain.money import usd
from shared.durable.sdk import blueprint
from shared.lifecycle.requests.quote import Met, Quote, quote
from shared.lifecycle.services import services
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, answer, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/quotes", ["POST"])
def create_quote(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _create(req))


def _create(req: func.HttpRequest) -> func.HttpResponse:
    bodies.check_size(req)
    authenticated = authenticate(req)
    new = bodies.create_video(req)
    return json_answer(_quote(quote(services(), authenticated.caller, new.request, new.sources)))


def _quote(found: Quote) -> dict[str, Any]:
    request, price, refusal = found.prepared.request, found.prepared.price, found.refusal
    return {
        "object": "quote",
        "model": request.model,
        "size": request.size,
        "seconds": str(request.seconds),
        "n_variants": request.variants,
        "admitted": refusal is None,
        "refusal": None if refusal is None else _refusal(refusal),
        "cost": {
            "currency": "USD",
            "estimated": usd(found.prepared.amount),
            "usd_per_second": usd(price.amount(request.width, request.height, 1)),
            "price_version": price.version,
        },
        "ceilings": [_met(each) for each in found.met],
        "deployments": [upstream.name for upstream in found.prepared.chosen],
        "queue_length": found.waiting,
        "estimated_completion_at": found.completion_at,
    }


def _refusal(refusal: Problem) -> dict[str, Any]:
    return {
        "type": refusal.type,
        "code": refusal.code,
        "message": refusal.message,
        "retry_after": refusal.retry_after_seconds,
    }


def _met(met: Met) -> dict[str, Any]:
    limit = met.ceiling.limit
    return {
        "name": met.ceiling.name,
        "limit": usd(limit),
        "committed": usd(met.committed),
        "left": usd(max(0, limit - met.committed)),
    }
