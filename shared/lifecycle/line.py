"""The line in front of the deployments: read it, decide, grant, and hint whose turn it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.domain.outage import Outage, TurnedAway, pause_after, turned_away
from shared.domain.quota import (
    DeploymentState,
    Forecast,
    QueuedVideo,
    decide,
    forecast,
    freed,
    granted,
    live,
    opens_at,
    opens_by_itself,
    submitted,
    taken,
)
from shared.domain.video import Stage, Video
from shared.domain.work import Work, instance_id
from shared.durable.names import Hint
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream
from shared.storage.deployments import StoredDeployment
from shared.storage.rows import RowChanged
from shared.storage.snapshots import Snapshot
from shared.telemetry.events import Event, emit

_ROUNDS = 20
_STRANDED_WOKEN = 50
"""How many are woken at once because no deployment takes them any more. The others find out when
they next look: a line of thousands must not wake up together."""


def limits(services: Services, upstream: Upstream) -> DeploymentState:
    """An idle deployment with its configured limits."""
    return DeploymentState(
        deployment=upstream.name,
        max_running=upstream.max_running,
        max_creates=upstream.max_creates_per_minute,
        window=services.settings.durations.minute,
    )


def deployments(services: Services, names: Sequence[str] | None = None) -> list[StoredDeployment]:
    """Deployments as they are now: those of these names that are configured, or all."""
    wanted = [
        limits(services, upstream)
        for upstream in services.settings.upstreams
        if names is None or upstream.name in names
    ]
    if len(wanted) == 1:
        return [services.deployments.get(wanted[0])]
    return services.deployments.all(wanted)


@dataclass(frozen=True)
class Line:
    """Everyone who still waits and every deployment, as the last decision left them."""

    waiting: Sequence[QueuedVideo] = ()
    deployments: Sequence[StoredDeployment] = ()
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    """Model -> what was written down for callers, where that was done just now."""


def call_next(services: Services, me: Work | None = None) -> tuple[Line, tuple[Hint, ...]]:
    """Grant every submit that is possible now; the line as it was left, and the hints for those
    who should look.

    Whoever frees a slot or ends a submit calls this, and a waiting video that finds a deployment
    open (`me`: it needs no hint, and its grant is taken at once). A grant counts from the swap of
    the deployment's row, whether its hint arrives or not: the video finds it when it looks.
    """
    hints: list[Hint] = []
    changed = set() if me is None else {me.model}
    line = Line()
    for _ in range(_ROUNDS):
        waiting = services.work.in_line()
        if not waiting:
            return Line(), tuple(hints)
        line, served, conflicts = _grant(services, Line(waiting, deployments(services)), me)
        changed |= {each.model for each in served}
        found = (_hint_now(services, each) for each in served if not _is(each, me))
        hints += [hint for hint in found if hint is not None]
        if not conflicts:
            break
    return _look_ahead(services, line, changed, hints, me)


def _grant(services: Services, line: Line, me: Work | None) -> tuple[Line, list[QueuedVideo], bool]:
    """One decision, carried out: the line after it, who was served, and whether a row had changed
    meanwhile."""
    now, durations = services.clock(), services.settings.durations
    waiting = {each.video_id: each for each in line.waiting}
    by_name = {found.state.deployment: found for found in line.deployments}
    served: list[QueuedVideo] = []
    conflicts = False
    for grant in decide(line.waiting, (found.state for found in line.deployments), now):
        each, found = waiting[grant.video_id], by_name[grant.deployment]
        after = granted(found.state, each, now, lease=durations.grant_lease)
        if _is(each, me):
            after = taken(after, grant.video_id, now, lease=durations.slot_lease) or after
        try:
            by_name[grant.deployment] = services.deployments.replace(found, after)
        except RowChanged:
            conflicts = True
            continue
        served.append(waiting.pop(grant.video_id))
    return Line(list(waiting.values()), list(by_name.values())), served, conflicts


def _look_ahead(
    services: Services, line: Line, changed: set[str], hints: list[Hint], me: Work | None
) -> tuple[Line, tuple[Hint, ...]]:
    """Write down everybody's position, and hint to those who should know: who is next where only
    time keeps a deployment closed, and whom no deployment will ever take."""
    now = services.clock()
    stored = [found.state for found in line.deployments]
    by_itself = {state.deployment for state in stored if opens_by_itself(state, now)}
    gone = {state.deployment for state in stored if state.gone}
    stranded = [each for each in line.waiting if set(each.deployments) <= gone]
    hints += [_hint(each) for each in stranded[:_STRANDED_WOKEN] if not _is(each, me)]
    if not changed and not by_itself:
        return line, tuple(hints)
    turns = list(forecast(line.waiting, stored, now))
    first: dict[str, Forecast] = {}
    for turn in turns:
        if turn.deployment in by_itself:
            first.setdefault(turn.deployment, turn)
    for turn in first.values():
        changed.add(turn.video.model)
        if not _is(turn.video, me):
            hints.append(_hint(turn.video))
    snapshots = {
        model: services.snapshots.put(
            model,
            now,
            [turn for turn in turns if turn.video.model == model],
            services.snapshots.get(model),
            notice(services, model, line.deployments),
        )
        for model in sorted(changed)
    }
    return Line(line.waiting, line.deployments, snapshots), tuple(hints)


def slot_of(
    stored: Iterable[StoredDeployment], video_id: str, now: float
) -> DeploymentState | None:
    """The deployment that a video holds a live slot of, if any."""
    for found in stored:
        if video_id in live(found.state, now):
            return found.state
    return None


def take(
    services: Services, stored: Iterable[StoredDeployment], video_id: str
) -> DeploymentState | None:
    """The deployment that a video holds a slot of, with its turn taken: it may send now. None where
    it holds none, or where its grant has just ended."""
    now, lease = services.clock(), services.settings.durations.slot_lease
    # first where it took its turn already: two decisions at once may have granted it two
    for found in sorted(stored, key=lambda found: not _sends(found.state, video_id)):
        if video_id not in live(found.state, now):
            continue
        upstream = services.settings.upstream(found.state.deployment)
        assert upstream is not None, "deployments are made from settings"
        after = services.deployments.change(
            limits(services, upstream),
            lambda state: taken(state, video_id, now, lease=lease) or state,
            read=found,
        )
        return after.state if video_id in live(after.state, now) else None
    return None


def _sends(state: DeploymentState, video_id: str) -> bool:
    return state.sending and state.submitting == video_id


def free_orphans(services: Services) -> None:
    """Give back what is held for videos that nothing is left to do for: their worker died between
    its turn and its end."""
    now = services.clock()
    for found in deployments(services):
        for video_id in live(found.state, now):
            if services.work.get(video_id) is None:
                emit(Event.SLOT_FREED, video_id=video_id, deployment=found.state.deployment)
                services.deployments.change(
                    found.state,
                    lambda state, gone=video_id: freed(state, gone, now),  # type: ignore[misc]
                )


def free(services: Services, work: Work) -> None:
    """Give a video's slot back."""
    now = services.clock()
    _change(services, work, lambda state: freed(state, work.video_id, now))


