"""The line in front of the deployments: read it, grant turns, and tell callers their places."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.domain.limits import SHORT_LINE
from shared.domain.outage import Outage
from shared.domain.quota import (
    DeploymentState,
    QueuedVideo,
    decide,
    forecast,
    freed,
    granted,
    opens_at,
    opens_by_itself,
    taken,
)
from shared.domain.video import Stage, Video
from shared.domain.work import Work, instance_id
from shared.durable.names import Hint
from shared.lifecycle import succession
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream
from shared.storage.deployments import StoredDeployment
from shared.storage.places import Heads
from shared.storage.rows import RowChanged
from shared.storage.snapshots import Place, Snapshot

_ROUNDS = 20
_PART = 50
"""A long line's snapshot is written again when one in so many has come or gone,"""
_LONG_KEPT = 600.0
"""or after so many seconds."""
_MOST_NEWER = 1000
_STRANDED_WOKEN = 50
"""How many videos that no deployment takes any more are woken at once. The others find out when
they next look: a line of thousands must not wake up together."""


def limits(services: Services, upstream: Upstream) -> DeploymentState:
    """An idle deployment with its configured limits."""
    return upstream.idle(services.settings.durations.minute)


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
    """The deployments, and the first who wait for those that take videos, now or by and by."""

    deployments: Sequence[StoredDeployment] = ()
    heads: Mapping[str, Heads] = field(default_factory=dict)
    """Model -> the first of its line, where it was read."""
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    """Model -> its snapshot, where one was written just now."""
    leaving: Sequence[QueuedVideo] = ()
    """Those whose model has an heir: they get no turn, they move to it."""

    @property
    def states(self) -> list[DeploymentState]:
        return [stored.state for stored in self.deployments]

    @property
    def waiting(self) -> list[QueuedVideo]:
        return [video for heads in self.heads.values() for video in heads.videos]


def call_next(services: Services, me: Work | None = None) -> tuple[Line, tuple[Hint, ...]]:
    """Grant every submit that is possible now; the line afterwards, and the hints to raise.

    Called after a slot was freed or a submit has ended, and by a waiting video that sees an open
    deployment (`me`: it needs no hint, and its grant is taken at once). A grant counts once the
    deployment's row is written: without its hint the video finds it at its next look.
    """
    hints: list[Hint] = []
    moved: set[str] = set()
    line = Line()
    for _ in range(_ROUNDS):
        line, grants, conflicts = _grant(services, _read(services), me)
        for video, deployment in grants:
            moved.add(video.model)
            if not _is(video, me):
                hints += _called(services, video, deployment)
        if not conflicts:
            break
    hints += _look_ahead(services, line, me)
    snapshots = {
        model: look
        for model in sorted(moved)
        if (look := refresh(services, model, line, services.snapshots.get(model))) is not None
    }
    return replace(line, snapshots=snapshots), tuple(hints)


def _read(services: Services) -> Line:
    """The deployments, and the first in line where a video may go, will by itself, or never can.
    Those whose model has an heir for good move to it: their line is only woken (`_look_ahead`)."""
    stored, now = deployments(services), services.clock()
    of_interest = {
        each.state.deployment
        for each in stored
        if opens_at(each.state, now) <= now or opens_by_itself(each.state, now) or each.state.gone
    }
    models = {up.model for up in services.settings.upstreams if up.name in of_interest}
    over = succession.succeeded(services, [each.state for each in stored], final=True)
    heads = services.places.heads() if models or over else {}
    none = Heads([], whole=True)
    return Line(
        stored,
        {model: heads.get(model, none) for model in models - over},
        leaving=[video for model in sorted(over) for video in heads.get(model, none).videos],
    )


