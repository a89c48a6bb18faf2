"""Submit at most once: the intent is on record before the POST, the job id before the first poll.

Only the execution that moved the row from `nothing` to `intent` may POST. Whoever finds an intent
that is not its own (a repeated activity, a new worker) looks for the job in the upstream's list.
"""

import uuid
from contextlib import suppress
from dataclasses import replace

from shared.domain import latency, polling
from shared.domain.ledger import Kind
from shared.domain.outage import TurnedAway
from shared.domain.video import Stage
from shared.domain.work import Submit, Work, WorkStage
from shared.lifecycle import expect, line
from shared.lifecycle.requests import inputs
from shared.lifecycle.services import Services
from shared.lifecycle.steps import verdicts
from shared.lifecycle.steps.step import Done, begin, change, done, overtaken, show, update
from shared.storage.jobs import Job
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import (
    AnswerLost,
    DeploymentOut,
    Dialect,
    JobStatus,
    JobSummary,
    NotSent,
    Refused,
    Throttled,
    UpstreamError,
)

MOST_POSTS = 2
"""How often a video is POSTed at most, for whatever reason."""
_CLOCK_TOLERANCE = 60.0
"""By how much the upstream's clock may be behind ours; never less than two seconds, because
upstreams cut their times to whole seconds."""
ABSENCE = 120.0
"""How long after a connection ended a job may still appear in the upstream's list."""
_PAUSE = 20.0
"""How long a 429 without Retry-After pauses a deployment."""
_MOST_TURNED_AWAY = 6
"""A video that a deployment turns away this often in a row, while it takes others in between, is
what the deployment minds."""