def throttle(services: Services, work: Work, pause: float) -> None:
    """Give the slot back and leave the deployment alone for a while: it asked for patience. So it
    is there, and takes requests."""
    now = services.clock()

    def change(state: DeploymentState) -> DeploymentState:
        left = freed(state, work.video_id, now)
        until = max(left.paused_until, now + pause)
        return replace(left, paused_until=until, throttled=left.throttled + 1, outage=None)

    _change(services, work, change)


def turn_away(services: Services, work: Work, sign: TurnedAway) -> DeploymentState | None:
    """Give the slot back of a video that a deployment turned away as it would have any other; the
    deployment, with what is known of the outage now. The next one tries after a pause."""
    now, durations = services.clock(), services.settings.durations

    def change(state: DeploymentState) -> DeploymentState:
        left = freed(state, work.video_id, now)
        outage = turned_away(left.outage, sign, work.video_id, now)
        until = now + durations.of(pause_after(outage.failures))
        return replace(left, outage=outage, paused_until=max(left.paused_until, until))

    return _change(services, work, change)


def works(services: Services, work: Work) -> None:
    """A deployment has looked at a video's request: whatever it turned away is over."""
    _change(services, work, lambda state: replace(state, outage=None))


def _change(
    services: Services, work: Work, how: Callable[[DeploymentState], DeploymentState]
) -> DeploymentState | None:
    """Change the deployment that a video has its turn at; None where it is no longer configured."""
    upstream = services.settings.upstream(work.deployment or "")
    if upstream is None:
        return None
    return services.deployments.change(limits(services, upstream), how).state


