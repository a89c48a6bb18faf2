"""What is not done yet: unfinished videos, and jobs whose outputs are not in storage."""

from dataclasses import dataclass

from shared.domain.work import Phase
from shared.lifecycle import line
from shared.lifecycle.services import Services
from shared.storage.jobs import Job

_COUNTED = 2000


@dataclass(frozen=True)
class Unfinished:
    """Every video with work left. Times are unix seconds."""

    waiting: int
    oldest_since: float | None
    """When the first in line was admitted."""
    working: int
    """How many are in any other stage."""


def unfinished(services: Services) -> Unfinished:
    """Counted, up to two thousand; of a longer line as its snapshots say."""
    stages = services.work.stages(limit=_COUNTED)
    # one that its worker has not moved yet is still `admitting`
    in_line = (Phase.WAITING, Phase.ADMITTING)
    since = [created_at for stage, created_at in stages if stage in in_line]
    if len(stages) < _COUNTED:
        return Unfinished(len(since), min(since, default=None), len(stages) - len(since))
    waiting = 0
    for model in sorted({upstream.model for upstream in services.settings.upstreams}):
        snapshot = services.snapshots.recent(model)
        waiting += max(0, snapshot.waiting - line.served_since(services, model, snapshot))
    working = len(services.work.working())
    return Unfinished(max(waiting, len(since)), min(since, default=None), working)


def uncollected(services: Services) -> list[Job]:
    """The jobs of every configured deployment whose outputs are not in storage yet."""
    return [
        job
        for upstream in services.settings.upstreams
        for job in services.jobs.uncollected(upstream.name)
    ]
