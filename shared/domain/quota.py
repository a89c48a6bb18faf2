"""Who may submit next: the whole queue discipline, as one pure function.

A deployment runs so many jobs at a time and takes so many creates a minute; one submit is in flight
at a time, which is what makes a lost answer traceable. First come, first served within a caller.
Between callers the one with the fewest jobs running goes first, and among equals the one whose last
turn is the longest ago; a caller that was passed over for too long goes before all others, so
nobody starves beside a busier or a luckier one.

A turn has two steps. A grant holds the slot for a short time (`granted`); it has to be taken up by
the video's own worker (`taken`), which may then send. A grant whose worker never comes ends by
itself and has cost nothing, because nobody can have sent anything for it.

The functions read time only as `now`. A clock that is set back makes a deployment open later, never
earlier.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TypeVar

from shared.domain.outage import Outage

T = TypeVar("T")

_PATIENCE = 4
"""A caller that was passed over in this many grants for each caller in line goes next."""
_REMEMBERED = 256
"""How many of a deployment's latest turns are remembered, by caller."""


@dataclass(frozen=True, kw_only=True)
class QueuedVideo:
    """A video in line. Order within a caller is the order of ids, which is that of admission.

    Only `video_id`, `caller` and `deployments` decide; the rest makes forecasts and hints.
    """

    video_id: str
    caller: str
    deployments: tuple[str, ...]
    """Where it may go."""
    expected: float = 0.0
    """How many seconds its render is expected to take."""
    model: str = ""
    instance: str = ""
    """The Durable instance of its worker."""
    hint: str = ""
    """The event that its worker waits for."""


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    """A deployment as the quota authority sees it. Times are unix seconds, already scaled."""

    deployment: str
    max_running: int
    max_creates: int
    window: float
    """The creates of this many seconds count (a minute, divided by the time scale)."""
    running: Mapping[str, float] = field(default_factory=dict)
    """Video id -> when its lease ends unless renewed."""
    callers: Mapping[str, str] = field(default_factory=dict)
    """Video id -> caller, for the videos in `running`."""
    ends: Mapping[str, float] = field(default_factory=dict)
    """Video id -> when its render is expected to end. Decides nothing; it makes forecasts."""
    creates: tuple[float, ...] = ()
    submitting: str | None = None
    """The video between its grant and its job id; nobody else may submit until it is done."""
    sending: bool = False
    """Whether `submitting` has taken its turn: it may be sending, and its create counts."""
    served: int = 0
    """How many turns this deployment has given."""
    turns: Mapping[str, int] = field(default_factory=dict)
    """Caller -> number of the latest turn that it got here."""
    paused_until: float = 0.0
    throttled: int = 0
    """How often the upstream answered 429 although the limits were kept."""
    paused: bool = False
    """Whether an operator has paused it."""
    outage: Outage | None = None
    """What is known while it turns everybody away. A submit is a probe then: one at a time, each
    after the pause that the one before has earned."""

    @property
    def gone(self) -> bool:
        """Whether it takes nothing any more, by its own words."""
        return self.outage is not None and self.outage.final

    @property
    def probes(self) -> tuple[str, ...]:
        """The videos that it has turned away of late, latest last: another one is the next to
        try."""
        return self.outage.probes if self.outage else ()


@dataclass(frozen=True)
class Grant:
    video_id: str
    deployment: str


def decide(
    waiting: Iterable[QueuedVideo], states: Iterable[DeploymentState], now: float
) -> list[Grant]:
    """Grants for the next submits, at most one for each deployment.

    Deterministic: equal inputs give equal grants. A grant is only a decision; it counts once the
    deployment's row was swapped to one that contains it (`granted`).
    """
    states = list(states)
    load: dict[str, int] = {}
    holding: set[str] = set()
    for state in states:
        for video_id in live(state, now):
            caller = state.callers.get(video_id, "")
            load[caller] = load.get(caller, 0) + 1
            holding.add(video_id)
    line = InOrder(video for video in waiting if video.video_id not in holding)
    grants: list[Grant] = []
    for state in sorted(states, key=lambda state: (len(live(state, now)), state.deployment)):
        if opens_at(state, now) > now:
            continue
        chosen = line.take(state.deployment, load, state.served, state.turns, behind=state.probes)
        if chosen is not None:
            load[chosen.caller] = load.get(chosen.caller, 0) + 1
            grants.append(Grant(chosen.video_id, state.deployment))
    return grants