def hand_over(services: Services, work: Work) -> tuple[Hint, ...]:
    """`free`, and then `call_next`: the hints for those whose turn it is."""
    free(services, work)
    return call_next(services)[1]


def close_submit(
    services: Services, work: Work, *, until: float | None = None, pause: float = 0.0
) -> None:
    """Let the next one submit; the video keeps its slot, until its job expires where there is one:
    then the deployment works."""
    now = services.clock()

    def change(state: DeploymentState) -> DeploymentState:
        after = submitted(state, work.video_id, now, until=until, ends=now + work.expected)
        return replace(
            after,
            paused_until=max(after.paused_until, now + pause) if pause else after.paused_until,
            outage=after.outage if until is None else None,
        )

    _change(services, work, change)


def nowhere(services: Services, work: Work, stored: Iterable[StoredDeployment]) -> str | None:
    """Why none of a video's deployments will ever take it, or None while one still may. One that is
    not in the settings may come back: only what a deployment says of itself is final."""
    found = {each.state.deployment: each.state for each in stored}
    reasons = []
    for name in work.deployments:
        state, upstream = found.get(name), services.settings.upstream(name)
        if state is None or upstream is None or state.outage is None or not state.outage.final:
            return None
        day = f" on {upstream.retires_at:%Y-%m-%d}" if upstream.retires_at else ""
        reasons.append(
            f"the model of {name} was retired{day}: {state.outage.status} {state.outage.message}"
        )
    return "; ".join(reasons)


def notice(services: Services, model: str, stored: Iterable[StoredDeployment]) -> str:
    """What holds up every video of a model beyond its turn; empty where one of its deployments
    takes videos."""
    states = {each.state.deployment: each.state for each in stored}
    said = []
    for upstream in services.settings.offering(model):
        state = states.get(upstream.name)
        if state is None or state.outage is None:
            return ""
        said.append(f"{upstream.name} {outage_text(state.outage)}")
    return f"{'; '.join(said)}. It is tried again by itself. Waiting costs nothing." if said else ""


def outage_text(outage: Outage) -> str:
    """What a deployment does and since when, for everybody. Its own words are not: they may name
    what is nobody's business."""
    since = f"{datetime.fromtimestamp(outage.since, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{outage.what} (since {since})" if outage.since else outage.what


def is_open(stored: Iterable[StoredDeployment], now: float) -> bool:
    """Whether any of the deployments takes a submit now."""
    return any(opens_at(found.state, now) <= now for found in stored)


@dataclass(frozen=True)
class QueuePosition:
    """The place of a waiting video. `position` 1 is next; the time is unix seconds."""

    position: int
    completes_at: int | None
    """None while that is not known."""
    notice: str | None = None
    """What holds it up beyond its turn."""


def position_of(services: Services, video: Video) -> QueuePosition | None:
    """A video's place in line, as its caller sees it; None unless it waits for its turn."""
    if video.stage is not Stage.WAITING_FOR_QUOTA:
        return None
    model = video.request.model
    snapshot = services.snapshots.recent(model)
    notice = snapshot.notice
    if not services.settings.offering(model):
        notice = f"No deployment of {model} is configured now. Waiting costs nothing."
    expected = snapshot.completion(video.id) or video.estimated_completion_at
    ends = None if expected is None or notice else round(max(expected, services.clock()))
    return QueuePosition(snapshot.position(video.id), ends, notice or None)


def _hint_now(services: Services, each: QueuedVideo) -> Hint | None:
    """The hint for one whose turn has come, under the name that it waits for by now: it may have
    looked, and found nothing yet, between the reading of the line and the swap. Whoever takes
    another name after this looks at a deployment that holds its turn."""
    work = services.work.get(each.video_id)
    if work is None or work.hint is None:
        return None
    return {"instance": instance_id(work.video_id, work.epoch), "event": work.hint}


def _hint(each: QueuedVideo) -> Hint:
    return {"instance": each.instance, "event": each.hint}


def _is(each: QueuedVideo, me: Work | None) -> bool:
    return me is not None and each.video_id == me.video_id
