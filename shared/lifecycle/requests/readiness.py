"""Can requests be served now? For probes and for people; costs a few small reads.

Ready means that storage answers and at least one deployment takes requests. The answer also shows
the length of the line and the oldest uncollected job, which do not make the app unready.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from functools import lru_cache

from shared.answers import health as answers
from shared.answers.models import Lifecycle
from shared.lifecycle import line
from shared.lifecycle.background import backlog
from shared.lifecycle.background.backlog import Unfinished
from shared.lifecycle.requests import models
from shared.lifecycle.requests.models import Deployment
from shared.lifecycle.services import Services
from shared.storage.jobs import Job
from shared.telemetry.offload import in_context

_PATIENCE = 5.0
"""Real seconds for storage: its client tries for a minute, longer than a probe waits."""


def readiness(services: Services) -> answers.Readiness:
    """Whether the app is ready now."""
    from azure.core.exceptions import AzureError

    reading: Future[answers.Readiness] = _pool().submit(in_context(_read), services)
    try:
        return reading.result(timeout=_PATIENCE)
    except TooSlow:
        reading.cancel()
        return _without_storage(f"Storage did not answer within {_PATIENCE:.0f} s.")
    except AzureError as error:
        return _without_storage(f"Storage does not answer: {type(error).__name__}.")


def _without_storage(problem: str) -> answers.Readiness:
    return answers.Readiness(
        status="not_ready",
        problems=[problem],
        storage=answers.Storage(ready=False),
        deployments=[],
        queue=None,
        uncollected=None,
    )


def _read(services: Services) -> answers.Readiness:
    unfinished, jobs = backlog.unfinished(services), backlog.uncollected(services)
    services.outputs.check()
    deployments = models.deployments(services)
    problems = []
    if not any(deployment.takes_requests for deployment in deployments):
        reasons = ", ".join(f"{each.upstream.name} {_why_not(each)}" for each in deployments)
        problems.append(f"No deployment takes requests: {reasons}.")
    return answers.Readiness(
        status="not_ready" if problems else "ready",
        problems=problems,
        storage=answers.Storage(ready=True),
        deployments=[health(each) for each in deployments],
        queue=queue(services, unfinished),
        uncollected=uncollected(services, jobs),
    )


def queue(services: Services, unfinished: Unfinished) -> answers.Queue:
    """What is not done yet, as it is shown."""
    since = unfinished.oldest_since
    return answers.Queue(
        waiting=unfinished.waiting,
        working=unfinished.working,
        oldest_wait_seconds=None if since is None else int(services.clock() - since),
    )


def uncollected(services: Services, jobs: Sequence[Job]) -> answers.Uncollected:
    """Jobs whose outputs are not in storage yet, as they are shown."""
    oldest = min((job.created_at for job in jobs), default=None)
    return answers.Uncollected(
        jobs=len(jobs),
        oldest_seconds=None if oldest is None else int(services.clock() - oldest),
        soonest_expiry_at=min((int(job.expires_at) for job in jobs), default=None),
    )


def health(deployment: Deployment) -> answers.DeploymentHealth:
    """A deployment, as it is shown."""
    outage, until = deployment.outage, deployment.paused_until
    return answers.DeploymentHealth(
        name=deployment.upstream.name,
        model=deployment.upstream.model,
        ready=deployment.takes_requests,
        state=_state(deployment),
        reason=None if outage is None else outage.what,
        since=int(outage.since) if outage and outage.since else None,
        paused_until=None if until is None else int(until),
    )


def _state(deployment: Deployment) -> answers.State:
    if deployment.lifecycle is Lifecycle.RETIRED:
        return "retired"
    if deployment.outage is not None:
        return "out"
    if deployment.paused or deployment.paused_until is not None:
        return "paused"
    return "active" if deployment.lifecycle is Lifecycle.ACTIVE else "retiring"


def _why_not(deployment: Deployment) -> str:
    if deployment.outage is not None:
        return line.outage_text(deployment.outage)
    return f"is {deployment.lifecycle}"


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Threads that may wait for storage for a minute without blocking a request."""
    return ThreadPoolExecutor(4, thread_name_prefix="readiness")
