"""What is not done yet: unfinished videos, and jobs whose outputs are not in storage."""

from dataclasses import dataclass

from shared.domain.work import Phase
from shared.lifecycle.services import Services
from shared.storage.jobs import Job


@dataclass(frozen=True)
class Unfinished:
    """Every video with work left. Times are unix seconds."""

    waiting_since: tuple[float, ...]
    """When the videos in line were admitted."""
    working: int
    """How many are in any other stage."""

    @property
    def waiting(self) -> int:
        return len(self.waiting_since)


def unfinished(services: Services) -> Unfinished:
    stages = services.work.stages()
    waiting = tuple(created_at for stage, created_at in stages if stage is Phase.WAITING)
    return Unfinished(waiting, len(stages) - len(waiting))


def uncollected(services: Services) -> list[Job]:
    """The jobs of every configured deployment whose outputs are not in storage yet."""
    return [
        job
        for upstream in services.settings.upstreams
        for job in services.jobs.uncollected(upstream.name)
    ]
