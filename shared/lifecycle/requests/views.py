"""The video as API and events show it: OpenAI's object, with our own fields beside theirs."""

from typing import Any

from shared.domain.errors import Failure
from shared.domain.money import usd
from shared.domain.video import Output, Video
from shared.durable.names import BASE_PATH
from shared.lifecycle.line import QueuePosition, position_of
from shared.lifecycle.services import services
from shared.settings.app import settings


def video_object(video: Video) -> dict[str, Any]:
    """OpenAI's video object (all keys present, null where there is nothing) and what it lacks."""
    return shown(video, position_of(services(), video))


def shown(video: Video, place: QueuePosition | None = None) -> dict[str, Any]:
    """The video object of a video that stands at `place` in the line, or in none."""
    request = video.request
    return {
        "id": video.id,
        "object": "video",
        "model": request.model,
        "status": video.status.value,
        "progress": video.progress,
        "created_at": video.created_at,
        "completed_at": video.completed_at,
        "expires_at": video.expires_at,
        "prompt": request.prompt,
        "size": request.size,
        "seconds": str(request.seconds),
        "remixed_from_video_id": request.remix.video_id if request.remix else None,
        "error": None if video.error is None else _error(video.error),
        "n_variants": request.variants,
        "stage": None if video.stage is None else video.stage.value,
        "queue_position": place.position if place else None,
        "notice": place.notice if place else None,
        "estimated_completion_at": place.completes_at if place else video.estimated_completion_at,
        "outputs": [_output(video, output) for output in video.outputs],
        "cost": {
            "currency": "USD",
            "estimated": usd(video.cost.estimated),
            "actual": None if video.cost.actual is None else usd(video.cost.actual),
            "state": video.cost.state.value,
        },
        "metadata": dict(request.metadata),
        "deployment": video.deployment,
        "rescued": video.rescued,
    }


def list_object(videos: list[Video], *, has_more: bool) -> dict[str, Any]:
    """A page of OpenAI's list; `first_id` and `last_id` are set wherever there is anything."""
    return {
        "object": "list",
        "data": [video_object(video) for video in videos],
        "first_id": videos[0].id if videos else None,
        "last_id": videos[-1].id if videos else None,
        "has_more": has_more,
    }


def deleted_object(video_id: str) -> dict[str, Any]:
    """OpenAI's answer to a DELETE."""
    return {"id": video_id, "object": "video.deleted", "deleted": True}


def _error(failure: Failure) -> dict[str, Any]:
    return {
        "code": failure.code,
        "message": failure.message,
        "stage": failure.stage,
        "retryable": failure.retryable,
        "charged": failure.charged,
    }


def _output(video: Video, output: Output) -> dict[str, Any]:
    base = f"{settings().public_base_url}/{BASE_PATH}/videos/{video.id}/content"
    return {
        "index": output.index,
        "url": base if output.index == 0 else f"{base}?index={output.index}",
        "content_type": output.content_type,
        "size_bytes": output.size_bytes,
        "sha256": output.sha256,
        "width": output.width,
        "height": output.height,
        "seconds": None if output.seconds is None else round(output.seconds, 3),
        "variants": ["video", *(extra.variant for extra in output.extras)],
    }
