"""What operators see of the deployments, and how they pause and resume one.

The commands `python -m local pause` and `resume` use `hold` and `reopen` on the table alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.answers import deployments as answers
from shared.domain.errors import NotFound
from shared.domain.quota import DeploymentState
from shared.durable.names import Hint
from shared.lifecycle import line
from shared.lifecycle.background import backlog
from shared.lifecycle.requests import models, readiness
from shared.lifecycle.requests.models import Deployment
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream
from shared.storage.deployments import Deployments
from shared.storage.jobs import Job
from shared.telemetry.events import Event, emit


def listed(services: Services) -> answers.DeploymentList:
    """All deployments, and the line."""
    return answers.DeploymentList(
        object="list",
        data=[_shown(services, each) for each in models.deployments(services)],
        queue=readiness.queue(services, backlog.unfinished(services)),
    )


def pause(services: Services, name: str, *, by: str) -> answers.OperatedDeployment:
    """Give a deployment no new jobs; running ones are followed and collected. Can be repeated.
    Raises NotFound."""
    upstream = _upstream(services, name)
    hold(services.deployments, line.limits(services, upstream), by=by, now=services.clock())
    _tell(services, upstream.model)
    return _one(services, name)


@dataclass(frozen=True)
class Resumed:
    """A deployment that takes jobs again, and the hints for the videos that it called."""

    answer: answers.OperatedDeployment
    hints: Sequence[Hint]


def resume(services: Services, name: str, *, by: str) -> Resumed:
    """Give jobs to a deployment again, end its outage, and call who waits for it. Can be repeated.
    Raises NotFound."""
    upstream = _upstream(services, name)
    reopen(services.deployments, line.limits(services, upstream), by=by)
    hints = line.call_next(services)[1]
    _tell(services, upstream.model)
    return Resumed(_one(services, name), hints)


def _tell(services: Services, model: str) -> None:
    """Tell who waits for a model what holds it up now."""
    seen = line.Line(line.deployments(services))
    line.refresh(services, model, seen, services.snapshots.get(model))


def hold(stored: Deployments, limits: DeploymentState, *, by: str, now: float) -> DeploymentState:
    """Close a deployment's row to new jobs."""

    def held(state: DeploymentState) -> DeploymentState:
        since = state.paused_since if state.paused else 0.0
        return replace(state, paused=True, paused_since=since or now)

    state = stored.change(limits, held).state
    emit(Event.DEPLOYMENT_HELD, deployment=state.deployment, by=by, running=len(state.running))
    return state


def reopen(stored: Deployments, limits: DeploymentState, *, by: str) -> DeploymentState:
    """Open a deployment's row, whatever had closed it: it is tried at once."""

    def reopened(state: DeploymentState) -> DeploymentState:
        return replace(state, paused=False, paused_since=0.0, outage=None, paused_until=0.0)

    state = stored.change(limits, reopened).state
    emit(Event.DEPLOYMENT_REOPENED, deployment=state.deployment, by=by, running=len(state.running))
    return state


def _upstream(services: Services, name: str) -> Upstream:
    upstream = services.settings.upstream(name)
    if upstream is None:
        known = ", ".join(each.name for each in services.settings.upstreams)
        raise NotFound(
            f"There is no deployment {name[:80]!r}. UPSTREAMS has: {known}.", param="deployment"
        )
    return upstream


def _one(services: Services, name: str) -> answers.OperatedDeployment:
    (found,) = [each for each in models.deployments(services) if each.upstream.name == name]
    return _shown(services, found)


def _shown(services: Services, deployment: Deployment) -> answers.OperatedDeployment:
    upstream, outage = deployment.upstream, deployment.outage
    return answers.OperatedDeployment(
        **vars(readiness.health(deployment)),
        object="deployment",
        paused=deployment.paused,
        message=None if outage is None else outage.message or None,
        running=deployment.running,
        max_running=upstream.max_running,
        max_creates_per_minute=upstream.max_creates_per_minute,
        throttled=deployment.throttled,
        retires_at=deployment.retires_at,
        uncollected=_uncollected(services, services.jobs.uncollected(upstream.name)),
    )


def _uncollected(services: Services, jobs: Sequence[Job]) -> answers.UncollectedJobs:
    oldest = min(jobs, key=lambda job: job.created_at, default=None)
    return answers.UncollectedJobs(
        **vars(readiness.uncollected(services, jobs)),
        oldest_video_id=None if oldest is None else oldest.video_id,
    )
