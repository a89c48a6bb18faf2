"""A remix: a new job that starts from the upstream's job of a finished video.

It goes to the deployment that made the video, while the upstream still has that job.
"""

from collections.abc import Callable
from dataclasses import replace

from shared.domain.errors import InvalidRequest
from shared.domain.request import Remix, VideoRequest
from shared.domain.video import Status, Video
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services


def remix_video(
    services: Services,
    video: Video,
    changed: Callable[[VideoRequest], VideoRequest],
    repeatable: Repeatable,
) -> Admitted:
    """Admit a remix of a caller's own video; `changed` puts the new prompt into its request.

    Raises InvalidRequest where it cannot be remixed (any more), and what `admit` raises.
    """
    if video.status is not Status.COMPLETED or not video.deployment or not video.job_id:
        raise _refused(f"The video is {video.status}; only a completed one can be remixed.")
    upstream = services.settings.upstream(video.deployment)
    if upstream is None:
        raise _refused(f"Its deployment {video.deployment} is not configured any more.")
    if not upstream.can.remix:
        raise InvalidRequest(
            f"Videos of {video.request.model} cannot be remixed: its API has no such operation. "
            "Create a new video instead.",
            code="unsupported_operation",
        )
    job = services.jobs.get(video.deployment, video.job_id)
    if job is None or job.expires_at <= services.clock():
        raise _refused(
            "The upstream keeps a job for 24 hours and has deleted this video's own; without it "
            "there is nothing to remix. Create a new video instead."
        )
    source = Remix(video_id=video.id, deployment=video.deployment, job_id=video.job_id)
    # the upstream takes a prompt only
    request = changed(replace(video.request, inputs=(), parameters={}, remix=source))
    return admit(services, video.caller, request, repeatable)


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{why} Nothing was charged.", code="remix_not_possible", param="video_id"
    )
