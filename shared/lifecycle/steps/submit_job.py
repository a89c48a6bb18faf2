"""Submit at most once: the intent is on record before the POST, the job id before the first poll.

Only the execution that wrote the intent may POST. One that reads another's intent (a repeated
activity, a new worker) looks for the job in the upstream's list (`reconcile`).
"""

import uuid
from contextlib import suppress
from dataclasses import replace

from shared.domain import endings
from shared.domain.outage import TurnedAway
from shared.domain.video import Stage
from shared.domain.work import Attempt, Intent, Work
from shared.lifecycle import line, slots
from shared.lifecycle.requests import inputs
from shared.lifecycle.services import Services
from shared.lifecycle.steps.reconcile import bind, reconcile
from shared.lifecycle.steps.step import (
    Done,
    before_job,
    change,
    decide,
    done,
    overtaken,
    show,
    update,
)
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import (
    AnswerLost,
    DeploymentOut,
    Dialect,
    NotSent,
    Refused,
    Throttled,
    TooLate,
    UpstreamError,
    within,
)

SEND_WITHIN = 90.0
"""Seconds from an intent in which its POST must be on its way: less than the time after which
`reconcile` sends the create again (`ABSENCE`), although whoever wrote the intent may only stand
still."""
_PAUSE = 20.0
"""Seconds for which a 429 without Retry-After pauses a deployment."""
_MOST_TURNED_AWAY = 6
"""A deployment that turns a video away this often in a row, but takes others in between, refuses
this video."""


def submit_job(services: Services, video_id: str, epoch: int) -> Done:
    """Create the upstream job of a video whose turn has come.

    Outcomes: submitted, again, reconcile, decided, watching, done, superseded.
    """
    work = before_job(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    if work.intent is not None:
        # even if the deployment is not configured any more: something may have been sent
        return reconcile(services, work)
    client = services.client(work.deployment or "")
    if work.attempt is None or client is None:
        return _again(services, work, _taken_back(services, work))
    return _post(services, work, work.attempt, client)


def _post(services: Services, work: Work, attempt: Attempt, client: Dialect) -> Done:
    video = show(services, work, Stage.SUBMITTING)
    if video is None:
        return done("done")
    if video.terminal:  # a late try of its request revived its work
        hints = slots.hand_over(services, work)
        with suppress(RowChanged):
            services.work.delete(work)
        return done("done", hints=hints)
    media = inputs.load(services, video)
    if media is None:
        hints = slots.hand_over(services, work)
        return decide(services, work, endings.input_missing(), hints=hints)
    mine = Intent(at=services.clock(), by=uuid.uuid4().hex)

    def intend(current: Work) -> Work | None:
        if current.attempt_key != work.attempt_key or current.verdict is not None:
            return None
        return replace(current, attempt=replace(attempt, intent=mine), posts=current.posts + 1)

    intent = change(services, work, intend)
    if intent is None:
        return done("superseded")
    if intent.intent is None or intent.intent.by != mine.by:
        return done("again", wait=0.0)
    try:
        with within(mine.at + services.settings.durations.of(SEND_WITHIN) - services.clock()):
            job = client.submit(video.request, media, trace=f"{work.video_id}-{intent.posts}")
    except UpstreamError as error:
        return _not_submitted(services, intent, error)
    return bind(services, intent, job.job_id, job)


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
    if isinstance(error, TooLate):
        return _again(services, work, _taken_back(services, work))
    if isinstance(error, DeploymentOut):
        refusal = TurnedAway(status=error.status, message=str(error), final=error.final)
        return _turned_away(services, work, refusal)
    if isinstance(error, Throttled):
        pause = error.retry_after  # in real seconds; our guess is scaled
        if pause is None:
            pause = services.settings.durations.of(_PAUSE)
        return _throttled(services, work, pause)
    if isinstance(error, Refused):
        if _is_anothers(services, work):
            return overtaken(services, work)
        slots.works(services, work)
        return _refused(services, work, str(error), moderated=error.moderated)
    assert isinstance(error, AnswerLost)
    now = services.clock()
    update(services, work, lambda current: current.with_intent(connection_ended_at=now))
    return done("reconcile", wait=0.0, stage=Stage.SUBMITTING)


def _throttled(services: Services, work: Work, pause: float) -> Done:
    back = _taken_back(services, work, troubles=0)
    if back is None:
        return _never_created(services, work)
    slots.throttle(services, work, pause)
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
    """The deployment turns everybody away, at least for now; or only this video, if it takes others
    in between: only such refusals are counted."""
    now = services.clock()
    back = _taken_back(services, work)
    if back is None:
        return _never_created(services, work)
    state = slots.turn_away(services, work, refusal)
    if state is None or state.outage is None:  # not configured any more
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
    if refusal.status is not None and state.outage.failures == 1:
        times = back.troubles + 1
        back = update(services, back, lambda current: replace(current, troubles=times))
        if back is not None and back.troubles >= _MOST_TURNED_AWAY:
            return _refused(
                services,
                back,
                f"{work.deployment} takes other requests and turned this one away {back.troubles} "
                f"times: {refusal.status} {refusal.message}",
            )
    return _again(services, work, back)


def _refused(services: Services, work: Work, message: str, *, moderated: bool = False) -> Done:
    """The upstream refuses this request: nothing was created."""
    hints = slots.hand_over(services, work)
    return decide(services, work, endings.refused(message, moderated=moderated), hints=hints)


def _taken_back(services: Services, work: Work, *, troubles: int | None = None) -> Work | None:
    """Clear the attempt, which created nothing; before the slot is freed, because a video with an
    attempt must hold its slot. `troubles` counts how often this video was turned away in a row.
    None: it was cancelled meanwhile, or another worker has it."""

    def nothing(current: Work) -> Work:
        return replace(
            current,
            attempt=None,
            posts=max(0, work.posts - (work.intent is not None)),
            troubles=work.troubles if troubles is None else troubles,
        )

    return update(services, work, nothing)


def _again(services: Services, work: Work, back: Work | None) -> Done:
    """Free the slot for the next video, and go back into the line."""
    if back is None:
        return _never_created(services, work)
    slots.free(services, work)
    show(services, back, Stage.WAITING_FOR_QUOTA)
    _, hints = line.call_next(services)
    return done("again", wait=0.0, stage=Stage.WAITING_FOR_QUOTA, progress=0, hints=hints)


def _never_created(services: Services, work: Work) -> Done:
    """Nothing was created, and meanwhile the video was cancelled, or another worker has it: then
    the slot is that worker's, whose job may be running."""
    mine = False

    def nothing(current: Work) -> Work | None:
        nonlocal mine
        attempt = current.attempt
        mine = attempt is not None and current.attempt_key == work.attempt_key
        return replace(current, attempt=replace(attempt, intent=None)) if attempt and mine else None

    left = change(services, work, nothing)
    is_ours = mine if left is not None else services.work.get(work.video_id) is None
    hints = slots.hand_over(services, work) if is_ours else ()
    return overtaken(services, work, hints)


def _is_anothers(services: Services, work: Work) -> bool:
    """Whether another execution has taken over what this one had sent."""
    current = services.work.get(work.video_id)
    return current is not None and (current.epoch, current.attempt_key) != (
        work.epoch,
        work.attempt_key,
    )
