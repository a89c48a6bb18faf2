"""Wait for the turn: a video submits only when a deployment's row grants it."""

from dataclasses import replace
from math import isinf

from shared.domain import endings, likeness
from shared.domain.limits import SHORT_LINE
from shared.domain.quota import DeploymentState, opens_at, opens_by_itself
from shared.domain.video import Stage
from shared.domain.work import Attempt, Work
from shared.durable.names import Hint
from shared.lifecycle import line, slots, succession
from shared.lifecycle.line import Line
from shared.lifecycle.services import Services
from shared.lifecycle.steps.move import move_on
from shared.lifecycle.steps.step import Done, before_job, decide, done, overtaken, show, update
from shared.storage.deployments import StoredDeployment
from shared.storage.snapshots import Place, Snapshot
from shared.telemetry.events import Event, emit

_AFTER_DEADLINE = 0.25
_LOOK_AGAIN = 30.0
"""Seconds after which a video looks again, if no hint has come."""
_NEAR = 2
"""Places per deployment that are near the front: these look when a deployment opens. The others
sleep until their turn in the snapshot, which may be older than the last turn taken."""
_FAR_SLEEP = 2 * 3600.0
"""The longest that a video far back in line sleeps: it is woken when its turn comes earlier."""
_FRESH = 10.0
"""A video that joins rewrites a snapshot that is older than this many seconds."""


def take_turn(services: Services, video_id: str, epoch: int, hint: str) -> Done:
    """Join the line, or take the turn that has come.

    Outcomes: granted, waiting, again, submitted, decided, watching, done, superseded.
    """
    work = before_job(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    if work.intent is not None:
        return done("granted")
    if services.clock() > work.queue_deadline:
        held = None
        if work.move is None:  # its money may be the successor's already
            held = slots.take(services, line.deployments(services, work.deployments), video_id)
        if held is not None:
            return _go(services, work, held)
        return decide(services, work, endings.queue_timeout(_outages(services, work)))
    moved = move_on(services, work)
    return _line_up(services, work, hint) if moved is None else moved


def _line_up(services: Services, work: Work, hint: str) -> Done:
    joins = work.hint is None
    now, durations = services.clock(), services.settings.durations
    snapshot = services.snapshots.get(work.model)
    place = services.snapshots.place(work.model, snapshot, work.video_id)
    facts = work.facts or _facts(services, work)

    # first write the hint's name, then look: a slot that is freed after the look raises that hint
    def join(current: Work) -> Work:
        # a worker was started for it, so it was admitted, even if the admission died before its end
        return replace(current, admitted=True, hint=hint, attempt=None, facts=facts)

    far = _is_far(place, snapshot, now, durations.longest_wait)
    asleep = _longest(services, work, place, now) - durations.longest_wait if far else 0.0
    queued = update(services, work, join, asleep=asleep)
    if queued is None:
        return overtaken(services, work)
    work = queued
    if not joins and far:
        return _wait(services, work, place, place.turn, now, ())
    states = line.deployments(services, work.deployments)
    held = slots.take(services, states, work.video_id)
    if held is not None:
        return _go(services, work, held)
    hints: tuple[Hint, ...] = ()
    seen = Line(states)
    if line.is_open(states, now):
        seen, hints = line.call_next(services, work)
        mine = [each for each in seen.deployments if each.state.deployment in work.deployments]
        states = mine or states
        held = slots.take(services, states, work.video_id)
        if held is not None:
            return _go(services, work, held, hints)
    if reason := line.nowhere(services, work, states):
        # its last deployment may have said so since the first look
        if (moved := move_on(services, work)) is not None:
            return Done(moved.result, hints + moved.hints)
        return decide(services, work, endings.no_deployment(reason), hints=hints)
    snapshot = seen.snapshots.get(work.model) or _refreshed(services, work, snapshot, place, states)
    place = services.snapshots.place(work.model, snapshot, work.video_id)
    if joins:
        estimate = None if isinf(place.turn) else max(place.turn, now) + work.expected
        show(services, work, Stage.WAITING_FOR_QUOTA, estimate=estimate)
    look = _next_look(services, work, states, now)
    if place.position > _NEAR * len(states):
        look = max(look, place.turn)
    return _wait(services, work, place, look, now, hints)


def _refreshed(
    services: Services,
    work: Work,
    snapshot: Snapshot,
    place: Place,
    states: list[StoredDeployment],
) -> Snapshot:
    """The snapshot, or a newer one where it lacks this video, or where it lacks the notice of this
    model or has one that is over."""
    old = snapshot.at < services.clock() - services.settings.durations.of(_FRESH)
    unwritten = not place.known and old
    if not (unwritten or snapshot.notice or all(stored.state.outage for stored in states)):
        return snapshot
    # all deployments of the model, which may be more than this video's
    seen = Line(line.deployments(services, line.offering(services, work.model)))
    notice = line.notice(services, work.model, seen.deployments)
    if not unwritten and bool(notice) == bool(snapshot.notice):
        return snapshot
    long = place.last and snapshot.waiting > SHORT_LINE
    joined = line.newer(services, work, place) if long else 0
    return line.refresh(services, work.model, seen, snapshot, joined=joined) or snapshot


def _facts(services: Services, work: Work) -> str | None:
    """What a list may show of the job of a video that release 0.1 admitted."""
    stored = services.videos.find(work.caller, work.video_id)
    return None if stored is None else likeness.facts(stored.video.request)


def _is_far(place: Place, snapshot: Snapshot, now: float, longest_wait: float) -> bool:
    """Whether its turn is so far away that a look is not worth it."""
    return snapshot.at > now - longest_wait and place.turn > now + longest_wait


def _longest(services: Services, work: Work, place: Place, now: float) -> float:
    """The longest that it sleeps: half of the way to its turn, where that is known to be long."""
    durations = services.settings.durations
    half = 0.0 if isinf(place.turn) else (place.turn - now) / 2
    longest = max(durations.longest_wait, min(half, durations.of(_FAR_SLEEP)))
    return longest * (1 - _share(work) / 4)


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
    place: Place,
    look: float,
    now: float,
    hints: tuple[Hint, ...],
) -> Done:
    """Sleep until the next look, for a bounded time."""
    emit(
        Event.VIDEO_WAITING,
        video_id=work.video_id,
        caller=work.caller,
        model=work.model,
        ahead=place.position - 1,
        wait_seconds=-1.0 if isinf(place.turn) else max(0.0, place.turn - now),
    )
    until_deadline = work.queue_deadline - now + _AFTER_DEADLINE
    # a moment more, because a wait is rounded to milliseconds
    wait = min(look - now + 0.001, _longest(services, work, place, now), until_deadline)
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
    """Its turn came, but meanwhile it has ended or moved to another model, or another worker has it
    and the turn."""
    now = services.work.get(work.video_id)
    ended = now is not None and (now.verdict is not None or now.ended)
    moved = now is not None and state.deployment not in now.deployments
    if now is None or moved or (now.epoch == work.epoch and ended and not now.sent):
        mine = replace(work, attempt=Attempt(deployment=state.deployment))
        hints += slots.hand_over(services, mine)
    return overtaken(services, work, hints)


def _outages(services: Services, work: Work) -> list[str]:
    """A text about each of its deployments with an outage, and about its model's successor."""
    outages = [
        f"{stored.state.deployment} {line.outage_text(stored.state.outage)}"
        for stored in line.deployments(services, work.deployments)
        if stored.state.outage is not None
    ]
    notice = succession.notice(services, work.model)
    return (
        [*outages, notice.removesuffix(" Waiting costs nothing.").rstrip(".")]
        if notice
        else outages
    )
