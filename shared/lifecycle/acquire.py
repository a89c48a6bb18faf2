"""Wait for the turn: a video submits only when a deployment's row says that it may."""

from math import isinf

from shared.domain.ledger import Kind
from shared.domain.quota import Lane
from shared.domain.video import Stage
from shared.domain.work import Submit, Work, WorkStage
from shared.lifecycle import line, verdicts
from shared.lifecycle.services import Services
from shared.lifecycle.steps import Done, begin, done, show, update
from shared.names import Hint
from shared.telemetry import Event, emit

_SHORTEST_WAIT = 0.25


def take_turn(services: Services, video_id: str, epoch: int, hint: str) -> Done:
    """Get in line, or find that the turn has come.

    Outcomes: granted, waiting, submitted, decided, watching, done, superseded.
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
    if work.submit is Submit.INTENT:
        return done("granted")
    now = services.clock()
    if work.hint is not None:  # it has been in line, so its turn may have come
        held = line.slot_of(line.lanes(services), video_id, now)
        if held is not None:
            return _go(services, work, held)
    if now > work.queue_deadline:
        return verdicts.decide(services, work, _QUEUE_TIMEOUT)
    return _line_up(services, work, hint)


def _line_up(services: Services, work: Work, hint: str) -> Done:
    queued = update(services, work, stage=WorkStage.WAITING, hint=hint, deployment=None)
    if queued is None:
        return done("superseded")
    work = queued
    snapshot, hints = line.call_next(services)
    now = services.clock()
    held = line.slot_of(snapshot.lanes, work.video_id, now)
    if held is not None:
        return _go(services, work, held, tuple(h for h in hints if h["event"] != hint))
    turn = line.seconds_to_turn(work, snapshot, now)
    if isinf(turn) and (reason := _nowhere(work, snapshot)):
        verdict = verdicts.failed(
            "no_deployment",
            f"No deployment can render this any more: {reason}.",
            stage=Stage.WAITING_FOR_QUOTA,
            retryable=False,
            money=Kind.RELEASE,
            basis="never_submitted",
        )
        return verdicts.decide(services, work, verdict, hints=hints)
    emit(
        Event.VIDEO_WAITING,
        video_id=work.video_id,
        caller=work.caller,
        model=work.model,
        ahead=line.ahead(work, snapshot),
        wait_seconds=-1.0 if isinf(turn) else turn,
    )
    estimate = None if isinf(turn) else now + turn + work.expected
    show(services, work, Stage.WAITING_FOR_QUOTA, estimate=estimate)
    until_deadline = work.queue_deadline - now + _SHORTEST_WAIT
    longest = min(services.settings.durations.longest_wait, until_deadline)
    wait = max(_SHORTEST_WAIT, min(turn, longest))
    return done("waiting", wait=wait, stage=Stage.WAITING_FOR_QUOTA, progress=0, hints=hints)


def _go(services: Services, work: Work, lane: Lane, hints: tuple[Hint, ...] = ()) -> Done:
    went = update(
        services,
        work,
        stage=WorkStage.SUBMITTING,
        deployment=lane.deployment,
        hint=None,
        slot_freed=False,
    )
    if went is None:
        return done("superseded", hints=hints)
    return done("granted", stage=Stage.SUBMITTING, progress=0, hints=hints)


def _nowhere(work: Work, snapshot: line.Line) -> str | None:
    """Why none of a video's deployments will ever take it, or None while one still may."""
    lanes = {found.lane.deployment: found.lane for found in snapshot.lanes}
    reasons = []
    for name in work.deployments:
        lane = lanes.get(name)
        if lane is not None and lane.out is None:
            return None
        reasons.append(f"{name} is not configured" if lane is None else f"{name}: {lane.out}")
    return "; ".join(reasons)


_QUEUE_TIMEOUT = verdicts.failed(
    "queue_timeout",
    "The video waited longer than QUEUE_DEADLINE_HOURS for its turn and was never submitted.",
    stage=Stage.WAITING_FOR_QUOTA,
    retryable=True,
    money=Kind.RELEASE,
    basis="never_submitted",
)