def _grant(
    services: Services, line: Line, me: Work | None
) -> tuple[Line, list[tuple[QueuedVideo, str]], bool]:
    """Make one decision and carry it out: the line afterwards, the videos that got a grant and
    where, and whether another process changed a row meanwhile."""
    now, durations = services.clock(), services.settings.durations
    waiting = {video.video_id: video for video in line.waiting}
    by_name = {stored.state.deployment: stored for stored in line.deployments}
    grants: dict[str, list[QueuedVideo]] = {}
    for grant in decide(waiting.values(), line.states, now):
        grants.setdefault(grant.deployment, []).append(waiting[grant.video_id])
    served: list[tuple[QueuedVideo, str]] = []
    conflicts = False
    for name, videos in grants.items():
        after = by_name[name].state
        for video in videos:
            after = granted(after, video, now, lease=durations.grant_lease)
            if _is(video, me):
                after = taken(after, video.video_id, now, lease=durations.slot_lease) or after
        try:
            by_name[name] = services.deployments.replace(by_name[name], after)
        except RowChanged:
            conflicts = True
            continue
        served += [(video, name) for video in videos]
    gone = {video.video_id for video, _ in served}
    heads = {
        model: replace(heads, videos=[v for v in heads.videos if v.video_id not in gone])
        for model, heads in line.heads.items()
    }
    return replace(line, deployments=list(by_name.values()), heads=heads), served, conflicts


def _called(services: Services, video: QueuedVideo, deployment: str) -> list[Hint]:
    """The hint for a video with a grant. A place without a video, which only a process of another
    release can leave, is removed."""
    work = services.work.get(video.video_id)
    if work is None:
        upstream, now = services.settings.upstream(deployment), services.clock()
        if upstream is not None:
            services.deployments.change(
                limits(services, upstream), lambda state: freed(state, video.video_id, now)
            )
        services.places.forget(video)
        return []
    return _hint(work)


def _look_ahead(services: Services, line: Line, me: Work | None) -> list[Hint]:
    """The hints for two more kinds of video: the next one where only time keeps a deployment
    closed, and those that no deployment will ever take, or that move to an heir."""
    now = services.clock()
    by_itself = {state.deployment for state in line.states if opens_by_itself(state, now)}
    gone = {state.deployment for state in line.states if state.gone}
    stranded = [video for video in line.waiting if set(video.deployments) <= gone]
    wanted = [*stranded, *line.leaving][:_STRANDED_WOKEN]
    if by_itself:
        first: dict[str, QueuedVideo] = {}
        for turn in forecast(line.waiting, line.states, now):
            if turn.deployment in by_itself:
                first.setdefault(turn.deployment, turn.video)
                if len(first) == len(by_itself):
                    break
        wanted += first.values()
    hints: list[Hint] = []
    for video in wanted:
        work = None if _is(video, me) else services.work.get(video.video_id)
        if work is not None:
            hints += _hint(work)
    return hints


def call_to_move(services: Services) -> tuple[Hint, ...]:
    """The hints for some of the videos that may move while their model is out: any, because those
    that may not move stay in line."""
    states = [each.state for each in deployments(services)]
    models = succession.succeeded(services, states, final=False)
    heads = services.places.heads() if models else {}
    videos = [video for model in sorted(models & heads.keys()) for video in heads[model].videos]
    hints: list[Hint] = []
    for video in random.sample(videos, min(len(videos), _STRANDED_WOKEN)):
        work = services.work.get(video.video_id)
        hints += [] if work is None else _hint(work)
    return tuple(hints)


def refresh(
    services: Services, model: str, line: Line, before: Snapshot, *, joined: int = 0
) -> Snapshot | None:
    """Write the snapshot of a model's line after `before`, if it is time; None if not, or if
    another process does.

    A short line's is written whenever it has moved. A long one costs a page for each thousand, so
    it is written when one in fifty has come (`joined`) or gone since, or after ten minutes."""
    now, names = services.clock(), offering(services, model)
    stored = [each for each in line.deployments if each.state.deployment in names]
    served = sum(each.state.served for each in stored)
    if before.waiting > SHORT_LINE:
        changes = max(served - before.served, joined)
        old = before.at < now - services.settings.durations.of(_LONG_KEPT)
        if not old and changes * _PART < before.waiting:
            return None
        claimed = services.snapshots.claim(before, now)
        if claimed is None:
            return None
        before = claimed
    heads = line.heads.get(model)
    waiting = heads.videos if heads and heads.whole else services.places.all(model)
    turns = list(forecast(waiting, (each.state for each in stored), now))
    said = notice(services, model, stored)
    return services.snapshots.put(model, now, turns, before, served=served, notice=said)