def submit_job(services: Services, video_id: str, epoch: int) -> Done:
    """Create the upstream job of a video whose turn has come.

    Outcomes: submitted, again, reconcile, decided, watching, done, superseded.
    """
    work = begin(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    if work.verdict is not None:
        return done("decided")
    if work.ended:
        return done("watching")
    if work.submit is Submit.KNOWN:
        return done("submitted")
    client = services.client(work.deployment or "")
    if work.submit is Submit.INTENT:
        # also where the deployment is not configured any more: something may have been sent
        return _reconcile(services, work, client)
    if client is None:
        return _again(services, work, _taken_back(services, work, troubles=work.troubles))
    return _post(services, work, client)


def _post(services: Services, work: Work, client: Dialect) -> Done:
    video = show(services, work, Stage.SUBMITTING)
    if video is None:
        return done("done")
    if video.terminal:  # it has ended, and a try of its request that came late revived its work
        hints = line.hand_over(services, work)
        with suppress(RowChanged):
            services.work.delete(work)
        return done("done", hints=hints)
    media = inputs.load(services, video)
    if media is None:
        hints = line.hand_over(services, work)
        return verdicts.decide(services, work, _INPUT_MISSING, hints=hints)
    execution = uuid.uuid4().hex
    intent = change(services, work, lambda current: _intent(current, execution, services.clock()))
    if intent is None:
        return done("superseded")
    if intent.intent_by != execution:
        return done("again", wait=0.0)
    work = intent
    try:
        job = client.submit(video.request, media, trace=f"{work.video_id}-{work.posts}")
    except UpstreamError as error:
        return _not_submitted(services, work, error)
    return _known(services, work, job.job_id, job)


def _intent(current: Work, execution: str, now: float) -> Work | None:
    if current.submit is not Submit.NOTHING or current.verdict is not None:
        return None
    return replace(
        current,
        submit=Submit.INTENT,
        posts=current.posts + 1,
        intent_at=now,
        intent_by=execution,
        connection_ended_at=None,
        missing_since=None,
    )


def _not_submitted(services: Services, work: Work, error: UpstreamError) -> Done:
    emit(
        Event.SUBMIT_FAILED,
        video_id=work.video_id,
        deployment=work.deployment,
        kind=type(error).__name__,
        message=str(error),
    )
    if isinstance(error, NotSent):
        return _turned_away(services, work, TurnedAway(status=None, message=str(error)))
    if isinstance(error, DeploymentOut):
        refusal = TurnedAway(status=error.status, message=str(error), final=error.final)
        return _turned_away(services, work, refusal)
    if isinstance(error, Throttled):
        # what the upstream says is in real seconds; our own guess is a duration of ours
        told = error.retry_after
        return _throttled(
            services, work, services.settings.durations.of(_PAUSE) if told is None else told
        )
    if isinstance(error, Refused):
        line.works(services, work)
        return _refused(services, work, str(error), moderated=error.moderated)
    assert isinstance(error, AnswerLost)
    now = services.clock()
    update(services, work, connection_ended_at=now)
    return done("reconcile", wait=0.0, stage=Stage.SUBMITTING)


def _throttled(services: Services, work: Work, pause: float) -> Done:
    back = _taken_back(services, work, troubles=0)
    line.throttle(services, work, pause)
    emit(
        Event.DEPLOYMENT_PAUSED,
        deployment=work.deployment,
        video_id=work.video_id,
        seconds=pause,
        reason="429",
        since_seconds=0.0,
    )
    return _again(services, work, back)


def _turned_away(services: Services, work: Work, refusal: TurnedAway) -> Done:
    """The deployment turns everybody away, at least for now. Or it minds this video: then it takes
    others between the times that it turns this one away, and only those times are counted."""
    now = services.clock()
    back = _taken_back(services, work, troubles=work.troubles)
    state = line.turn_away(services, work, refusal)
    if state is None or state.outage is None:  # it is not configured any more
        return _again(services, work, back)
    if state.outage.final:
        emit(
            Event.DEPLOYMENT_OUT,
            deployment=work.deployment,
            video_id=work.video_id,
            status=refusal.status,
            message=refusal.message,
        )
        return _again(services, work, back)
    emit(
        Event.DEPLOYMENT_PAUSED,
        deployment=work.deployment,
        video_id=work.video_id,
        seconds=state.paused_until - now,
        reason=str(refusal.status or "unreachable"),
        since_seconds=now - state.outage.since,
    )
    if back is not None and refusal.status is not None and state.outage.failures == 1:
        back = update(services, back, troubles=back.troubles + 1)
        if back is not None and back.troubles >= _MOST_TURNED_AWAY:
            return _refused(
                services,
                back,
                f"{work.deployment} takes other requests and turned this one away {back.troubles} "
                f"times: {refusal.status} {refusal.message}",
            )
    return _again(services, work, back)


def _refused(services: Services, work: Work, message: str, *, moderated: bool = False) -> Done:
    """The upstream will not have this request: nothing was created."""
    verdict = verdicts.failed(
        "moderation_blocked" if moderated else "refused",
        message,
        stage=Stage.SUBMITTING,
        retryable=False,
        money=Kind.RELEASE,
        basis="refused_not_created",
    )
    hints = line.hand_over(services, work)
    return verdicts.decide(services, work, verdict, hints=hints)


def _taken_back(services: Services, work: Work, *, troubles: int) -> Work | None:
    """Nothing was created: the row goes back to `nothing`. First the row, then the slot: whoever
    finds the row as it was must still hold it. `troubles` is how often this video was turned away
    in a row. None: it was cancelled meanwhile, or another worker has it."""
    return update(
        services,
        work,
        submit=Submit.NOTHING,
        stage=WorkStage.WAITING,
        deployment=None,
        posts=max(0, work.posts - (work.submit is Submit.INTENT)),
        troubles=troubles,
    )


def _again(services: Services, work: Work, back: Work | None) -> Done:
    """The slot goes to the next in line, and the video back into it."""
    if back is None:
        return _never_created(services, work)
    line.free(services, work)
    show(services, back, Stage.WAITING_FOR_QUOTA)
    _, hints = line.call_next(services)
    return done("again", wait=0.0, stage=Stage.WAITING_FOR_QUOTA, progress=0, hints=hints)


def _never_created(services: Services, work: Work) -> Done:
    """Nothing was created, and meanwhile the video was cancelled (or another worker has it)."""
    hints = line.hand_over(services, work)

    def nothing(current: Work) -> Work | None:
        mine = current.submit is Submit.INTENT and current.intent_by == work.intent_by
        return replace(current, submit=Submit.NOTHING) if mine else None

    change(services, work, nothing)
    return overtaken(services, work, hints)


def _known(services: Services, work: Work, job_id: str, job: JobStatus | None = None) -> Done:
    """Bind the job, then put it on record, then let the next one submit."""
    now, durations = services.clock(), services.settings.durations
    created_at = (job.created_at if job else None) or now
    expires_at = (job.expires_at if job else None) or created_at + durations.sora_retention
    assert work.deployment is not None, "a granted video has a deployment"
    bound = Job(
        deployment=work.deployment,
        job_id=job_id,
        video_id=work.video_id,
        caller=work.caller,
        created_at=created_at,
        expires_at=expires_at,
    )
    if not services.jobs.bind(bound):
        return done("reconcile", wait=0.0)
    # Upstreams cut their times to whole seconds of their own clock; by ours the job was created
    # between the intent and now.
    began = min(now, max(created_at, work.intent_at or created_at))
    sketch = expect.at_submit(services, work)

    def write(current: Work) -> Work:
        stage = current.stage if current.verdict is not None else WorkStage.RENDERING
        return replace(
            current,
            submit=Submit.KNOWN,
            stage=WorkStage.WATCHING if current.ended else stage,
            job_id=job_id,
            job_created_at=began,
            job_expires_at=expires_at,
            job_deadline=now + durations.job_deadline,
            expected=expect.median(services, sketch),
            sketch=latency.dumps(sketch),
            progress=None,
            progress_at=None,
            troubles=0,
            missing_since=None,
        )

    known = change(services, work, write)
    if known is None:
        return done("superseded")
    line.close_submit(services, known, until=expires_at)
    emit(
        Event.JOB_SUBMITTED,
        video_id=work.video_id,
        caller=work.caller,
        deployment=work.deployment,
        job_id=job_id,
        posts=work.posts,
        waited_seconds=now - work.created_at,
    )
    ahead = expect.next_of(services, known, now, sketch=sketch)
    show(services, known, Stage.RENDERING, progress=0, estimate=now + ahead.end)
    _, hints = line.call_next(services)
    return done("submitted", wait=ahead.poll, stage=Stage.RENDERING, progress=0, hints=hints)


def _reconcile(services: Services, work: Work, client: Dialect | None) -> Done:
    """An intent without a job id: find the job that its POST created, if it created one."""
    durations, now = services.settings.durations, services.clock()
    assert work.intent_at is not None, "an intent has a time"
    if work.connection_ended_at is None:
        # a worker died between intent and answer; whatever it had open has ended by now
        work = update(services, work, connection_ended_at=now) or work
    ended = work.connection_ended_at or now
    upstream = services.settings.upstream(work.deployment or "")
    if upstream is None or client is None:
        if now > ended + durations.job_deadline:
            return _unknown(services, work, "its deployment is not configured any more")
        return _look_again(services, work, durations.of(polling.backoff(work.troubles + 1)))
    known = services.jobs.bound_to(upstream.name, work.video_id)
    if known is not None:
        return bind_job(services, work, client, known.job_id)
    if not upstream.can_list:
        return _unknown(services, work, "the upstream cannot list its jobs")
    if now > ended + durations.job_deadline:
        return _unknown(services, work, "the upstream's list could not be read in time")
    try:
        candidates = find_candidates(services, work, client)
    except UpstreamError as error:
        emit(
            Event.RECONCILE_FAILED,
            video_id=work.video_id,
            deployment=work.deployment,
            message=str(error),
        )
        return _look_again(services, work, durations.of(polling.backoff(work.troubles + 1)))
    if len(candidates) > 1:
        return _unknown(services, work, f"{len(candidates)} jobs could be this video's")
    if candidates:
        return bind_job(services, work, client, candidates[0].job_id)
    return _absent(services, work, now=now, ended=ended)


def find_candidates(services: Services, work: Work, client: Dialect) -> list[JobSummary]:
    """The upstream's jobs that the last POST of a video may have created: recent enough, not
    bound to another video, and alike in everything that the list shows. Raises UpstreamError."""
    video = services.videos.find(work.caller, work.video_id)
    upstream = services.settings.upstream(work.deployment or "")
    if video is None or upstream is None or work.intent_at is None:
        return []
    tolerance = max(2.0, services.settings.durations.of(_CLOCK_TOLERANCE))
    listed = client.find(work.intent_at - tolerance, trace=work.video_id)
    request = video.video.request
    candidates = [
        job
        for job in listed
        if job.model in ("", upstream.deployment, upstream.model)
        and (job.width, job.height) == (request.width, request.height)
        and (job.seconds, job.variants) == (request.seconds, request.variants)
        and job.prompt in (None, "", request.prompt)
        and services.jobs.free_for(work.video_id, upstream.name, job.job_id)
    ]
    emit(
        Event.SUBMIT_RECONCILED,
        video_id=work.video_id,
        deployment=upstream.name,
        listed=len(listed),
        candidates=len(candidates),
    )
    return candidates


def bind_job(services: Services, work: Work, client: Dialect, job_id: str) -> Done:
    """Make a job that was found in the upstream's list this video's."""
    try:
        job = client.status(job_id, trace=work.video_id)
    except UpstreamError:
        job = None
    return _known(services, work, job_id, job)


def _absent(services: Services, work: Work, *, now: float, ended: float) -> Done:
    settled_at = ended + services.settings.durations.of(ABSENCE)
    if work.missing_since is None or now < settled_at:
        update(services, work, missing_since=work.missing_since or now)
        return done("reconcile", wait=max(0.25, settled_at - now), stage=Stage.SUBMITTING)
    if work.posts >= MOST_POSTS:
        verdict = verdicts.failed(
            "upstream_failed",
            f"The upstream accepted none of {work.posts} submissions; it has no job of this video.",
            stage=Stage.SUBMITTING,
            retryable=True,
            money=Kind.RELEASE,
            basis="absent_from_the_list_twice",
        )
        hints = line.hand_over(services, work)
        return verdicts.decide(services, work, verdict, hints=hints)
    if update(services, work, submit=Submit.NOTHING, troubles=0) is None:
        return overtaken(services, work)
    return done("reconcile", wait=0.0)


def _look_again(services: Services, work: Work, wait: float) -> Done:
    if update(services, work, troubles=work.troubles + 1) is None:
        return overtaken(services, work)
    return done("reconcile", wait=wait, stage=Stage.SUBMITTING)


def _unknown(services: Services, work: Work, why: str) -> Done:
    """It may have been created and cannot be told: never POST again, and say so."""
    verdict = verdicts.failed(
        "submit_unknown",
        f"The answer to the submission was lost and {why}. "
        "It may have been rendered and billed; it was not and will not be submitted again.",
        stage=Stage.SUBMITTING,
        retryable=False,
        money=Kind.UNKNOWN,
        amount=work.reserved,
        basis="answer_lost",
    )
    close_unanswered(services, work)
    return verdicts.decide(services, work, verdict)


def close_unanswered(services: Services, work: Work) -> None:
    """Let others submit although nobody knows what became of this one.

    Its job may be running: the slot stays held. The next submit waits until no job of this intent
    could be taken for its own."""
    held = [found.state for found in line.deployments(services, [work.deployment or ""])]
    if any(state.submitting == work.video_id for state in held):
        line.close_submit(services, work, pause=services.settings.durations.of(_CLOCK_TOLERANCE))


_INPUT_MISSING = verdicts.failed(
    "input_missing",
    "A file of the request was not in storage any more when its turn came. Send the request again.",
    stage=Stage.SUBMITTING,
    retryable=True,
    money=Kind.RELEASE,
    basis="never_submitted",
)
