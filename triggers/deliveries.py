"""`/openai/v1/videos/{id}/deliveries` and `/redeliver`: what was told about a video, and again."""

import json
from typing import Any

import azure.functions as func

from shared.domain.announcement import EVENT_PREFIX, Delivery, webhook_name
from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.ids import is_video_id
from shared.durable import blueprint, http
from shared.lifecycle.deliver import deliver_soon, deliveries_of, redeliver
from shared.lifecycle.services import Services, services
from triggers.web.answers import BASE_PATH, answer, json_answer
from triggers.web.authenticate import authenticate

bp = blueprint()

_LARGEST_BODY = 4096


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
    chosen = _chosen(req.get_body())
    app, video_id = _authorised(req)
    for delivery in redeliver(app, video_id, chosen):
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


def _chosen(body: bytes) -> str | None:
    """The delivery that a redeliver's body names, if it names one. Raises InvalidRequest."""
    if not body.strip():
        return None
    try:
        parsed = json.loads(body[: _LARGEST_BODY + 1]) if len(body) <= _LARGEST_BODY else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidRequest(
            'The body is empty, or a JSON object like {"id": "evt_...-topic"}.', code="invalid_json"
        )
    unknown = set(parsed) - {"id"}
    if unknown:
        name = min(unknown)
        raise InvalidRequest(
            f"Unknown parameter: {name[:80]!r}. Known: id.", param="id", code="unknown_parameter"
        )
    chosen = parsed.get("id")
    if chosen is not None and not isinstance(chosen, str):
        raise InvalidRequest("id is the id of a delivery, a string.", param="id")
    return chosen


def _authorised(req: func.HttpRequest) -> tuple[Services, str]:
    """The services and a video of the caller's; a stranger's video is simply not there."""
    identity = authenticate(req)
    video_id = req.route_params.get("video_id", "")
    app = services()
    if not is_video_id(video_id) or app.videos.get(identity.caller, video_id) is None:
        raise NotFound(f"Video {video_id[:100]!r} was not found.", param="video_id")
    return app, video_id
