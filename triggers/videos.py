"""`/openai/v1/videos`: create, list, get, content, remix, cancel, delete."""

import re

import azure.functions as func

from shared import names
from shared.domain import polling
from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.ids import is_video_id
from shared.domain.video import Status, Video
from shared.domain.work import instance_id
from shared.durable import Client, blueprint
from shared.lifecycle.admit import Admitted, admit
from shared.lifecycle.cancel import cancel_video
from shared.lifecycle.remix import remix_video
from shared.lifecycle.remove import delete_video
from shared.lifecycle.services import Services, services
from shared.lifecycle.views import deleted_object, list_object, video_object
from shared.names import Hint
from shared.offload import in_thread
from shared.storage.videos import StoredVideo
from shared.telemetry import Event, emit
from triggers.web import bodies, waiting
from triggers.web.answers import BASE_PATH, answer, answer_async, json_answer
from triggers.web.authenticate import Identity, authenticate, on_behalf_of
from triggers.web.content import deliver
from triggers.web.routes import http, http_with_client

bp = blueprint()

_POLL_AFTER_MS = 2000
_MOST_EPOCHS = 5


@http_with_client(bp, f"{BASE_PATH}/videos", ["POST"])
async def create_video(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    return await answer_async(_create(req, client))


@http(bp, f"{BASE_PATH}/videos", ["GET"])
def list_videos(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _list(req))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}", ["GET"])
async def get_video(req: func.HttpRequest) -> func.HttpResponse:
    return await answer_async(_get(req))


@http_with_client(bp, f"{BASE_PATH}/videos/{{video_id}}", ["DELETE"])
async def remove_video(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    return await answer_async(_delete(req, client))


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/content", ["GET", "HEAD"])
def get_video_content(req: func.HttpRequest) -> func.HttpResponse:
    return answer(lambda: _content(req))


@http_with_client(bp, f"{BASE_PATH}/videos/{{video_id}}/remix", ["POST"])
async def remix(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    return await answer_async(_remix(req, client))


@http_with_client(bp, f"{BASE_PATH}/videos/{{video_id}}/cancel", ["POST"])
async def cancel(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    return await answer_async(_cancel(req, client))


async def _create(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    def work() -> Admitted:
        bodies.check_size(req)
        identity = authenticate(req)
        new = bodies.create_video(req)
        repeatable = bodies.repeatable(req, "videos")
        return admit(services(), identity.caller, new.request, repeatable, new.sources)

    return await _started(client, await in_thread(work))


async def _remix(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    def work() -> Admitted:
        bodies.check_size(req)
        _, stored, app = _authorised(req)
        repeatable = bodies.repeatable(req, f"remix/{stored.video.id}")
        return remix_video(
            app, stored.video, lambda source: bodies.remix_video(req, source), repeatable
        )

    return await _started(client, await in_thread(work))


async def _started(client: Client, admitted: Admitted) -> func.HttpResponse:
    """Start the worker of an admitted video and answer with it."""
    if not admitted.video.terminal:
        try:
            await client.start_new(names.GENERATE_VIDEO, admitted.instance, admitted.payload)
        except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
            if not admitted.replayed:  # a repeat finds it started
                # The video is on record; the sweep starts what nobody works on.
                emit(Event.START_LOST, instance=admitted.instance, message=type(error).__name__)
    headers = _poll_headers(admitted.video)
    if admitted.replayed:
        headers["idempotent-replayed"] = "true"
    return json_answer(video_object(admitted.video), headers=headers)


def _list(req: func.HttpRequest) -> func.HttpResponse:
    identity = authenticate(req)
    caller = on_behalf_of(req, identity)
    limit = _limit(req.params.get("limit", "20"))
    after = req.params.get("after") or None
    if after is not None and not is_video_id(after):
        raise InvalidRequest(f"after {after!r} is not a video id.", param="after")
    order = req.params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest(f"order {order!r} is not asc or desc.", param="order")
    videos = services().videos
    page = videos.page if order == "desc" else videos.page_oldest_first
    found = page(
        caller,
        after=after,
        limit=limit + 1,
        status=_status(req.params.get("status")),
        model=req.params.get("model") or None,
    )
    return json_answer(list_object(found[:limit], has_more=len(found) > limit))


async def _get(req: func.HttpRequest) -> func.HttpResponse:
    identity, stored, app = await in_thread(lambda: _authorised(req, admins=True))
    caller = stored.video.caller if identity.admin else identity.caller

    def again() -> Video | None:
        found = app.videos.get(caller, stored.video.id)
        return None if found is None else found.video

    video, headers = await waiting.until_ended(req, stored.video, again)
    return json_answer(video_object(video), headers={**_poll_headers(video), **headers})


def _content(req: func.HttpRequest) -> func.HttpResponse:
    identity, stored, app = _authorised(req)
    return deliver(app, req, identity, stored.video)


async def _cancel(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    _, stored, app = await in_thread(lambda: _authorised(req))
    cancelled = await in_thread(lambda: cancel_video(app, stored.video))
    await _raise_hints(client, cancelled.hints)
    return json_answer(video_object(cancelled.video))


async def _delete(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    _, stored, app = await in_thread(lambda: _authorised(req))
    removed = await in_thread(lambda: delete_video(app, stored))
    await _raise_hints(client, removed.hints)
    left = await in_thread(lambda: app.work.get(stored.video.id))
    if left is None:  # else its worker still watches the job
        await _purge(client, stored.video.id)
    return json_answer(deleted_object(stored.video.id))


async def _raise_hints(client: Client, hints: tuple[Hint, ...]) -> None:
    for hint in hints:
        try:
            await client.raise_event(hint["instance"], hint["event"], None)
        except Exception:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.HINT_LOST, instance=hint["instance"])


async def _purge(client: Client, video_id: str) -> None:
    """Delete the histories of a finished video's workers; the nightly purge gets what is left."""
    for epoch in range(1, _MOST_EPOCHS + 1):
        try:
            await client.purge_instance_history(instance_id(video_id, epoch))
        except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.PURGE_FAILED, video_id=video_id, message=type(error).__name__)
            return


def _authorised(
    req: func.HttpRequest, *, admins: bool = False
) -> tuple[Identity, StoredVideo, Services]:
    """The caller and its video; a stranger's video is simply not there."""
    identity = authenticate(req)
    caller = on_behalf_of(req, identity) if admins else identity.caller
    video_id = req.route_params.get("video_id", "")
    app = services()
    stored = app.videos.get(caller, video_id) if is_video_id(video_id) else None
    if stored is None:
        raise NotFound(f"Video {video_id[:80]!r} was not found.", param="video_id")
    return identity, stored, app


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise InvalidRequest(f"limit {text[:20]!r} is not a number from 1 to 100.", param="limit")
    return int(text)


def _status(text: str | None) -> Status | None:
    if not text:
        return None
    try:
        return Status(text)
    except ValueError:
        known = ", ".join(Status)
        raise InvalidRequest(f"status {text!r} is not one of {known}.", param="status") from None


def _poll_headers(video: Video) -> dict[str, str]:
    """When to ask again: `Retry-After` by the expected end. OpenAI's clients poll as
    `openai-poll-after-ms` first says, for good, so that stays small."""
    if video.terminal:
        return {}
    left = (video.estimated_completion_at or 0) - services().clock()
    return {
        "openai-poll-after-ms": str(_POLL_AFTER_MS),
        "retry-after": str(polling.retry_after(left)),
    }