def nowhere(services: Services, work: Work, stored: Iterable[StoredDeployment]) -> str | None:
    """Why none of a video's deployments will ever take it, or None while one still may. One that is
    not in the settings may come back: only what a deployment says of itself is final."""
    states = {each.state.deployment: each.state for each in stored}
    reasons = []
    for name in work.deployments:
        state, upstream = states.get(name), services.settings.upstream(name)
        if state is None or upstream is None or state.outage is None or not state.outage.final:
            return None
        reasons.append(
            f"the model of {name} was retired{_on_day(upstream, state.outage)}: "
            f"{state.outage.status} {state.outage.message}"
        )
    return "; ".join(reasons)


def _on_day(upstream: Upstream, outage: Outage) -> str:
    """The day of a retirement, as the settings have it, else on which it was first said."""
    if upstream.retires_at is None and not outage.since:  # of release 0.1
        return ""
    return f" on {upstream.retires_at or datetime.fromtimestamp(outage.since, UTC):%Y-%m-%d}"


def notice(services: Services, model: str, stored: Iterable[StoredDeployment]) -> str:
    """What holds up every video of a model beyond its turn; empty where one of its deployments
    takes videos."""
    states = {each.state.deployment: each.state for each in stored}
    said, again = [], ""
    for upstream in services.settings.offering(model):
        state = states.get(upstream.name)
        if state is not None and state.paused:
            said.append(f"{upstream.name} is paused by an operator")
        elif state is not None and state.outage is not None:
            said.append(f"{upstream.name} {outage_text(state.outage)}")
            again = " It is tried again by itself."
        else:
            return ""
    return f"{'; '.join(said)}.{again} Waiting costs nothing." if said else ""


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
    model = video.request.renderer
    snapshot = services.snapshots.recent(model)
    place = services.snapshots.place(model, snapshot, video.id)
    notice = snapshot.notice
    if not services.settings.offering(model):
        notice = f"No deployment of {model} is configured now. Waiting costs nothing."
    notice = succession.notice(services, model) or notice
    expected = place.completion or video.estimated_completion_at
    ends = None if expected is None or notice else round(max(expected, services.clock()))
    return QueuePosition(_position(services, video, snapshot, place), ends, notice or None)


def _position(services: Services, video: Video, snapshot: Snapshot, place: Place) -> int:
    """A place, moved by what has happened since its snapshot: turns that a long line had, and
    videos that came before this one."""
    position = place.position
    if place.last:
        work = services.work.get(video.id)
        position += 0 if work is None else newer(services, work, place)
    if snapshot.waiting > SHORT_LINE:
        position -= served_since(services, video.request.renderer, snapshot)
    return max(1, position)


def served_since(services: Services, model: str, snapshot: Snapshot) -> int:
    """How many turns a model's deployments have given since a snapshot of its line."""
    return services.deployments.served(offering(services, model)) - snapshot.served


def offering(services: Services, model: str) -> list[str]:
    """The names of the deployments that render a model."""
    return [upstream.name for upstream in services.settings.offering(model)]


def newer(services: Services, work: Work, place: Place) -> int:
    """How many of its caller came after the snapshot and before this video."""
    return services.places.newer(work, f"video_{place.last}", limit=_MOST_NEWER)


def _hint(work: Work) -> list[Hint]:
    """The hint for a waiting video, under the event that it waits for now: it may have looked, and
    waited again, since the line was read. If it changes the event after this, it then looks and
    sees its grant."""
    if work.hint is None:
        return []
    return [{"instance": instance_id(work.video_id, work.epoch), "event": work.hint}]


def _is(video: QueuedVideo, me: Work | None) -> bool:
    return me is not None and video.video_id == me.video_id
