"""`/openai/v1/videos`: create, get, list, content."""

import azure.functions as func

from shared import names
from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.ids import is_video_id
from shared.domain.video import Video
from shared.durable import Client, blueprint
from shared.lifecycle.admit import Admitted, admit
from shared.lifecycle.services import Services, services
from shared.offload import in_thread
from shared.telemetry import Event, emit
from triggers.web import bodies
from triggers.web.answers import BASE_PATH, answer, answer_async, json_answer
from triggers.web.authenticate import Identity, authenticate
from triggers.web.content import deliver
from triggers.web.routes import http, http_with_client
from triggers.web.views import list_object, video_object

bp = blueprint()

_POLL_AFTER_MS = 2000


@http_with_client(bp, f"{BASE_PATH}/videos", ["POST"])
async def create_video(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    return await answer_async(_create(req, client))


@http(bp, f"{BASE_PATH}/videos", ["GET"])
def list_videos(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _list(req))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}", ["GET"])
def get_video(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _get(req))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/content", ["GET", "HEAD"])
def get_video_content(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _content(req))


async def _create(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    bodies.check_size(req)
    identity = authenticate(req)
    request = bodies.create_video(req)
    repeatable = bodies.repeatable(req, "videos")
    admitted = await in_thread(lambda: admit(services(), identity.caller, request, repeatable))
    if not admitted.video.terminal:
        await _start(client, admitted)
    headers = _poll_headers(admitted.video)
    if admitted.replayed:
        headers["idempotent-replayed"] = "true"
    return json_answer(video_object(admitted.video), headers=headers)


async def _start(client: Client, admitted: Admitted) -> None:
    try:
        await client.start_new(names.GENERATE_VIDEO, admitted.instance, admitted.payload)
    except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
        if not admitted.replayed:  # a repeat finds it started
            # The video is on record; the sweep starts what nobody works on.
            emit(Event.START_LOST, instance=admitted.instance, message=type(error).__name__)


def _list(req: func.HttpRequest) -> func.HttpResponse:
    identity = authenticate(req)
    limit = _limit(req.params.get("limit", "20"))
    after = req.params.get("after") or None
    if after is not None and not is_video_id(after):
        raise InvalidRequest(f"after {after!r} is not a video id.", param="after")
    order = req.params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest(f"order {order!r} is not asc or desc.", param="order")
    videos = services().videos
    page = videos.page if order == "desc" else videos.page_oldest_first
    found = page(identity.caller, after=after, limit=limit + 1)
    return json_answer(list_object(found[:limit], has_more=len(found) > limit))


def _get(req: func.HttpRequest) -> func.HttpResponse:
    _, video, _ = _authorised(req)
    return json_answer(video_object(video), headers=_poll_headers(video))


def _content(req: func.HttpRequest) -> func.HttpResponse:
    identity, video, app = _authorised(req)
    return deliver(app, req, identity, video)


def _authorised(req: func.HttpRequest) -> tuple[Identity, Video, Services]:
    """The caller and its video; a stranger's video is simply not there."""
    identity = authenticate(req)
    video_id = req.route_params.get("video_id", "")
    app = services()
    stored = app.videos.get(identity.caller, video_id) if is_video_id(video_id) else None
    if stored is None:
        raise NotFound(f"Video {video_id!r} was not found.", param="video_id")
    return identity, stored.video, app


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise InvalidRequest(f"limit {text!r} is not a number from 1 to 100.", param="limit")
    return int(text)


def _poll_headers(video: Video) -> dict[str, str]:
    """When to ask again; OpenAI's clients keep the first value they see for all later polls."""
    if video.terminal:
        return {}
    return {"openai-poll-after-ms": str(_POLL_AFTER_MS), "retry-after": str(_POLL_AFTER_MS // 1000)}
