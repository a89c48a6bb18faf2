"""What the steps share: read the video's state, check the epoch, write a heartbeat."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.domain import polling
from shared.domain.verdict import Verdict
from shared.domain.video import IllegalTransition, Stage, Video, advance
from shared.domain.work import Phase, Work, phase
from shared.durable.names import Hint, Outcome, Result
from shared.lifecycle.services import Services
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import Throttled, UpstreamError

PAYLOAD_VERSION = 1
SEEN_TWICE = 30.0
"""Seconds after which a missing job or output counts as gone if it is still missing; the same for a
job that has succeeded without outputs."""


@dataclass(frozen=True)
class Done:
    """The activity's result, and the hints to raise."""

    result: Result
    hints: tuple[Hint, ...] = ()


def done(
    outcome: Outcome,
    *,
    wait: float | None = None,
    hint: str | None = None,
    outputs: int | None = None,
    stage: Stage | None = None,
    progress: int | None = None,
    hints: tuple[Hint, ...] = (),
) -> Done:
    """A result with only the given fields."""
    result: Result = {"v": PAYLOAD_VERSION, "outcome": outcome}
    if wait is not None:
        result["wait"] = round(max(0.0, wait), 3)
    if hint is not None:
        result["hint"] = hint
    if outputs is not None:
        result["outputs"] = outputs
    if stage is not None:
        result["stage"] = stage.value
    if progress is not None:
        result["progress"] = progress
    return Done(result, hints)


def begin(services: Services, video_id: str, epoch: int) -> Work | Done:
    """The state to go on from; or `done` without one, `superseded` where another worker has it."""
    work = services.work.get(video_id)
    if work is None:
        return done("done")
    return work if work.epoch == epoch else done("superseded")


def before_job(services: Services, video_id: str, epoch: int) -> Work | Done:
    """`begin` for a video without a job. Done says where it is if it is past that."""
    work = begin(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    if phase(work) is Phase.FINISHING:
        return done("decided")
    if work.ended:
        return done("watching")
    return work if work.job is None else done("submitted")


def change(
    services: Services,
    work: Work,
    how: Callable[[Work], Work | None],
    *,
    asleep: float = 0.0,
) -> Work | None:
    """Write a video's state, with a heartbeat: a later one for a worker that will be silent for
    `asleep` seconds. None: another worker has taken over."""
    beat = services.clock() + max(0.0, asleep)

    def alive(current: Work) -> Work | None:
        changed = how(current)
        return None if changed is None else replace(changed, heartbeat_at=beat, restarts=0)

    return services.work.change(work, alive)


def update(
    services: Services,
    work: Work,
    how: Callable[[Work], Work] = lambda current: current,
    *,
    asleep: float = 0.0,
) -> Work | None:
    """`change` for a video that goes on as it was read. None where another execution was faster:
    its end was decided or carried out, or something was sent (see `overtaken`)."""
    applied = False

    def guarded(current: Work) -> Work | None:
        nonlocal applied
        applied = goes_on(current, work)
        return how(current) if applied else None

    written = change(services, work, guarded, asleep=asleep)
    return written if applied else None


def goes_on(current: Work, work: Work) -> bool:
    """Whether neither the video's end nor its attempt has changed between two reads, nor who is to
    render it."""
    return _standing(current) == _standing(work)


def _standing(work: Work) -> tuple[object, ...]:
    return work.verdict is None, work.ended, work.attempt_key, work.model, work.move


def overtaken(services: Services, work: Work, hints: tuple[Hint, ...] = ()) -> Done:
    """The result after a refused write: another worker has the video, it is done, or it was
    cancelled meanwhile and this worker goes on from there."""
    current = begin(services, work.video_id, work.epoch)
    if isinstance(current, Done):
        return Done(current.result, hints)
    return done("again", wait=0.0, hints=hints)


def decide(
    services: Services, work: Work, verdict: Verdict, *, hints: tuple[Hint, ...] = ()
) -> Done:
    """Record how a video ends, unless that is decided already; `finish_video` carries it out."""

    def write(current: Work) -> Work | None:
        if current.verdict is not None or not goes_on(current, work):
            return None
        return replace(current, verdict=verdict)

    written = change(services, work, write)
    if written is None:
        return done("superseded", hints=hints)
    if written.verdict == verdict:  # otherwise another end came first
        log_decision(work.video_id, verdict)
    return done("decided", hints=hints)


def log_decision(video_id: str, verdict: Verdict) -> None:
    emit(
        Event.VIDEO_DECIDED,
        video_id=video_id,
        status=verdict.status,
        code=verdict.code,
        money=verdict.money,
        amount_micro_usd=verdict.amount,
        basis=verdict.basis,
    )


def is_first_sign(services: Services, since: float) -> bool:
    """Whether what was first seen at `since` still needs a second look to count."""
    return services.clock() - since < services.settings.durations.of(SEEN_TWICE)


def before_deadline(work: Work, now: float, wait: float) -> float:
    """`wait`, but not past the deadline of a running job, which needs a decision."""
    if work.ended or work.job is None:
        return wait
    return max(0.1, min(wait, work.job.deadline - now + 0.1))


def told_to_wait(services: Services, error: UpstreamError) -> float | None:
    """How long a 429 to a read asks to wait, but not so long that the sweep takes its worker for
    dead; None where it does not say."""
    if not isinstance(error, Throttled) or error.retry_after is None:
        return None
    return min(error.retry_after, services.settings.durations.of(polling.LONGEST_PAUSE))


def show(
    services: Services,
    work: Work,
    stage: Stage,
    *,
    progress: int | None = None,
    estimate: float | None = None,
) -> Video | None:
    """Show the caller the video's stage. A lost write costs nothing, because the next step writes
    again: so a conflict is not retried. A video that has ended stays as it is."""
    stored = services.videos.find(work.caller, work.video_id)
    if stored is None:
        return None
    try:
        changed = replace(
            advance(stored.video, stage, progress=progress),
            deployment=work.deployment,
            job_id=work.job_id,
            estimated_completion_at=None if estimate is None else round(estimate),
        )
        return services.videos.replace(stored, changed).video
    except (IllegalTransition, RowChanged):
        return stored.video
