"""The line in front of the deployments: read it, grant turns, and tell callers their places."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.domain.outage import Outage
from shared.domain.quota import (
    DeploymentState,
    Forecast,
    QueuedVideo,
    decide,
    forecast,
    granted,
    opens_at,
    opens_by_itself,
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

_ROUNDS = 20
_STRANDED_WOKEN = 50
"""How many videos that no deployment takes any more are woken at once. The others find out when
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
    """The configured deployments as they are now: all, or those of the given names."""
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
    """Every waiting video and every deployment, as the last decision left them."""

    waiting: Sequence[QueuedVideo] = ()
    deployments: Sequence[StoredDeployment] = ()
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    """Model -> its snapshot, where one was written just now."""


def call_next(services: Services, me: Work | None = None) -> tuple[Line, tuple[Hint, ...]]:
    """Grant every submit that is possible now; the line afterwards, and the hints to raise.

    Called after a slot was freed or a submit has ended, and by a waiting video that sees an open
    deployment (`me`: it needs no hint, and its grant is taken at once). A grant counts once the
    deployment's row is written: without its hint the video finds it at its next look.
    """
    hints: list[Hint] = []
    changed = set() if me is None else {me.model}
    line = Line()
    for _ in range(_ROUNDS):
        waiting = services.work.in_line()
        if not waiting:
            return Line(), tuple(hints)
        line, served, conflicts = _grant(services, Line(waiting, deployments(services)), me)
        changed |= {video.model for video in served}
        fresh = (_hint_now(services, video) for video in served if not _is(video, me))
        hints += [hint for hint in fresh if hint is not None]
        if not conflicts:
            break
    return _look_ahead(services, line, changed, hints, me)


def _grant(services: Services, line: Line, me: Work | None) -> tuple[Line, list[QueuedVideo], bool]:
    """Make one decision and carry it out: the line afterwards, the videos that got a grant, and
    whether another process changed a row meanwhile."""
    now, durations = services.clock(), services.settings.durations
    waiting = {video.video_id: video for video in line.waiting}
    by_name = {stored.state.deployment: stored for stored in line.deployments}
    served: list[QueuedVideo] = []
    conflicts = False
    for grant in decide(line.waiting, (stored.state for stored in line.deployments), now):
        video, stored = waiting[grant.video_id], by_name[grant.deployment]
        after = granted(stored.state, video, now, lease=durations.grant_lease)
        if _is(video, me):
            after = taken(after, grant.video_id, now, lease=durations.slot_lease) or after
        try:
            by_name[grant.deployment] = services.deployments.replace(stored, after)
        except RowChanged:
            conflicts = True
            continue
        served.append(waiting.pop(grant.video_id))
    return Line(list(waiting.values()), list(by_name.values())), served, conflicts


def _look_ahead(
    services: Services, line: Line, changed: set[str], hints: list[Hint], me: Work | None
) -> tuple[Line, tuple[Hint, ...]]:
    """Write the snapshots, and add the hints for two more kinds of video: the next one where only
    time keeps a deployment closed, and those that no deployment will ever take."""
    now = services.clock()
    states = [stored.state for stored in line.deployments]
    by_itself = {state.deployment for state in states if opens_by_itself(state, now)}
    gone = {state.deployment for state in states if state.gone}
    stranded = [video for video in line.waiting if set(video.deployments) <= gone]
    hints += [_hint(video) for video in stranded[:_STRANDED_WOKEN] if not _is(video, me)]
    if not changed and not by_itself:
        return line, tuple(hints)
    turns = list(forecast(line.waiting, states, now))
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


def nowhere(services: Services, work: Work, stored: Iterable[StoredDeployment]) -> str | None:
    """Why none of a video's deployments will ever take it, or None while one still may. One that is
    not in the settings may come back: only what a deployment says of itself is final."""
    states = {each.state.deployment: each.state for each in stored}
    reasons = []
    for name in work.deployments:
        state, upstream = states.get(name), services.settings.upstream(name)
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
    """What a deployment does and since when, for every caller; not in its own words, which may name
    internals."""
    since = f"{datetime.fromtimestamp(outage.since, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{outage.what} (since {since})" if outage.since else outage.what


def is_open(stored: Iterable[StoredDeployment], now: float) -> bool:
    """Whether any of the deployments takes a submit now."""
    return any(opens_at(each.state, now) <= now for each in stored)


@dataclass(frozen=True)
class QueuePosition:
    """The place of a waiting video; `position` 1 is next."""

    position: int
    completes_at: int | None
    """Unix seconds; None while unknown."""
    notice: str | None = None
    """What holds it up beyond its turn."""


def position_of(services: Services, video: Video) -> QueuePosition | None:
    """A video's place in line; None unless it waits for its turn."""
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


def _hint_now(services: Services, video: QueuedVideo) -> Hint | None:
    """The hint for a video with a grant, under the event that it waits for now: it may have looked,
    and waited again, since the line was read. If it changes the event after this, it then looks and
    sees the grant."""
    work = services.work.get(video.video_id)
    if work is None or work.hint is None:
        return None
    return {"instance": instance_id(work.video_id, work.epoch), "event": work.hint}


def _hint(video: QueuedVideo) -> Hint:
    return {"instance": video.instance, "event": video.hint}


def _is(video: QueuedVideo, me: Work | None) -> bool:
    return me is not None and video.video_id == me.video_id
