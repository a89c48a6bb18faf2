"""`/openai/v1/videos/{id}/deliveries` and `/redeliver`: what was told about a video, and again."""

from typing import Any

import azure.functions as func

from shared.domain.announcement import EVENT_PREFIX, Delivery, webhook_name
from shared.durable.sdk import blueprint
from shared.lifecycle.background.deliver import deliver_soon, deliveries_of, redeliver
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, answer, answer_async, json_answer
from triggers.web.authorise import own_video
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/deliveries", ["GET"])
def list_deliveries(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _list(req))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/redeliver", ["POST"])
async def redeliver_video(req: func.HttpRequest) -> func.HttpResponse:
    return await answer_async(_redeliver(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    _, stored = own_video(req)
    return _listed(stored.video.id)


async def _redeliver(req: func.HttpRequest) -> func.HttpResponse:
    def work() -> str:
        bodies.check_size(req)
        _, stored = own_video(req)
        for delivery in redeliver(services(), stored.video.id, bodies.redeliver(req).id):
            deliver_soon(services(), delivery)
        return stored.video.id

    video_id = await in_thread(work)
    return await in_thread(lambda: _listed(video_id))


def _listed(video_id: str) -> func.HttpResponse:
    found = [_shown(each) for each in deliveries_of(services(), video_id)]
    return json_answer({"object": "list", "data": found, "has_more": False})


def _shown(delivery: Delivery) -> dict[str, Any]:
    name = webhook_name(delivery.target)
    pending = delivery.state == "pending"
    return {
        "id": delivery.id,
        "object": "delivery",
        "event_id": delivery.announcement.id,
        "type": EVENT_PREFIX + delivery.announcement.name,
        "target": "topic" if name is None else "webhook",
        "webhook": name,
        "status": delivery.state.value,
        "attempts": delivery.attempts,
        "created_at": delivery.created_ms // 1000,
        "last_attempt_at": _seconds(delivery.last_attempt_ms),
        "next_attempt_at": _seconds(delivery.due_ms) if pending else None,
        "delivered_at": _seconds(delivery.delivered_ms),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    }


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000
