"""Whose jobs a list shows besides: those of other submissions to the deployment, and of deployments
that share its server."""

from dataclasses import dataclass
from math import inf

from shared.domain.candidates import Fit, fit
from shared.domain.job import JobSummary
from shared.domain.request import VideoRequest
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream


@dataclass(frozen=True)
class Unanswered:
    """What was sent and has no known job: one that was made between two times, if any."""

    upstream: Upstream
    request: VideoRequest
    since: float
    until: float


def of(services: Services, upstream: Upstream) -> list[Upstream]:
    """The other deployments whose jobs are in this one's list."""

    def place(each: Upstream) -> tuple[str, str, str]:
        return each.dialect, each.endpoint, each.speaks.path_prefix

    return [
        each
        for each in services.settings.upstreams
        if each.name != upstream.name and place(each) == place(upstream)
    ]


def unanswered(
    services: Services, upstreams: list[Upstream], *, but: str, tolerance: float
) -> list[Unanswered]:
    """What was sent to these and has no known job yet, but for the video `but`; clocks may differ
    by `tolerance` seconds. Read it after a list and before who has claimed its jobs: then every job
    of theirs is either claimed or among these."""
    found = []
    by_name = {each.name: each for each in upstreams}
    for work in services.work.unanswered():
        upstream = by_name.get(work.deployment or "")
        if upstream is None or work.intent is None or work.video_id == but:
            continue
        video = services.videos.find(work.caller, work.video_id)
        if video is not None:
            ended = work.intent.connection_ended_at
            until = inf if ended is None else ended + tolerance
            since = work.intent.at - tolerance
            found.append(Unanswered(upstream, video.video.request, since, until))
    return found


def may_be(job: JobSummary, sent: Unanswered) -> bool:
    """Whether a job may be the one of another submission."""
    if job.created_at is not None and not sent.since <= job.created_at <= sent.until:
        return False
    upstream = sent.upstream
    names = (upstream.deployment, upstream.model)
    return fit(job, sent.request, names, upstream.speaks) > Fit.NO
