"""`/openai/v1/videos`: create, list, get, content, remix, cancel, delete."""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

import azure.functions as func

from shared.answers import videos as answers
from shared.domain import retry_after
from shared.domain.errors import InvalidRequest
from shared.domain.ids import is_video_id
from shared.domain.video import Status, Video
from shared.domain.work import instance_id
from shared.durable import workers
from shared.durable.names import Hint
from shared.durable.sdk import Client, blueprint
from shared.lifecycle.requests import models, views
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.remix import remix_video
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import services
from shared.telemetry.events import Event, emit
from shared.telemetry.offload import in_thread
from triggers.web import bodies, prefer
from triggers.web.answers import BASE_PATH, Response, json_answer
from triggers.web.authenticate import authenticate, on_behalf_of
from triggers.web.authorise import own_video
from triggers.web.content import serve
from triggers.web.query import after, oldest_first, page_limit, parameter
from triggers.web.routes import http, http_with_client

bp = blueprint()

_POLL_AFTER_MS = 2000
_MOST_EPOCHS = 5
_PURGES_WITHIN = 10.0


class _Seen(NamedTuple):
    """A video and its answer."""

    video: Video
    shown: answers.Video

    @property
    def terminal(self) -> bool:
        return self.video.terminal


def _seen(video: Video) -> _Seen:
    return _Seen(video, views.seen(services(), video))


@http_with_client(bp, f"{BASE_PATH}/videos", ["POST"])
async def create_video(req: func.HttpRequest, client: Client) -> Response:
    def work() -> Admitted:
        bodies.check_size(req)
        authenticated = authenticate(req)
        new = bodies.create_video(req)
        repeatable = bodies.repeatable(req, "videos")
        return admit(services(), authenticated.caller, new.request, repeatable, new.sources)

    return await _started(client, work)


@http(bp, f"{BASE_PATH}/videos", ["GET"])
def list_videos(req: func.HttpRequest) -> Response:
    authenticated = authenticate(req)
    caller = on_behalf_of(req, authenticated)
    limit = page_limit(req)
    behind = after(req, is_video_id, "video")
    return json_answer(
        views.list_videos(
            services(),
            caller,
            after=behind,
            limit=limit,
            oldest_first=oldest_first(req),
            status=_status(parameter(req, "status")),
            model=parameter(req, "model"),
        )
    )


@http(bp, f"{BASE_PATH}/videos/{{video_id}}", ["GET"])
async def get_video(req: func.HttpRequest) -> Response:
    first = await in_thread(lambda: _seen(own_video(req, admins=True)[1]))

    def again() -> _Seen | None:
        video = views.find_video(services(), first.video.caller, first.video.id)
        return None if video is None else _seen(video)

    seen, headers = await prefer.until_ended(req, first, again)
    return json_answer(seen.shown, headers={**_poll_headers(seen.video), **headers})


@http_with_client(bp, f"{BASE_PATH}/videos/{{video_id}}", ["DELETE"])
async def remove_video(req: func.HttpRequest, client: Client) -> Response:
    removed = await in_thread(lambda: delete_video(services(), own_video(req)[1]))
    await workers.wake(client, removed.hints)
    if removed.over:  # otherwise its worker still watches the job
        await _purge(client, removed.answer.id)
    return json_answer(removed.answer)


@http(bp, f"{BASE_PATH}/videos/{{video_id}}/content", ["GET", "HEAD"])
def get_video_content(req: func.HttpRequest) -> Response:
    authenticated, video = own_video(req)
    return serve(services(), req, authenticated, video)


@http_with_client(bp, f"{BASE_PATH}/videos/{{video_id}}/remix", ["POST"])
async def remix(req: func.HttpRequest, client: Client) -> Response:
    def work() -> Admitted:
        bodies.check_size(req)
        _, video = own_video(req)
        repeatable = bodies.repeatable(req, f"remix/{video.id}")
        return remix_video(
            services(), video, lambda source: bodies.remix_video(req, source), repeatable
        )

    return await _started(client, work)


@http_with_client(bp, f"{BASE_PATH}/videos/{{video_id}}/cancel", ["POST"])
async def cancel(req: func.HttpRequest, client: Client) -> Response:
    def work() -> tuple[_Seen, Iterable[Hint]]:
        cancelled = cancel_video(services(), own_video(req)[1])
        return _seen(cancelled.video), cancelled.hints

    seen, hints = await in_thread(work)
    await workers.wake(client, hints)
    return json_answer(seen.shown)


async def _started(client: Client, work: Callable[[], Admitted]) -> Response:
    """Admit a video with `work`, start its worker, and answer with the video."""

    def admitted_and_seen() -> tuple[Admitted, _Seen]:
        admitted = work()
        return admitted, _seen(admitted.video)

    admitted, seen = await in_thread(admitted_and_seen)
    await workers.start_admitted(client, admitted)
    retires = models.retirement_headers(services(), seen.video.request.model)
    headers = {**_poll_headers(seen.video), **retires}
    if admitted.replayed:
        headers["idempotent-replayed"] = "true"
    return json_answer(seen.shown, headers=headers)


async def _purge(client: Client, video_id: str) -> None:
    """Delete the histories of a finished video's workers. One that is still ending cannot be purged
    yet, but others can; the nightly purge deletes the rest."""
    until = asyncio.get_running_loop().time() + _PURGES_WITHIN
    for epoch in range(1, _MOST_EPOCHS + 1):
        try:
            async with asyncio.timeout_at(until):
                await client.purge_instance_history(instance_id(video_id, epoch))
        except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.PURGE_FAILED, video_id=video_id, message=type(error).__name__)


def _status(text: str | None) -> Status | None:
    if not text:
        return None
    try:
        return Status(text)
    except ValueError:
        known = ", ".join(Status)
        raise InvalidRequest(f"status {text!r} is not one of {known}.", param="status") from None


def _poll_headers(video: Video) -> dict[str, str]:
    """When to poll again: `Retry-After` follows the expected end. OpenAI's clients use the first
    `openai-poll-after-ms` for all their polls, so it stays small."""
    if video.terminal:
        return {}
    left = (video.estimated_completion_at or 0) - services().clock()
    return {
        "openai-poll-after-ms": str(_POLL_AFTER_MS),
        **retry_after.header(retry_after.until_poll(left)),
    }
