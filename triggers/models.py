"""`/openai/v1/models`: what can be asked for, at what price, and until when."""

from typing import Any

import azure.functions as func

from shared.domain.capabilities import Capabilities
from shared.domain.errors import NotFound
from shared.domain.money import usd
from shared.durable.sdk import blueprint
from shared.lifecycle.line import outage_text
from shared.lifecycle.requests import models
from shared.lifecycle.requests.models import Deployment, Model
from shared.lifecycle.services import services
from triggers.web.answers import BASE_PATH, answer, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()

_PUBLISHED = {"sora": 1746144000, "sora-2": 1759708800}
"""2025-05-02 and 2025-10-06: the first versions of the two on Azure."""


@http(bp, f"{BASE_PATH}/models", ["GET"])
def list_models(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _list(req))


@http(bp, f"{BASE_PATH}/models/{{model}}", ["GET"])
def get_model(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _get(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authenticate(req)
    found = [_model(model) for model in models.models(services())]
    return json_answer({"object": "list", "data": found})


def _get(req: func.HttpRequest) -> func.HttpResponse:
    authenticate(req)
    wanted = req.route_params.get("model", "")
    found = models.models(services())
    for model in found:
        if model.id == wanted:
            return json_answer(_model(model))
    offered = ", ".join(sorted(model.id for model in found))
    raise NotFound(
        f"Model {wanted[:80]!r} is not offered here. Offered: {offered}.",
        param="model",
        code="model_not_found",
    )


def _model(model: Model) -> dict[str, Any]:
    first = model.deployments[0].upstream.can
    capabilities = [each.upstream.can for each in model.deployments]
    return {
        "id": model.id,
        "object": "model",
        "created": _PUBLISHED.get(model.id, 0),
        "owned_by": "durable-video",
        "lifecycle": model.lifecycle.value,
        "retires_at": model.retires_at,
        "capabilities": {
            "modes": _modes(capabilities),
            "sizes": [
                {
                    "size": offer.size,
                    "seconds": list(offer.seconds),
                    "max_variants": offer.max_variants,
                    "usd_per_second": usd(offer.per_second),
                }
                for offer in model.sizes()
            ],
            "default_size": first.default_size,
            "default_seconds": first.default_seconds,
            "prompt_characters": max(can.prompt_characters for can in capabilities),
            "input_images": max(can.images for can in capabilities),
            "input_video_seconds": max(can.input_video_seconds for can in capabilities),
        },
        "deployments": [_deployment(deployment) for deployment in model.deployments],
    }


def _modes(capabilities: list[Capabilities]) -> list[str]:
    """What a render may start from beside its prompt."""
    possible = {
        "text": True,
        "image": any(can.images for can in capabilities),
        "video": any(can.input_video_seconds for can in capabilities),
        "remix": any(can.remix for can in capabilities),
    }
    return [mode for mode, can in possible.items() if can]


def _deployment(deployment: Deployment) -> dict[str, Any]:
    upstream = deployment.upstream
    price = upstream.price
    return {
        "name": upstream.name,
        "dialect": upstream.dialect,
        "lifecycle": deployment.lifecycle.value,
        "retires_at": deployment.retires_at,
        "available": deployment.takes_requests,
        "notice": outage_text(deployment.outage) if deployment.outage else None,
        "price": {
            "currency": "USD",
            "version": price.version,
            "usd_per_second": usd(price.per_second_micro_usd),
            "reference_pixels": price.reference_pixels,
            "failed_render": price.failed_render,
        },
        "limits": {
            "max_running": upstream.max_running,
            "max_creates_per_minute": upstream.max_creates_per_minute,
        },
    }
