"""What the tools do: each is one use case of the API, for the caller whose key came with the
request. All raise Problems."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.answers.models import ModelList
from shared.answers.quotes import Quote
from shared.answers.tools import WaitedVideo
from shared.answers.usage import Usage
from shared.answers.videos import Video, VideoList
from shared.domain import retry_after, video
from shared.domain.errors import InvalidRequest, NotFound
from shared.durable import workers
from shared.durable.sdk import Client
from shared.lifecycle.requests import cancel, fields, models, remix, views
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.quote import quote
from shared.lifecycle.requests.usage import usage
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.mcp import arguments
from triggers.web import prefer

_LATEST = 3600.0
"""Seconds: whoever comes back later than that learns too late that a render took less."""
_SOON = 5.0


@dataclass(frozen=True)
class Call:
    """One call of a tool, by an authenticated caller."""

    caller: str
    client: Client
    arguments: Mapping[str, Any]


async def list_models(call: Call) -> ModelList:
    fields.validated(arguments.Nothing, call.arguments)
    return await in_thread(lambda: models.list_models(services()))


async def quote_video(call: Call) -> Quote:
    def work() -> Quote:
        new = fields.parse(call.arguments)
        return quote(services(), call.caller, new.request, new.sources)

    return await in_thread(work)


async def create_video(call: Call) -> Video:
    def work() -> Admitted:
        wanted, spending = arguments.spending(call.arguments)
        new = fields.parse(wanted)
        repeatable, most = spending.repeatable("videos"), spending.most
        return admit(services(), call.caller, new.request, repeatable, new.sources, most=most)

    return await _started(call, work)


async def remix_video(call: Call) -> Video:
    def work() -> Admitted:
        wanted, spending = arguments.spending(call.arguments)
        source = _own(call, wanted.pop("video_id", None))
        return remix.remix_video(
            services(),
            source,
            lambda request: fields.remixed(wanted, request),
            spending.repeatable(f"remix/{source.id}"),
            spending.most,
        )

    return await _started(call, work)


async def _started(call: Call, work: Callable[[], Admitted]) -> Video:
    def admitted_and_shown() -> tuple[Admitted, Video]:
        admitted = work()
        return admitted, views.seen(services(), admitted.video)

    admitted, shown = await in_thread(admitted_and_shown)
    await workers.start_admitted(call.client, admitted)
    return shown


async def get_video(call: Call) -> Video:
    def work() -> Video:
        wanted = fields.validated(arguments.OneVideo, call.arguments)
        return views.seen(services(), _own(call, wanted.video_id))

    return await in_thread(work)


async def wait_for_video(call: Call) -> WaitedVideo:
    wanted = fields.validated(arguments.Wait, call.arguments)
    found = await in_thread(lambda: _own(call, wanted.video_id))
    latest = await prefer.ended_within(
        wanted.seconds, found, lambda: views.find_video(services(), call.caller, found.id)
    )
    shown = await in_thread(lambda: views.seen(services(), latest or found))
    return WaitedVideo(**dict(shown), retry_after=_come_back(latest or found, shown))


async def list_videos(call: Call) -> VideoList:
    def work() -> VideoList:
        wanted = fields.validated(arguments.ListOf, call.arguments)
        return views.list_videos(
            services(),
            call.caller,
            after=wanted.after,
            limit=wanted.limit,
            oldest_first=wanted.order == "asc",
            status=wanted.status,
            model=wanted.model,
        )

    return await in_thread(work)


async def cancel_video(call: Call) -> Video:
    def work() -> tuple[Video, Any]:
        wanted = fields.validated(arguments.OneVideo, call.arguments)
        cancelled = cancel.cancel_video(services(), _own(call, wanted.video_id))
        return views.seen(services(), cancelled.video), cancelled.hints

    shown, hints = await in_thread(work)
    await workers.wake(call.client, hints)
    return shown


async def get_usage(call: Call) -> Usage:
    def work() -> Usage:
        wanted = fields.validated(arguments.Usage, call.arguments)
        first, last = _day("from", wanted.first), _day("to", wanted.to)
        return usage(services(), call.caller, first, last, wanted.group_by)

    return await in_thread(work)


def _own(call: Call, video_id: object) -> video.Video:
    """The caller's video. Raises InvalidRequest, or NotFound, also for another caller's."""
    given = {} if video_id is None else {"video_id": video_id}
    wanted = fields.validated(arguments.OneVideo, given).video_id
    found = views.find_video(services(), call.caller, wanted)
    if found is None:
        raise NotFound(f"You have no video {wanted}.", param="video_id")
    return found


def _come_back(found: video.Video, shown: Video) -> int | None:
    """When an end is to be expected, in seconds; soon, where it was expected already."""
    if found.terminal:
        return None
    left = (shown.estimated_completion_at or 0) - services().clock()
    return (
        retry_after.whole_seconds(min(_LATEST, left)) if left > 0 else retry_after.until_poll(_SOON)
    )


def _day(name: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"{name} {text!r} is not a day like 2026-11-21.", param=name) from None
