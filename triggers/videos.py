"""`/openai/v1/videos`: create, list, get, content, remix, cancel, delete."""

import asyncio
import re
from typing import Any

import azure.functions as func

from shared.domain import retry_after
from shared.domain.errors import InvalidRequest
from shared.domain.ids import is_video_id
from shared.domain.limits import DEFAULT_PAGE, LONGEST_PAGE
from shared.domain.video import Status, Video
from shared.domain.work import instance_id
from shared.durable import workers
from shared.durable.sdk import Client, blueprint
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.remix import remix_video
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.requests.views import deleted_object, list_object, video_object
from shared.lifecycle.services import services
from shared.telemetry.events import Event, emit
from shared.telemetry.offload import in_thread
from triggers.web import bodies, prefer
from triggers.web.answers import BASE_PATH, answer, answer_async, json_answer
from triggers.web.authenticate import authenticate, on_behalf_of
from triggers.web.authorise import own_video
from triggers.web.content import serve
from triggers.web.query import parameter
from triggers.web.routes import http, http_with_client

bp = blueprint()

_POLL_AFTER_MS = 2000
_MOST_EPOCHS = 5
_PURGES_WITHIN = 10.0


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
        authenticated = authenticate(req)
        new = bodies.create_video(req)
        repeatable = bodies.repeatable(req, "videos")
        return admit(services(), authenticated.caller, new.request, repeatable, new.sources)

    return await _started(client, await in_thread(work))


async def _remix(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    def work() -> Admitted:
        bodies.check_size(req)
        _, stored = own_video(req)
        repeatable = bodies.repeatable(req, f"remix/{stored.video.id}")
        return remix_video(
            services(), stored.video, lambda source: bodies.remix_video(req, source), repeatable
        )

    return await _started(client, await in_thread(work))


async def _started(client: Client, admitted: Admitted) -> func.HttpResponse:
    """Start the worker of an admitted video and answer with it."""
    await workers.start_admitted(client, admitted)
    headers = _poll_headers(admitted.video)
    if admitted.replayed:
        headers["idempotent-replayed"] = "true"
    return json_answer(await _shown(admitted.video), headers=headers)


async def _shown(video: Video) -> dict[str, Any]:
    """The video object; where it stands in the line may have to be read from storage."""
    return await in_thread(lambda: video_object(video))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authenticated = authenticate(req)
    caller = on_behalf_of(req, authenticated)
    limit = _limit(parameter(req, "limit") or str(DEFAULT_PAGE))
    after = parameter(req, "after")
    if after is not None and not is_video_id(after):
        raise InvalidRequest(f"after {after!r} is not a video id.", param="after")
    order = parameter(req, "order") or "desc"
    if order not in ("asc", "desc"):
        raise InvalidRequest(f"order {order!r} is not asc or desc.", param="order")
    videos = services().videos
    page = videos.page if order == "desc" else videos.page_oldest_first
    found = page(
        caller,
        after=after,
        limit=limit + 1,
        status=_status(parameter(req, "status")),
        model=parameter(req, "model"),
    )
    return json_answer(list_object(found[:limit], has_more=len(found) > limit))


async def _get(req: func.HttpRequest) -> func.HttpResponse:
    _, stored = await in_thread(lambda: own_video(req, admins=True))

    def again() -> Video | None:
        found = services().videos.get(stored.video.caller, stored.video.id)
        return None if found is None else found.video

    video, headers = await prefer.until_ended(req, stored.video, again)
    return json_answer(await _shown(video), headers={**_poll_headers(video), **headers})


def _content(req: func.HttpRequest) -> func.HttpResponse:
    authenticated, stored = own_video(req)
    return serve(services(), req, authenticated, stored.video)


async def _cancel(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    _, stored = await in_thread(lambda: own_video(req))
    cancelled = await in_thread(lambda: cancel_video(services(), stored.video))
    await workers.wake(client, cancelled.hints)
    return json_answer(await _shown(cancelled.video))


async def _delete(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    _, stored = await in_thread(lambda: own_video(req))
    removed = await in_thread(lambda: delete_video(services(), stored))
    await workers.wake(client, removed.hints)
    left = await in_thread(lambda: services().work.get(stored.video.id))
    if left is None:  # else its worker still watches the job
        await _purge(client, stored.video.id)
    return json_answer(deleted_object(stored.video.id))


async def _purge(client: Client, video_id: str) -> None:
    """Delete the histories of a finished video's workers; the nightly purge gets what is left. One
    that is just ending cannot be purged yet, and says nothing about the others."""
    until = asyncio.get_running_loop().time() + _PURGES_WITHIN
    for epoch in range(1, _MOST_EPOCHS + 1):
        try:
            async with asyncio.timeout_at(until):
                await client.purge_instance_history(instance_id(video_id, epoch))
        except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.PURGE_FAILED, video_id=video_id, message=type(error).__name__)


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= LONGEST_PAGE:
        raise InvalidRequest(
            f"limit {text[:20]!r} is not a number from 1 to {LONGEST_PAGE}.", param="limit"
        )
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
        **retry_after.header(retry_after.until_poll(left)),
    }
