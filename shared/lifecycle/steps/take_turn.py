"""Wait for the turn: a video submits only when a deployment's row grants it."""

from dataclasses import replace
from math import isinf

from shared.domain import endings
from shared.domain.quota import DeploymentState, opens_at, opens_by_itself
from shared.domain.video import Stage
from shared.domain.work import Attempt, Work
from shared.durable.names import Hint
from shared.lifecycle import line, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import Done, before_job, decide, done, overtaken, show, update
from shared.storage.deployments import StoredDeployment
from shared.storage.snapshots import Snapshot
from shared.telemetry.events import Event, emit

_AFTER_DEADLINE = 0.25
_LOOK_AGAIN = 30.0
"""Seconds after which a video looks again, if no hint has come."""
_NEAR = 2
"""Places per deployment that are near the front: these look when a deployment opens. The others
sleep until their turn in the snapshot, which may be older than the last turn taken."""
_FRESH = 10.0
"""A video that joins rewrites a snapshot that is older than this many seconds."""


def take_turn(services: Services, video_id: str, epoch: int, hint: str) -> Done:
    """Join the line, or take the turn that has come.

    Outcomes: granted, waiting, submitted, decided, watching, done, superseded.
    """
    work = before_job(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    if work.intent is not None:
        return done("granted")
    if services.clock() > work.queue_deadline:
        held = slots.take(services, line.deployments(services, work.deployments), video_id)
        if held is not None:
            return _go(services, work, held)
        return decide(services, work, endings.queue_timeout(_outages(services, work)))
    return _line_up(services, work, hint)


def _line_up(services: Services, work: Work, hint: str) -> Done:
    joins = work.hint is None

    # first write the hint's name, then look: a slot that is freed after the look raises that hint
    def join(current: Work) -> Work:
        # a worker was started for it, so it was admitted, even if the admission died before its end
        return replace(current, admitted=True, hint=hint, attempt=None)

    queued = update(services, work, join)
    if queued is None:
        return overtaken(services, work)
    work, now, durations = queued, services.clock(), services.settings.durations
    snapshot = services.snapshots.get(work.model)
    if not joins and _is_far(work, snapshot, now, durations.longest_wait):
        return _wait(services, work, snapshot, snapshot.turn(work.video_id), now, ())
    states = line.deployments(services, work.deployments)
    held = slots.take(services, states, work.video_id)
    if held is not None:
        return _go(services, work, held)
    hints: tuple[Hint, ...] = ()
    unwritten = not snapshot.has(work.video_id) and snapshot.at < now - durations.of(_FRESH)
    if line.is_open(states, now) or unwritten or _is_misleading(services, work, snapshot, states):
        decided, hints = line.call_next(services, work)
        snapshot = decided.snapshots.get(work.model, snapshot)
        mine = [each for each in decided.deployments if each.state.deployment in work.deployments]
        states = mine or states
        held = slots.take(services, states, work.video_id)
        if held is not None:
            return _go(services, work, held, hints)
    if reason := line.nowhere(services, work, states):
        return decide(services, work, endings.no_deployment(reason), hints=hints)
    if joins:
        turn = snapshot.turn(work.video_id)
        estimate = None if isinf(turn) else max(turn, now) + work.expected
        show(services, work, Stage.WAITING_FOR_QUOTA, estimate=estimate)
    look = _next_look(services, work, states, now)
    if snapshot.position(work.video_id) > _NEAR * len(states):
        look = max(look, snapshot.turn(work.video_id))
    return _wait(services, work, snapshot, look, now, hints)


def _is_misleading(
    services: Services, work: Work, snapshot: Snapshot, states: list[StoredDeployment]
) -> bool:
    """Whether the snapshot lacks the notice of this model, or has one that is over.

    Reads all deployments of the model, which may be more than this video's."""
    if not snapshot.notice and not all(stored.state.outage for stored in states):
        return False
    offering = [upstream.name for upstream in services.settings.offering(work.model)]
    notice = line.notice(services, work.model, line.deployments(services, offering))
    return bool(snapshot.notice) != bool(notice)


def _is_far(work: Work, snapshot: Snapshot, now: float, longest_wait: float) -> bool:
    """Whether its turn is so far away that a look is not worth it."""
    return (
        snapshot.has(work.video_id)
        and snapshot.at > now - longest_wait
        and snapshot.turn(work.video_id) > now + longest_wait
    )


def _next_look(services: Services, work: Work, states: list[StoredDeployment], now: float) -> float:
    """When its turn may come without a hint: where only time keeps a deployment closed, that time;
    otherwise some time after the hint should have come."""
    again = now + services.settings.durations.of(_LOOK_AGAIN) * (1 + _share(work))
    times = [
        opens_at(stored.state, now) if opens_by_itself(stored.state, now) else again
        for stored in states
    ]
    return min(times, default=again)


def _share(work: Work) -> float:
    """From 0 to 1, from the video's id: videos that came together do not wake together."""
    return int(work.video_id[-4:], 16) / 0x10000


def _wait(
    services: Services,
    work: Work,
    snapshot: Snapshot,
    look: float,
    now: float,
    hints: tuple[Hint, ...],
) -> Done:
    """Sleep until the next look, for a bounded time."""
    longest = services.settings.durations.longest_wait * (1 - _share(work) / 4)
    turn = snapshot.turn(work.video_id)
    emit(
        Event.VIDEO_WAITING,
        video_id=work.video_id,
        caller=work.caller,
        model=work.model,
        ahead=snapshot.position(work.video_id) - 1,
        wait_seconds=-1.0 if isinf(turn) else max(0.0, turn - now),
    )
    until_deadline = work.queue_deadline - now + _AFTER_DEADLINE
    # a moment more, because a wait is rounded to milliseconds
    wait = min(look - now + 0.001, longest, until_deadline)
    return done("waiting", wait=wait, stage=Stage.WAITING_FOR_QUOTA, progress=0, hints=hints)


def _go(
    services: Services, work: Work, state: DeploymentState, hints: tuple[Hint, ...] = ()
) -> Done:
    attempt = Attempt(deployment=state.deployment)
    if update(services, work, lambda now: replace(now, attempt=attempt, hint=None)) is None:
        return _turn_lost(services, work, state, hints)
    return done("granted", stage=Stage.SUBMITTING, progress=0, hints=hints)


def _turn_lost(
    services: Services, work: Work, state: DeploymentState, hints: tuple[Hint, ...]
) -> Done:
    """Its turn came, but meanwhile it has ended, or another worker has it and the turn."""
    now = services.work.get(work.video_id)
    ended = now is not None and (now.verdict is not None or now.ended)
    if now is None or (now.epoch == work.epoch and ended and not now.sent):
        mine = replace(work, attempt=Attempt(deployment=state.deployment))
        hints += slots.hand_over(services, mine)
    return overtaken(services, work, hints)


def _outages(services: Services, work: Work) -> list[str]:
    """A text about each of its deployments with an outage."""
    return [
        f"{stored.state.deployment} {line.outage_text(stored.state.outage)}"
        for stored in line.deployments(services, work.deployments)
        if stored.state.outage is not None
    ]
