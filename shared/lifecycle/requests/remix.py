"""A remix: a new job that starts from the upstream's job of a finished video.

It goes to the deployment that made the video, while the upstream still has that job.
"""

from collections.abc import Callable
from dataclasses import replace

from shared.domain.errors import InvalidRequest
from shared.domain.request import Remix, VideoRequest
from shared.domain.video import Status, Video
from shared.lifecycle.requests.admit import Admitted, admit, repeated
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services


def remix_video(
    services: Services,
    video: Video,
    changed: Callable[[VideoRequest], VideoRequest],
    repeatable: Repeatable,
    most: int | None = None,
) -> Admitted:
    """Admit a remix of a caller's own video; `changed` puts the new prompt into its request, and
    `most` is what it may cost, in micro-USD.

    Raises InvalidRequest where it cannot be remixed (any more), and what `admit` raises.
    """
    if video.status is not Status.COMPLETED or not video.deployment or not video.job_id:
        raise _refused(f"The video is {video.status}; only a completed one can be remixed.")
    source = Remix(video_id=video.id, deployment=video.deployment, job_id=video.job_id)
    # the upstream takes a prompt only; the remix is of the model that made its source
    plain = replace(
        video.request,
        model=video.request.renderer,
        rendered_by=None,
        asked=None,
        inputs=(),
        parameters={},
        remix=source,
    )
    request = changed(plain)
    if (made := repeated(services, video.caller, request, repeatable)) is not None:
        return made  # whatever can be remixed now
    _check(services, video, video.deployment, video.job_id)
    return admit(services, video.caller, request, repeatable, most=most)


def _check(services: Services, video: Video, deployment: str, job_id: str) -> None:
    upstream = services.settings.upstream(deployment)
    if upstream is None:
        raise _refused(f"Its deployment {deployment} is not configured any more.")
    if not upstream.can.remix:
        raise InvalidRequest(
            f"Videos of {video.request.renderer} cannot be remixed: its API has no such operation. "
            "Create a new video instead.",
            code="unsupported_operation",
        )
    job = services.jobs.get(deployment, job_id)
    if job is None or job.expires_at <= services.clock():
        raise _refused(
            "The upstream keeps a job for 24 hours and has deleted this video's own; without it "
            "there is nothing to remix. Create a new video instead."
        )


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{why} Nothing was charged.", code="remix_not_possible", param="video_id"
    )
