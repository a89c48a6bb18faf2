"""Delete a video: its blobs, its rows and the upstream's copy go; its ledger stays.

One that is unfinished is cancelled first. Its caller never sees it again, and what is left of it
goes when its job is over and its money known.
"""

from dataclasses import replace

from shared.domain.errors import Conflict
from shared.lifecycle.requests.cancel import Cancelled, cancel_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video
from shared.storage.rows import RowChanged
from shared.storage.videos import StoredVideo
from shared.telemetry.events import Event, emit


def delete_video(services: Services, stored: StoredVideo) -> Cancelled:
    """Take a video from its caller. Raises Conflict while its end is being carried out."""
    video = stored.video
    cancelled = Cancelled(video)
    if not video.terminal:
        cancelled = _cancelled(services, stored)
        video = cancelled.video
    emit(
        Event.VIDEO_DELETED,
        video_id=video.id,
        caller=video.caller,
        unfinished=not stored.video.terminal,
    )
    if _noted(services, video.id):
        _bury(services, video.caller, video.id)
        return cancelled
    finish_video.remove_rest(services, video.caller, video.id)
    finish_video.delete_job(services, video.deployment, video.job_id, video.id)
    return cancelled


def _cancelled(services: Services, stored: StoredVideo) -> Cancelled:
    """The video after its cancellation, or after an end that was faster."""
    try:
        return cancel_video(services, stored.video)
    except Conflict:
        found = services.videos.get(stored.video.caller, stored.video.id)
        if found is None or found.video.terminal:
            return Cancelled(found.video if found else stored.video)
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
