"""Deployments that share a server: a list there shows the jobs of all of them."""

from shared.domain.candidates import Fit, fit
from shared.domain.job import JobSummary
from shared.domain.request import VideoRequest
from shared.lifecycle import line
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream

Unanswered = tuple[Upstream, VideoRequest]


def of(services: Services, upstream: Upstream) -> list[Upstream]:
    """The other deployments whose jobs are in this one's list."""

    def place(each: Upstream) -> tuple[str, str, str]:
        return each.dialect, each.endpoint, each.speaks.path_prefix

    return [
        each
        for each in services.settings.upstreams
        if each.name != upstream.name and place(each) == place(upstream)
    ]


def unanswered(services: Services, neighbours: list[Upstream]) -> list[Unanswered]:
    """What was sent to them and has no known job yet. Read it after a list and before who has
    claimed its jobs: then every job of theirs is either claimed or among these."""
    if not neighbours:
        return []
    found = []
    by_name = {each.name: each for each in neighbours}
    for stored in line.deployments(services, list(by_name)):
        for video_id in stored.state.running:
            work = services.work.get(video_id)
            if work is None or work.intent is None or work.job is not None:
                continue
            video = services.videos.find(work.caller, video_id)
            if video is not None:
                found.append((by_name[stored.state.deployment], video.video.request))
    return found


def may_be(job: JobSummary, sent: Unanswered) -> bool:
    """Whether a job may be the one of another deployment's submission."""
    upstream, request = sent
    return fit(job, request, (upstream.deployment, upstream.model), upstream.speaks) > Fit.NO
