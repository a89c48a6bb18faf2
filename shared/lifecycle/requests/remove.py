"""Delete a video: its blobs, its rows and the upstream's copy go; its ledger entries stay.

An unfinished one is cancelled first. Its caller never sees it again, and the rest goes when its job
is over and its cost known.
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
    """The answer, the hints for the video's worker and the videos behind it, and whether no work is
    left."""

    answer: DeletedVideo
    hints: tuple[Hint, ...]
    over: bool


def delete_video(services: Services, video: Video) -> Removed:
    """Delete a video. Raises Conflict while its end is being carried out."""
    unfinished = not video.terminal
    cancelled = _cancelled(services, video) if unfinished else Cancelled(video)
    video = cancelled.video
    emit(Event.VIDEO_DELETED, video_id=video.id, caller=video.caller, unfinished=unfinished)
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
    """The video after its cancellation, or after another end that came first."""
    try:
        return cancel_video(services, video)
    except Conflict:
        stored = services.videos.get(video.caller, video.id)
        if stored is None or stored.video.terminal:
            return Cancelled(stored.video if stored else video)
        raise


def _noted(services: Services, video_id: str) -> bool:
    """Note the deletion in the video's row of work; False when that is gone. The last worker can
    only delete an unchanged row, so it cannot miss the note."""
    while (work := services.work.get(video_id)) is not None:
        if services.work.change(work, lambda current: replace(current, deleted=True)) is not None:
            return True
    return False


def _bury(services: Services, caller: str, video_id: str) -> None:
    """Hide the video from its caller at once; its last worker removes the rest."""
    while (stored := services.videos.get(caller, video_id)) is not None:
        try:
            services.videos.bury(stored)
        except RowChanged:
            continue
        break
    if services.work.get(video_id) is None:  # the worker was faster
        finish_video.remove_rest(services, caller, video_id)