class InOrder:
    """A line, ready to be asked again and again who is next."""

    def __init__(self, waiting: Iterable[QueuedVideo]) -> None:
        self._queues: dict[tuple[str, tuple[str, ...]], deque[QueuedVideo]] = {}
        for video in sorted(waiting, key=lambda video: video.video_id):
            kind = (video.caller, video.deployments)
            self._queues.setdefault(kind, deque()).append(video)

    def has(self, deployment: str) -> bool:
        """Whether anybody in line may go there."""
        return any(deployment in deployments for _, deployments in self._queues)

    def take(
        self,
        deployment: str,
        load: Mapping[str, int],
        served: int,
        turns: Mapping[str, int],
        *,
        behind: Sequence[str] = (),
    ) -> QueuedVideo | None:
        """The next for a deployment, taken out of the line. `load` is how many jobs each caller
        has running; `served` and `turns` are the deployment's. Those in `behind` come after all
        others, in that order."""
        heads = self._heads(deployment, frozenset(behind))
        if not heads:
            return self._first_of(deployment, behind)
        patience = _PATIENCE * len(heads)

        def rank(video: QueuedVideo) -> tuple[int, int, int, str]:
            last = turns.get(video.caller, served - _REMEMBERED - patience)
            running = load.get(video.caller, 0)
            if served - last >= patience:
                return 0, last, running, video.video_id
            return 1, running, last, video.video_id

        chosen = min(heads.values(), key=rank)
        return self._remove(chosen)

    def _first_of(self, deployment: str, wanted: Sequence[str]) -> QueuedVideo | None:
        """The first of these videos that waits for a deployment, taken out of the line."""
        there = {
            video.video_id: video
            for (_, deployments), queue in self._queues.items()
            if deployment in deployments
            for video in queue
        }
        found = next((there[each] for each in wanted if each in there), None)
        return None if found is None else self._remove(found)

    def _remove(self, video: QueuedVideo) -> QueuedVideo:
        kind = (video.caller, video.deployments)
        self._queues[kind].remove(video)
        if not self._queues[kind]:
            del self._queues[kind]
        return video

    def _heads(self, deployment: str, behind: frozenset[str]) -> dict[str, QueuedVideo]:
        """Caller -> the first of its videos that may go there."""
        heads: dict[str, QueuedVideo] = {}
        for (caller, deployments), queue in self._queues.items():
            if deployment not in deployments:
                continue
            first: QueuedVideo | None = queue[0]
            if behind:
                first = next((video for video in queue if video.video_id not in behind), None)
            other = heads.get(caller)
            if first and (other is None or first.video_id < other.video_id):
                heads[caller] = first
        return heads


def granted(
    state: DeploymentState, video: QueuedVideo, now: float, *, lease: float
) -> DeploymentState:
    """The deployment after `video` got its turn: it holds a slot for `lease` seconds, in which its
    worker must come (`taken`), and nobody else may submit."""
    kept = live(state, now)
    served = state.served + 1
    turns = {**state.turns, video.caller: served}
    return replace(
        state,
        running={**kept, video.video_id: now + lease},
        callers={**_only(state.callers, kept), video.video_id: video.caller},
        ends={**_only(state.ends, kept), video.video_id: now + video.expected},
        creates=_recent(state, now),
        submitting=video.video_id,
        sending=False,
        served=served,
        turns={who: turn for who, turn in turns.items() if turn > served - _REMEMBERED},
    )


def taken(
    state: DeploymentState, video_id: str, now: float, *, lease: float
) -> DeploymentState | None:
    """The deployment after the worker of a granted video has come: it may send from now on, for at
    most `lease` seconds. None where the grant has ended meanwhile; taking it twice changes
    nothing."""
    if state.running.get(video_id, 0.0) <= now:
        return None
    if state.submitting != video_id or state.sending:
        return state
    return replace(
        state,
        running={**state.running, video_id: now + lease},
        creates=(*_recent(state, now), now),
        sending=True,
    )


def submitted(
    state: DeploymentState,
    video_id: str,
    now: float,
    *,
    until: float | None = None,
    ends: float | None = None,
) -> DeploymentState:
    """The deployment after the submit of `video_id` is over, whatever came of it: the video keeps
    its slot until the upstream job expires (`until`), if nobody frees it earlier. Its render is
    expected to end at `ends`.

    The create counts from now, not from when it was taken: the upstream saw the POST somewhere
    between the two, and only the later time keeps its own window.
    """
    running, expected = dict(state.running), dict(state.ends)
    if until is not None and video_id in running:
        running[video_id] = until
    if ends is not None and video_id in running:
        expected[video_id] = ends
    state = replace(state, running=running, ends=expected)
    if state.submitting != video_id:
        return state
    creates = _recent(state, now)
    if state.sending:
        creates = (*creates[:-1], now)
    return replace(state, submitting=None, sending=False, creates=creates)


