"""`/openai/v1/videos/{id}/deliveries` and `/redeliver`: what was told about a video, and again."""

from typing import Any

import azure.functions as func

from shared.domain.announcement import EVENT_PREFIX, Delivery, webhook_name
from shared.domain.errors import NotFound
from shared.domain.ids import is_video_id
from shared.durable import blueprint
from shared.lifecycle.deliver import deliver_soon, deliveries_of, redeliver
from shared.lifecycle.services import Services, services
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, answer, json_answer
from triggers.web.authenticate import authenticate
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/deliveries", ["GET"])
def list_deliveries(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _list(req))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/redeliver", ["POST"])
def redeliver_video(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _redeliver(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    app, video_id = _authorised(req)
    return _listed(app, video_id)


def _redeliver(req: func.HttpRequest) -> func.HttpResponse:
    bodies.check_size(req)
    app, video_id = _authorised(req)
    for delivery in redeliver(app, video_id, bodies.redeliver(req).id):
        deliver_soon(app, delivery)
    return _listed(app, video_id)


def _listed(app: Services, video_id: str) -> func.HttpResponse:
    found = [_shown(each) for each in deliveries_of(app, video_id)]
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


def _authorised(req: func.HttpRequest) -> tuple[Services, str]:
    """The services and a video of the caller's; a stranger's video is simply not there."""
    identity = authenticate(req)
    video_id = req.route_params.get("video_id", "")
    app = services()
    if not is_video_id(video_id) or app.videos.get(identity.caller, video_id) is None:
        raise NotFound(f"Video {video_id[:100]!r} was not found.", param="video_id")
    return app, video_id
