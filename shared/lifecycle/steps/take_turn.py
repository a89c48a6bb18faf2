"""Wait for the turn: a video submits only when a deployment's row says that it may."""

from dataclasses import replace
from math import isinf

from shared.domain import endings
from shared.domain.quota import DeploymentState, opens_at, opens_by_itself
from shared.domain.video import Stage
from shared.domain.work import Attempt, Phase, Work, phase
from shared.durable.names import Hint
from shared.lifecycle import line, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import Done, begin, decide, done, overtaken, show, update
from shared.storage.deployments import StoredDeployment
from shared.storage.snapshots import Snapshot
from shared.telemetry.events import Event, emit

_AFTER_DEADLINE = 0.25
_LOOK_AGAIN = 30.0
"""How soon a video looks again whose turn is expected: the hint should have come by then."""
_NEAR = 2
"""So many places for each deployment are near the front: those look when a deployment opens. The
snapshot, which may be older than the last turn that was taken, only holds back those behind."""
_FRESH = 10.0
"""Whoever joins a line that was written down longer ago than this writes it down anew."""


def take_turn(services: Services, video_id: str, epoch: int, hint: str) -> Done:
    """Get in line, or find that the turn has come.

    Outcomes: granted, waiting, submitted, decided, watching, done, superseded.
    """
    work = begin(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    if phase(work) is Phase.FINISHING:
        return done("decided")
    if work.ended:
        return done("watching")
    if work.job is not None:
        return done("submitted")
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

    # first the name under which it can be told, then the look: whoever frees a slot after the look
    # finds the name
    def join(current: Work) -> Work:
        # a worker was started for it, so it was promised to somebody, whatever died before this
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
    """Whether callers have yet to be told what holds this model up, or are to be told so no more.

    A model's deployments are asked, which may be more than this video's."""
    if not snapshot.notice and not all(found.state.outage for found in states):
        return False
    offering = [upstream.name for upstream in services.settings.offering(work.model)]
    notice = line.notice(services, work.model, line.deployments(services, offering))
    return bool(snapshot.notice) != bool(notice)


def _is_far(work: Work, snapshot: Snapshot, now: float, longest_wait: float) -> bool:
    """Whether its turn is so far away that nobody needs to be asked."""
    return (
        snapshot.has(work.video_id)
        and snapshot.at > now - longest_wait
        and snapshot.turn(work.video_id) > now + longest_wait
    )


def _next_look(services: Services, work: Work, states: list[StoredDeployment], now: float) -> float:
    """When its turn may come without anybody telling: where only time keeps a deployment closed,
    that time; otherwise some time after it should have been told."""
    again = now + services.settings.durations.of(_LOOK_AGAIN) * (1 + _share(work))
    times = [
        opens_at(found.state, now) if opens_by_itself(found.state, now) else again
        for found in states
    ]
    return min(times, default=again)


def _share(work: Work) -> float:
    """From 0 to 1, another for every video: those who came together do not wake together."""
    return int(work.video_id[-4:], 16) / 0x10000


def _wait(
    services: Services,
    work: Work,
    snapshot: Snapshot,
    look: float,
    now: float,
    hints: tuple[Hint, ...],
) -> Done:
    """Sleep until it is time to look again, for a bounded time."""
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
    # a moment more, because a wait is cut to milliseconds
    wait = min(look - now + 0.001, longest, until_deadline)
    return done(
        "waiting",
        wait=wait,
        stage=Stage.WAITING_FOR_QUOTA,
        progress=0,
        hints=hints,
    )


def _go(
    services: Services, work: Work, state: DeploymentState, hints: tuple[Hint, ...] = ()
) -> Done:
    attempt = Attempt(deployment=state.deployment)
    went = update(services, work, lambda now: replace(now, attempt=attempt, hint=None))
    if went is None:
        return _not_gone(services, work, state, hints)
    return done("granted", stage=Stage.SUBMITTING, progress=0, hints=hints)


def _not_gone(
    services: Services, work: Work, state: DeploymentState, hints: tuple[Hint, ...]
) -> Done:
    """Its turn has come, and meanwhile it has ended, or another worker has it (whose turn it is
    then)."""
    now = services.work.get(work.video_id)
    ended = now is not None and (now.verdict is not None or now.ended)
    if now is None or (now.epoch == work.epoch and ended and not now.sent):
        mine = replace(work, attempt=Attempt(deployment=state.deployment))
        hints += slots.hand_over(services, mine)
    return overtaken(services, work, hints)


def _outages(services: Services, work: Work) -> list[str]:
    """What those of its deployments do that turn everybody away."""
    return [
        f"{found.state.deployment} {line.outage_text(found.state.outage)}"
        for found in line.deployments(services, work.deployments)
        if found.state.outage is not None
    ]
