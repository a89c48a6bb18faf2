"""Whether a deployment takes another job, and when its 429 says to retry."""

import math
from collections.abc import Iterable
from email.utils import formatdate
from typing import Literal

from local.simulator.clock import MINUTE, Clock
from local.simulator.config import Deployment
from local.simulator.errors import ApiError, too_many_creates, too_many_running
from local.simulator.jobs import Job

RetryAfter = Literal["none", "seconds", "date", "ms", "both"]


def admit(jobs: Iterable[Job], deployment: Deployment, clock: Clock) -> None:
    """Refuse a create that breaks a limit of `deployment`.

    A create counts for a (scaled) minute once it is accepted; refused ones do not count [?].

    Raises:
        ApiError: 429, different for running jobs [L] and for creates per minute [3].
    """
    now = clock.now()
    mine = [job for job in jobs if job.deployment == deployment.name and job.counts]
    running = [job for job in mine if job.running()]
    if deployment.max_running is not None and len(running) >= deployment.max_running:
        wait = min((job.due() for job in running), default=now) - now
        raise _refusal(too_many_running(), deployment, wait, now)
    window = clock.lasts(MINUTE)
    recent = sorted(job.created_at for job in mine if job.created_at > now - window)
    most = deployment.max_creates_per_minute
    if most is not None and len(recent) >= most:
        wait = recent[len(recent) - most] + window - now if most else window
        raise _refusal(too_many_creates(math.ceil(wait)), deployment, wait, now)


def retry_headers(form: RetryAfter, wait: float, now: float) -> dict[str, str]:
    """`Retry-After` (whole seconds or a date) and/or `retry-after-ms`, for `wait` real seconds."""
    wait = max(0.0, wait)
    seconds = str(max(1, math.ceil(wait)))
    milliseconds = str(max(1, math.ceil(wait * 1000)))
    match form:
        case "seconds":
            return {"retry-after": seconds}
        case "date":
            return {"retry-after": formatdate(math.ceil(now + wait), usegmt=True)}
        case "ms":
            return {"retry-after-ms": milliseconds}
        case "both":
            return {"retry-after": seconds, "retry-after-ms": milliseconds}
        case _:
            return {}


def _refusal(error: ApiError, deployment: Deployment, wait: float, now: float) -> ApiError:
    error.headers = retry_headers(deployment.retry_after, wait, now)
    return error
