"""Which video may submit next: the queue discipline, as pure functions.

A deployment runs a limited number of jobs and takes a limited number of creates a minute; only one
submit is in flight, so a lost answer can be traced. Within a caller, first come, first served.
Between callers, the one with the fewest running jobs goes first, then the one whose last turn was
longest ago; a caller that was passed over too often goes before all others, so none starves.

A turn has two steps. A grant holds the slot for a short time (`granted`); the video's worker takes
it (`taken`) and may then send. A grant that no worker takes expires at no cost: nothing was sent.

Time is only read as `now`. A clock that is set back makes a deployment open later, never earlier.
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
"""A caller goes next after it was passed over in this many grants for each caller in line."""
_REMEMBERED = 256
"""How many of a deployment's latest turns are remembered."""


@dataclass(frozen=True, kw_only=True)
class QueuedVideo:
    """A video in line. A caller's videos go in the order of their ids, which is that of admission.

    Only `video_id`, `caller` and `deployments` decide; the rest is for forecasts and hints.
    """

    video_id: str
    caller: str
    deployments: tuple[str, ...]
    """Where it may be submitted."""
    expected: float = 0.0
    """Seconds that its render is expected to take."""
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
    """The seconds in which `max_creates` count (a minute, divided by the time scale)."""
    running: Mapping[str, float] = field(default_factory=dict)
    """Video id -> when its lease ends unless renewed."""
    callers: Mapping[str, str] = field(default_factory=dict)
    """Video id -> caller, for the videos in `running`."""
    ends: Mapping[str, float] = field(default_factory=dict)
    """Video id -> when its render is expected to end. Only for forecasts."""
    creates: tuple[float, ...] = ()
    submitting: str | None = None
    """The video between its grant and its job id; no other may submit until then."""
    sending: bool = False
    """Whether `submitting` has taken its turn: it may have sent, and its create counts."""
    served: int = 0
    """The number of turns that this deployment has given."""
    turns: Mapping[str, int] = field(default_factory=dict)
    """Caller -> number of its latest turn here."""
    paused_until: float = 0.0
    throttled: int = 0
    """How often the upstream answered 429 although we kept the limits."""
    paused: bool = False
    """Whether an operator has paused it."""
    outage: Outage | None = None
    """Set while it turns everybody away. Each submit is a probe then: one at a time, after the
    pause that the last one caused."""

    @property
    def gone(self) -> bool:
        """Whether the deployment says that it is gone for good."""
        return self.outage is not None and self.outage.final

    @property
    def probes(self) -> tuple[str, ...]:
        """The videos that it has turned away lately, latest last; the others go first."""
        return self.outage.probes if self.outage else ()


@dataclass(frozen=True)
class Grant:
    video_id: str
    deployment: str


def decide(
    waiting: Iterable[QueuedVideo], states: Iterable[DeploymentState], now: float
) -> list[Grant]:
    """Grants for the next submits, at most one for each deployment.

    Deterministic. A grant counts only once the deployment's row was swapped to one that contains it
    (`granted`).
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
    """A line from which the next video is taken, again and again."""

    def __init__(self, waiting: Iterable[QueuedVideo]) -> None:
        self._queues: dict[tuple[str, tuple[str, ...]], deque[QueuedVideo]] = {}
        for video in sorted(waiting, key=lambda video: video.video_id):
            kind = (video.caller, video.deployments)
            self._queues.setdefault(kind, deque()).append(video)

    def has(self, deployment: str) -> bool:
        """Whether any video in line may go there."""
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
        """Take the next video for a deployment out of the line. `load` is the number of running
        jobs of each caller; `served` and `turns` are the deployment's. Videos in `behind` come
        after all others, in that order."""
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

        return self._remove(min(heads.values(), key=rank))

    def _first_of(self, deployment: str, wanted: Sequence[str]) -> QueuedVideo | None:
        """Take the first of these videos that may go to a deployment out of the line."""
        there = {
            video.video_id: video
            for (_, deployments), queue in self._queues.items()
            if deployment in deployments
            for video in queue
        }
        first = next((there[video_id] for video_id in wanted if video_id in there), None)
        return None if first is None else self._remove(first)

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
    """The deployment after a grant to `video`, which holds a slot for `lease` seconds. Its worker
    must take it (`taken`) in that time, and no other video may submit."""
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
    """The deployment after the worker took its grant: it may send for `lease` seconds. None if the
    grant has ended; taking it twice changes nothing."""
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
    """The deployment after the submit of `video_id` is over, whatever its result. The video keeps
    its slot until `until`, when the upstream job expires, unless it is freed earlier; its render
    is expected to end at `ends`.

    The create counts from now, not from when the turn was taken: the upstream saw the POST between
    the two, and only the later time is sure to keep the upstream's limit.
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
    """The deployment after the upstream job of `video_id` is known to be over, or to not exist."""
    done = submitted(state, video_id, now)
    kept = {key: until for key, until in done.running.items() if key != video_id}
    return replace(
        done, running=kept, callers=_only(done.callers, kept), ends=_only(done.ends, kept)
    )


def opens_at(state: DeploymentState, now: float) -> float:
    """The earliest time at which the deployment can take a submit; infinity if time alone will not
    open it."""
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
    """Whether the deployment only waits for a time to pass: no event will say that it is open."""
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
    """The turns to come, in order, if no video arrives and every render takes as long as expected.
    The time is infinite for a deployment that an operator must open first. Videos that no
    deployment will ever take are left out."""
    simulated = [_Simulated(state, now) for state in states if not state.gone]
    held = {video_id for sim in simulated for video_id in live(sim.state, now)}
    line = InOrder(video for video in waiting if video.video_id not in held)
    while able := [sim for sim in simulated if line.has(sim.state.deployment)]:
        at = min(sim.opens() for sim in able)
        load: dict[str, int] = {}
        for sim in simulated:
            sim.forget(at)
            for _, caller in sim.ends:
                load[caller] = load.get(caller, 0) + 1
        free = [sim for sim in able if sim.opens() <= at]
        chosen = min(free, key=lambda sim: (len(sim.ends), sim.state.deployment))
        state = chosen.state
        video = line.take(state.deployment, load, chosen.served, chosen.turns, behind=state.probes)
        assert video is not None, "able deployments have a video in line"
        chosen.serve(video, at)
        yield Forecast(video, state.deployment, at)


class _Simulated:
    """A deployment as the forecast moves it ahead in time."""

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
        """Drop the renders that have ended at `now`."""
        while self.ends and self.ends[0][0] <= now:
            del self.ends[0]

    def serve(self, video: QueuedVideo, at: float) -> None:
        self.served += 1
        self.turns[video.caller] = self.served
        insort(self.ends, (at + video.expected, video.caller))
        self._creates = [*self._creates[-self.state.max_creates :], at]
        self._from = at


def live(state: DeploymentState, now: float) -> dict[str, float]:
    """The slots held at `now`: video id -> when the lease ends."""
    return {video_id: until for video_id, until in state.running.items() if until > now}


def _rate_opens(creates: list[float], state: DeploymentState) -> float:
    """When the rate allows one more create; `creates` is in ascending order."""
    if len(creates) < state.max_creates:
        return -inf
    return creates[len(creates) - state.max_creates] + state.window


def _recent(state: DeploymentState, now: float) -> tuple[float, ...]:
    return tuple(at for at in state.creates if at > now - state.window)


def _only(values: Mapping[str, T], kept: Mapping[str, float]) -> dict[str, T]:
    return {key: value for key, value in values.items() if key in kept}
