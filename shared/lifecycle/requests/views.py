"""Videos as the API and events show them."""

from shared.answers import videos as answers
from shared.domain.endings import delivery_notice
from shared.domain.ids import is_video_id
from shared.domain.money import usd
from shared.domain.request import VideoRequest
from shared.domain.video import Output, Status, Video
from shared.durable.names import BASE_PATH
from shared.lifecycle.line import QueuePosition, position_of
from shared.lifecycle.services import Services, is_storage_fault
from shared.settings.app import settings


def find_video(services: Services, caller: str, video_id: str) -> Video | None:
    """A caller's video; None for another caller's."""
    stored = services.videos.get(caller, video_id) if is_video_id(video_id) else None
    return None if stored is None else stored.video


def list_videos(
    services: Services,
    caller: str,
    *,
    after: str | None,
    limit: int,
    oldest_first: bool,
    status: Status | None,
    model: str | None,
) -> answers.VideoList:
    """A page of a caller's videos: at most `limit`, from the one behind `after` on."""
    read = services.videos.page(
        caller,
        after=after,
        limit=limit + 1,
        oldest_first=oldest_first,
        status=status,
        model=model,
    )
    videos = read[:limit]
    return answers.VideoList(
        object="list",
        data=[video_object(services, video) for video in videos],
        first_id=videos[0].id if videos else None,
        last_id=videos[-1].id if videos else None,
        has_more=len(read) > limit,
    )


def video_object(services: Services, video: Video) -> answers.Video:
    """A video with its position in line, which may be read from storage."""
    return shown(video, position_of(services, video))


def seen(services: Services, video: Video) -> answers.Video:
    """A video, without its position in line where that cannot be read now: the worker of a video
    that was admitted or cancelled must be started or woken all the same."""
    try:
        return video_object(services, video)
    except Exception as error:
        if not is_storage_fault(error):
            raise
        return shown(video)


def shown(video: Video, place: QueuePosition | None = None) -> answers.Video:
    """A video, with its place where it is in line."""
    request, error, cost = video.request, video.error, video.cost
    return answers.Video(
        id=video.id,
        object="video",
        model=request.model,
        rendered_by=request.renderer,
        asked=asked_of(request),
        status=video.status,
        progress=video.progress,
        created_at=video.created_at,
        completed_at=video.completed_at,
        expires_at=video.expires_at,
        prompt=request.prompt,
        size=request.size,
        seconds=str(request.seconds),
        remixed_from_video_id=request.remix.video_id if request.remix else None,
        error=None if error is None else answers.Failure(**vars(error)),
        n_variants=request.variants,
        stage=video.stage,
        queue_position=place.position if place else None,
        notice=place.notice if place else delivery_notice(video),
        estimated_completion_at=place.completes_at if place else video.estimated_completion_at,
        outputs=[_output(video, output) for output in video.outputs],
        cost=answers.Cost(
            currency="USD",
            estimated=usd(cost.estimated),
            actual=None if cost.actual is None else usd(cost.actual),
            state=cost.state,
        ),
        parameters=dict(request.parameters),
        metadata=dict(request.metadata),
        deployment=video.deployment,
        rescued=video.rescued,
    )


def asked_of(request: VideoRequest) -> answers.Asked | None:
    """What was asked for, where a successor renders another size or length."""
    asked = request.asked
    if asked is None:
        return None
    return answers.Asked(size=f"{asked.width}x{asked.height}", seconds=str(asked.seconds))


def _output(video: Video, output: Output) -> answers.Output:
    base = f"{settings().public_base_url}/{BASE_PATH}/videos/{video.id}/content"
    return answers.Output(
        index=output.index,
        url=base if output.index == 0 else f"{base}?index={output.index}",
        content_type=output.content_type,
        size_bytes=output.size_bytes,
        sha256=output.sha256,
        width=output.width,
        height=output.height,
        seconds=None if output.seconds is None else round(output.seconds, 3),
        variants=["video", *(extra.variant for extra in output.extras)],
    )
