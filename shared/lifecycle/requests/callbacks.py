"""A callback: an upstream says that a job has ended. It is a hint to look now, and no more.

It costs one or two point reads, and for a job that is being followed another one and, if it is the
first since the last look, a write and an event. Whoever can send more of them causes at most one
poll of the job in each shortest pause.
"""

from collections.abc import Mapping

from shared.domain.errors import InvalidRequest, NotAuthenticated, NotFound, Unavailable
from shared.domain.job import identity
from shared.domain.work import Work, instance_id
from shared.durable.names import Hint
from shared.lifecycle.services import Services
from shared.settings.app import SettingsError
from shared.signatures import BadSecret, BadSignature
from shared.telemetry.events import Event, emit
from shared.upstream.callbacks import NoJob, job_id


def called_back(
    services: Services, deployment: str, headers: Mapping[str, str], body: bytes
) -> tuple[Hint, ...]:
    """The hint for the worker that follows the job of a callback, if one does.

    Raises NotFound for a deployment that does not call back, NotAuthenticated for a bad signature,
    InvalidRequest for a call about no job, and Unavailable where its secret is misconfigured.
    """
    named = _job_named(services, deployment, headers, body)
    bound = services.jobs.get(deployment, named)
    work = None if bound is None or bound.collected else services.work.get(bound.video_id)
    if work is None:  # the call may be faster than the answer to the create
        return ()
    news: tuple[Hint, ...] = ()

    def note(current: Work) -> Work | None:
        nonlocal news
        news, job = (), current.job
        if job is None or current.deployment != deployment or identity(job.id) != identity(named):
            return None
        if job.callback is None or job.called_back or job.collecting or current.verdict is not None:
            return None
        instance = instance_id(current.video_id, current.epoch)
        news = ({"instance": instance, "event": job.callback},)
        return current.with_job(called_back=True)

    services.work.change(work, note)
    if news:
        emit(Event.CALLED_BACK, video_id=work.video_id, deployment=deployment, job_id=named)
    return news


def _job_named(services: Services, deployment: str, headers: Mapping[str, str], body: bytes) -> str:
    upstream = services.settings.upstream(deployment)
    if upstream is None or upstream.callback is None:
        raise NotFound("No such deployment calls back here.", code="unknown_callback")
    try:
        return job_id(upstream, headers, body, services.clock())
    except BadSignature as error:
        raise NotAuthenticated(f"The call is refused: {error}.", code="bad_signature") from None
    except NoJob as error:
        raise InvalidRequest(f"The call is about no job: {error}.", param="data") from None
    except (SettingsError, BadSecret) as error:
        emit(Event.MISCONFIGURED, message=f"callback of {deployment}: {error}")
        raise Unavailable("Callbacks cannot be checked right now.") from None
