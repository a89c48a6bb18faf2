"""Delete a video: its blobs, its rows and the upstream's copy go; its ledger stays.

One that is unfinished is cancelled first. Its caller never sees it again, and what is left of it
goes when its job is over and its money known.
"""

from contextlib import suppress

from shared.domain.errors import Conflict
from shared.domain.video import Status
from shared.lifecycle import inputs
from shared.lifecycle.cancel import Cancelled, cancel_video
from shared.lifecycle.services import Services
from shared.storage.layout import video_folder
from shared.storage.rows import RowChanged
from shared.storage.videos import StoredVideo
from shared.telemetry import Event, emit
from shared.upstream.protocol import UpstreamError

_CONFLICTS = 5


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
    if services.work.get(video.id) is not None:
        _bury(services, video.caller, video.id)
        return cancelled
    if video.deployment and video.job_id:
        client = services.client(video.deployment)
        if client is not None:
            with suppress(UpstreamError):  # what cannot be deleted there expires there
                client.delete(video.job_id, trace=video.id)
    services.outputs.delete_all(video_folder(video.id))
    inputs.drop(services, video.id)
    services.videos.delete(video)
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


def _bury(services: Services, caller: str, video_id: str) -> None:
    for _ in range(_CONFLICTS):
        found = services.videos.get(caller, video_id)
        if found is None:
            return
        try:
            services.videos.bury(found)
        except RowChanged:
            continue
        if found.video.status is Status.COMPLETED:
            services.outputs.delete_all(video_folder(video_id))
        break
    if services.work.get(video_id) is None:  # its last worker was faster and did not see the grave
        services.videos.unbury(caller, video_id)
