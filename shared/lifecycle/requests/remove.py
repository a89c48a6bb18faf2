"""Delete a video: its blobs, its rows and the upstream's copy go; its ledger stays.

One that is unfinished is cancelled first. Its caller never sees it again, and what is left of it
goes when its job is over and its money known.
"""

from dataclasses import dataclass, replace

from shared.answers.videos import DeletedVideo
from shared.domain.errors import Conflict
from shared.domain.video import Video
from shared.durable.names import Hint
from shared.lifecycle.requests.cancel import Cancelled, cancel_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit


@dataclass(frozen=True)
class Removed:
    """What is left of a video, the hints for its worker and those behind it, and whether nobody
    works on it any more."""

    answer: DeletedVideo
    hints: tuple[Hint, ...]
    over: bool


def delete_video(services: Services, video: Video) -> Removed:
    """Take a video from its caller. Raises Conflict while its end is being carried out."""
    unfinished = not video.terminal
    cancelled = _cancelled(services, video) if unfinished else Cancelled(video)
    video = cancelled.video
    emit(
        Event.VIDEO_DELETED,
        video_id=video.id,
        caller=video.caller,
        unfinished=unfinished,
    )
    if _noted(services, video.id):
        _bury(services, video.caller, video.id)
    else:
        finish_video.remove_rest(services, video.caller, video.id)
        finish_video.delete_job(services, video.deployment, video.job_id, video.id)
    return Removed(
        DeletedVideo(id=video.id, object="video.deleted", deleted=True),
        cancelled.hints,
        over=services.work.get(video.id) is None,
    )


def _cancelled(services: Services, video: Video) -> Cancelled:
    """The video after its cancellation, or after an end that was faster."""
    try:
        return cancel_video(services, video)
    except Conflict:
        found = services.videos.get(video.caller, video.id)
        if found is None or found.video.terminal:
            return Cancelled(found.video if found else video)
        raise


def _noted(services: Services, video_id: str) -> bool:
    """Leave a note for whoever still works on the video; False when nobody does any more.

    The note is in the row that its last worker deletes by version, which cannot miss it."""
    while (work := services.work.get(video_id)) is not None:
        if services.work.change(work, lambda current: replace(current, deleted=True)) is not None:
            return True
    return False


def _bury(services: Services, caller: str, video_id: str) -> None:
    """Out of its caller's sight at once; its last worker removes the rest."""
    while (found := services.videos.get(caller, video_id)) is not None:
        try:
            services.videos.bury(found)
        except RowChanged:
            continue
        break
    if services.work.get(video_id) is None:  # the worker was faster than this
        finish_video.remove_rest(services, caller, video_id)
