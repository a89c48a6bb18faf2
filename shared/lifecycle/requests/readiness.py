"""Can requests be served now? For probes and for people; costs a few small reads.

Ready means: storage answers, and at least one deployment takes requests. How long the line is and
how old the oldest uncollected job is are told, and do not make the app unready.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from functools import lru_cache

from shared.lifecycle import line
from shared.lifecycle.background import backlog
from shared.lifecycle.requests import models
from shared.lifecycle.requests.models import Deployment, Lifecycle
from shared.lifecycle.services import Services
from shared.telemetry.offload import in_context

_PATIENCE = 5.0
"""Real seconds for storage: its client tries for a minute, a probe does not wait so long."""


@dataclass(frozen=True)
class Queue:
    """What is unfinished; the wait is in seconds, None with nobody in line."""

    waiting: int
    working: int
    oldest_wait: float | None


@dataclass(frozen=True)
class Uncollected:
    """Upstream jobs whose files are not in storage yet; seconds, and unix seconds."""

    jobs: int
    oldest: float | None
    soonest_expiry_at: float | None


@dataclass(frozen=True)
class Stored:
    """What can only be told while storage answers."""

    deployments: list[Deployment]
    queue: Queue
    uncollected: Uncollected


@dataclass(frozen=True)
class Readiness:
    """`problems` is empty when the app is ready; `stored` is None without storage."""

    problems: tuple[str, ...]
    stored: Stored | None


def readiness(services: Services) -> Readiness:
    """How the app is now."""
    from azure.core.exceptions import AzureError

    reading: Future[Stored] = _pool().submit(in_context(_read), services)
    try:
        stored = reading.result(timeout=_PATIENCE)
    except TooSlow:
        reading.cancel()
        return Readiness((f"Storage did not answer within {_PATIENCE:.0f} s.",), None)
    except AzureError as error:
        return Readiness((f"Storage does not answer: {type(error).__name__}.",), None)
    problems = []
    if not any(deployment.takes_requests for deployment in stored.deployments):
        said = ", ".join(f"{each.upstream.name} {_why_not(each)}" for each in stored.deployments)
        problems.append(f"No deployment takes requests: {said}.")
    return Readiness(tuple(problems), stored)


def state(deployment: Deployment) -> str:
    """One word for a deployment: active, retiring, retired, paused or out."""
    if deployment.lifecycle is Lifecycle.RETIRED:
        return Lifecycle.RETIRED
    if deployment.outage is not None:
        return "out"
    paused = deployment.paused or deployment.paused_until is not None
    return "paused" if paused else deployment.lifecycle


def _why_not(deployment: Deployment) -> str:
    if deployment.outage is not None:
        return line.outage_text(deployment.outage)
    return f"is {deployment.lifecycle}"


def _read(services: Services) -> Stored:
    now = services.clock()
    unfinished, jobs = backlog.unfinished(services), backlog.uncollected(services)
    since = unfinished.waiting_since
    services.outputs.check()
    return Stored(
        models.deployments(services),
        Queue(
            waiting=unfinished.waiting,
            working=unfinished.working,
            oldest_wait=now - min(since) if since else None,
        ),
        Uncollected(
            jobs=len(jobs),
            oldest=now - min(job.created_at for job in jobs) if jobs else None,
            soonest_expiry_at=min((job.expires_at for job in jobs), default=None),
        ),
    )


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Threads that may hang on storage for a minute without holding a request."""
    return ThreadPoolExecutor(4, thread_name_prefix="readiness")