def freed(state: DeploymentState, video_id: str, now: float) -> DeploymentState:
    """The deployment after the upstream job of `video_id` is known to be over, or never began."""
    done = submitted(state, video_id, now)
    kept = {key: until for key, until in done.running.items() if key != video_id}
    return replace(
        done, running=kept, callers=_only(done.callers, kept), ends=_only(done.ends, kept)
    )


def opens_at(state: DeploymentState, now: float) -> float:
    """When the deployment can next take a submit, at the earliest: `now`, a later time, or infinity
    where that depends on something other than time."""
    if state.gone or state.paused or state.max_running <= 0 or state.max_creates <= 0:
        return inf
    times = [now, state.paused_until, _rate_opens(sorted(_recent(state, now)), state)]
    holding = sorted(live(state, now).values())
    if len(holding) >= state.max_running:
        times.append(holding[len(holding) - state.max_running])
    if state.submitting is not None and state.submitting in live(state, now):
        times.append(state.running[state.submitting])
    return max(times)


def opens_by_itself(state: DeploymentState, now: float) -> bool:
    """Whether the deployment is closed only until a time: nobody will tell when that has come."""
    holding = live(state, now)
    busy = len(holding) >= state.max_running or state.submitting in holding
    return not busy and now < opens_at(state, now) < inf


@dataclass(frozen=True)
class Forecast:
    """When and where a waiting video is expected to be submitted."""

    video: QueuedVideo
    deployment: str
    at: float


def forecast(
    waiting: Iterable[QueuedVideo], states: Iterable[DeploymentState], now: float
) -> Iterator[Forecast]:
    """The turns to come, in their order, if nobody else arrives and every render takes as long as
    expected. The time is infinite where somebody has to open a deployment first. Videos that no
    deployment will ever take are left out."""
    ahead = [_Ahead(state, now) for state in states if not state.gone]
    held = {video_id for each in ahead for video_id in live(each.state, now)}
    line = InOrder(video for video in waiting if video.video_id not in held)
    while able := [each for each in ahead if line.has(each.state.deployment)]:
        at = min(each.opens() for each in able)
        load: dict[str, int] = {}
        for each in ahead:
            each.forget(at)
            for _, caller in each.ends:
                load[caller] = load.get(caller, 0) + 1
        free = [each for each in able if each.opens() <= at]
        chosen = min(free, key=lambda each: (len(each.ends), each.state.deployment))
        state = chosen.state
        video = line.take(state.deployment, load, chosen.served, chosen.turns, behind=state.probes)
        assert video is not None, "somebody in line may go there"
        chosen.serve(video, at)
        yield Forecast(video, state.deployment, at)


class _Ahead:
    """A deployment in the time to come."""

    def __init__(self, state: DeploymentState, now: float) -> None:
        self.state = state
        self.served = state.served
        self.turns = dict(state.turns)
        self.ends: list[tuple[float, str]] = sorted(
            (max(now, state.ends.get(video_id, until)), state.callers.get(video_id, ""))
            for video_id, until in live(state, now).items()
        )
        self._creates = sorted(_recent(state, now))
        if state.submitting in live(state, now) and not state.sending:
            self._creates.append(now)
        shut = state.paused or state.max_running <= 0 or state.max_creates <= 0
        self._from = inf if shut else max(now, state.paused_until)

    def opens(self) -> float:
        if self._from == inf:
            return inf
        times = [self._from, _rate_opens(self._creates, self.state)]
        if len(self.ends) >= self.state.max_running:
            times.append(self.ends[len(self.ends) - self.state.max_running][0])
        return max(times)

    def forget(self, now: float) -> None:
        """What is over at `now`."""
        while self.ends and self.ends[0][0] <= now:
            del self.ends[0]

    def serve(self, video: QueuedVideo, at: float) -> None:
        self.served += 1
        self.turns[video.caller] = self.served
        insort(self.ends, (at + video.expected, video.caller))
        self._creates = [*self._creates[-self.state.max_creates :], at]
        self._from = at


def live(state: DeploymentState, now: float) -> dict[str, float]:
    """The slots that are held at `now`: video id -> when the lease ends."""
    return {video_id: until for video_id, until in state.running.items() if until > now}


def _rate_opens(creates: list[float], state: DeploymentState) -> float:
    """When the rate allows one more create; `creates` in ascending order."""
    if len(creates) < state.max_creates:
        return -inf
    return creates[len(creates) - state.max_creates] + state.window


def _recent(state: DeploymentState, now: float) -> tuple[float, ...]:
    return tuple(at for at in state.creates if at > now - state.window)


def _only(values: Mapping[str, T], kept: Mapping[str, float]) -> dict[str, T]:
    return {key: value for key, value in values.items() if key in kept}
