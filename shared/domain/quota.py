"""Which video may submit next: the queue discipline, as pure functions.

A deployment runs a limited number of jobs and takes a limited number of creates a minute. Several
submits are in flight at once if the upstream's list can tell their jobs apart, so a lost answer can
be traced; those that are alike follow each other (`likeness`). Within a caller, first come, first
served, but for those that must wait for one like them, and lines of batches come last. Between
callers, the one with the fewest running jobs goes first, then the one whose last turn was longest
ago; a caller that was passed over too often goes before all others, so none starves.

A turn has two steps. A grant holds the slot for a short time (`granted`); the video's worker takes
it (`taken`) and may then send. A grant that no worker takes expires at no cost: nothing was sent.

Time is only read as `now`. A clock that is set back makes a deployment open later, never earlier.
"""

from bisect import bisect_right, insort
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TypeVar

from shared.domain.likeness import UNKNOWN, Fact, likeness
from shared.domain.limits import MOST_SUBMITS
from shared.domain.outage import Outage

T = TypeVar("T")

_PATIENCE = 4
"""A caller goes next after it was passed over in this many grants for each caller in line."""
_REMEMBERED = 256
"""How many of a deployment's latest turns are remembered."""
_LAST = "\U0010ffff"
"""Sorts behind every caller."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedVideo:
    """A video in line. A caller's videos go in the order of their ids, which is that of admission,
    and those of its batches after all others.

    `expected` and `model` decide nothing: they are for forecasts.
    """

    video_id: str
    caller: str
    deployments: tuple[str, ...]
    """Where it may be submitted."""
    expected: float = 0.0
    """Seconds that its render is expected to take."""
    facts: str = ""
    """What a list may show of its job (`likeness.facts`); empty where that is not known."""
    model: str = ""
    of_batch: bool = False
    """Whether it is a line of a batch."""

    @property
    def order(self) -> tuple[bool, str]:
        """Its place among the videos of its caller."""
        return self.of_batch, self.video_id


@dataclass(frozen=True, kw_only=True)
class Submit:
    """A submit between its grant and its job id."""

    likeness: str = UNKNOWN
    sending: bool = False
    """Whether its worker has taken the turn: it may have sent, and its create counts."""


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    """A deployment as the quota authority sees it. Times are unix seconds, already scaled."""

    deployment: str
    max_running: int
    max_creates: int
    window: float
    """The seconds in which `max_creates` count (a minute, divided by the time scale)."""
    shown: tuple[Fact, ...] | None = ()
    """What its list shows of each job as it was asked for; None without a list, where no lost
    answer can be traced, and so none has to be."""
    running: Mapping[str, float] = field(default_factory=dict)
    """Video id -> when its lease ends unless renewed."""
    callers: Mapping[str, str] = field(default_factory=dict)
    """Video id -> caller, for the videos in `running`."""
    ends: Mapping[str, float] = field(default_factory=dict)
    """Video id -> when its render is expected to end. Only for forecasts."""
    creates: tuple[float, ...] = ()
    """When the latest submits were over."""
    submitting: Mapping[str, Submit] = field(default_factory=dict)
    """Video id -> its submit; no other that is alike may begin until it is over."""
    unanswered: Mapping[str, float] = field(default_factory=dict)
    """Likeness -> until when nobody alike may submit: a job of its kind may still turn up."""
    served: int = 0
    """The number of turns that this deployment has given."""
    turns: Mapping[str, int] = field(default_factory=dict)
    """Caller -> number of its latest turn here."""
    paused_until: float = 0.0
    throttled: int = 0
    """How often the upstream answered 429 although we kept the limits."""
    paused: bool = False
    """Whether an operator has paused it."""
    paused_since: float = 0.0
    """When; 0 where that is not known."""
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

    def likeness(self, video: QueuedVideo) -> str:
        """What tells a video's job from others in the list of this deployment."""
        return video.video_id if self.shown is None else likeness(video.facts, self.shown)


@dataclass(frozen=True)
class Grant:
    video_id: str
    deployment: str


def decide(
    waiting: Iterable[QueuedVideo], states: Iterable[DeploymentState], now: float
) -> list[Grant]:
    """Grants for the next submits, in order: all that are possible now.

    Deterministic. A grant counts only once the deployment's row was swapped to one that contains it
    (`granted`).
    """
    by_name = {state.deployment: state for state in states}
    load: dict[str, int] = {}
    holding: set[str] = set()
    for state in by_name.values():
        for video_id in live(state, now):
            caller = state.callers.get(video_id, "")
            load[caller] = load.get(caller, 0) + 1
            holding.add(video_id)
    line = InOrder(video for video in waiting if video.video_id not in holding)
    grants: list[Grant] = []
    able = set(by_name)
    while able:
        state = min((by_name[name] for name in able), key=lambda each: _emptiest(each, now))
        chosen = line.take(state, load, now) if opens_at(state, now) <= now else None
        if chosen is None:
            able.discard(state.deployment)
            continue
        load[chosen.caller] = load.get(chosen.caller, 0) + 1
        by_name[state.deployment] = granted(state, chosen, now, lease=1.0)
        grants.append(Grant(chosen.video_id, state.deployment))
    return grants


def _emptiest(state: DeploymentState, now: float) -> tuple[int, str]:
    return len(live(state, now)), state.deployment


class InOrder:
    """A line from which the next video is taken, again and again."""

    def __init__(self, waiting: Iterable[QueuedVideo]) -> None:
        self._queues: dict[tuple[str, tuple[str, ...]], deque[QueuedVideo]] = {}
        for video in sorted(waiting, key=lambda video: video.order):
            kind = (video.caller, video.deployments)
            self._queues.setdefault(kind, deque()).append(video)

    def has(self, deployment: str) -> bool:
        """Whether any video in line may go there."""
        return any(deployment in deployments for _, deployments in self._queues)

    def take(
        self, state: DeploymentState, load: Mapping[str, int], now: float
    ) -> QueuedVideo | None:
        """Take the next video for a deployment out of the line: one that is not like any in flight
        there. `load` is the number of running jobs of each caller. Videos that the deployment has
        turned away come after all others, in that order."""
        blocked = _blocked(state, now)
        heads = self._heads(state, frozenset(state.probes), blocked)
        if not heads:
            return self._first_of(state, state.probes, blocked)
        patience = _PATIENCE * len(heads)

        def rank(video: QueuedVideo) -> tuple[int, int, int, str]:
            last = state.turns.get(video.caller, state.served - _REMEMBERED - patience)
            running = load.get(video.caller, 0)
            if state.served - last >= patience:
                return 0, last, running, video.video_id
            return 1, running, last, video.video_id

        return self._remove(min(heads.values(), key=rank))

    def _first_of(
        self, state: DeploymentState, wanted: Sequence[str], blocked: Collection[str]
    ) -> QueuedVideo | None:
        """Take the first of these videos that may go to a deployment out of the line."""
        there = {
            video.video_id: video
            for (_, deployments), queue in self._queues.items()
            if state.deployment in deployments
            for video in queue
        }
        able = (there[video_id] for video_id in wanted if video_id in there)
        first = next((video for video in able if _is_free(state, video, blocked)), None)
        return None if first is None else self._remove(first)

    def _remove(self, video: QueuedVideo) -> QueuedVideo:
        kind = (video.caller, video.deployments)
        self._queues[kind].remove(video)
        if not self._queues[kind]:
            del self._queues[kind]
        return video

    def _heads(
        self, state: DeploymentState, behind: frozenset[str], blocked: Collection[str]
    ) -> dict[str, QueuedVideo]:
        """Caller -> the first of its videos that may go there now."""
        heads: dict[str, QueuedVideo] = {}
        for (caller, deployments), queue in self._queues.items():
            if state.deployment not in deployments:
                continue
            able = (
                video
                for video in queue
                if video.video_id not in behind and _is_free(state, video, blocked)
            )
            first, other = next(able, None), heads.get(caller)
            if first and (other is None or first.order < other.order):
                heads[caller] = first
        return heads


def _blocked(state: DeploymentState, now: float) -> frozenset[str]:
    """The likenesses of what is in flight, or may still turn up."""
    still = (likeness for likeness, until in state.unanswered.items() if until > now)
    return frozenset((*(submit.likeness for submit in in_flight(state, now).values()), *still))


def _is_free(state: DeploymentState, video: QueuedVideo, blocked: Collection[str]) -> bool:
    if not blocked:
        return True
    mine = state.likeness(video)
    return not (mine in blocked or UNKNOWN in blocked or mine == UNKNOWN)


def granted(
    state: DeploymentState, video: QueuedVideo, now: float, *, lease: float
) -> DeploymentState:
    """The deployment after a grant to `video`, which holds a slot for `lease` seconds. Its worker
    must take it (`taken`) in that time."""
    kept = live(state, now)
    served = state.served + 1
    turns = {**state.turns, video.caller: served}
    return replace(
        state,
        running={**kept, video.video_id: now + lease},
        callers={**_only(state.callers, kept), video.video_id: video.caller},
        ends={**_only(state.ends, kept), video.video_id: now + video.expected},
        creates=_recent(state, now),
        submitting={
            **in_flight(state, now),
            video.video_id: Submit(likeness=state.likeness(video)),
        },
        unanswered={like: until for like, until in state.unanswered.items() if until > now},
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
    submit = state.submitting.get(video_id)
    if submit is None or submit.sending:
        return state
    return replace(
        state,
        running={**state.running, video_id: now + lease},
        submitting={**state.submitting, video_id: replace(submit, sending=True)},
    )


def submitted(
    state: DeploymentState,
    video_id: str,
    now: float,
    *,
    until: float | None = None,
    ends: float | None = None,
    apart: float | None = None,
) -> DeploymentState:
    """The deployment after the submit of `video_id` is over, whatever its result. The video keeps
    its slot until `until`, when the upstream job expires, unless it is freed earlier; its render
    is expected to end at `ends`. Where its job may still turn up, nobody alike submits until
    `apart`.

    The create counts from now, not from when the turn was taken: the upstream saw the POST between
    the two, and only the later time is sure to keep the upstream's limit.
    """
    running, expected = dict(state.running), dict(state.ends)
    if until is not None and video_id in running:
        running[video_id] = until
    if ends is not None and video_id in running:
        expected[video_id] = ends
    state = replace(state, running=running, ends=expected)
    submit = state.submitting.get(video_id)
    if submit is None:
        return state
    unanswered = dict(state.unanswered)
    if apart is not None:
        unanswered[submit.likeness] = max(apart, unanswered.get(submit.likeness, 0.0))
    creates = _recent(state, now)
    return replace(
        state,
        submitting={key: other for key, other in state.submitting.items() if key != video_id},
        unanswered=unanswered,
        creates=(*creates, now) if submit.sending else creates,
    )


def freed(state: DeploymentState, video_id: str, now: float) -> DeploymentState:
    """The deployment after the upstream job of `video_id` is known to be over, or to not exist."""
    done = submitted(state, video_id, now)
    kept = {key: until for key, until in done.running.items() if key != video_id}
    return replace(
        done, running=kept, callers=_only(done.callers, kept), ends=_only(done.ends, kept)
    )


def in_flight(state: DeploymentState, now: float) -> dict[str, Submit]:
    """The submits that are not over, by video id."""
    return {
        video_id: submit
        for video_id, submit in state.submitting.items()
        if state.running.get(video_id, 0.0) > now
    }


def opens_at(state: DeploymentState, now: float) -> float:
    """The earliest time at which the deployment can take a submit; infinity if time alone will not
    open it. Whether a video in line must wait for one like it is not asked here."""
    if state.gone or state.paused or state.max_running <= 0 or state.max_creates <= 0:
        return inf
    times = [now, state.paused_until, _rate_opens(_counted(state, now), state.max_creates)]
    holding = sorted(live(state, now).values())
    if len(holding) >= state.max_running:
        times.append(holding[len(holding) - state.max_running])
    submits = sorted(state.running[video_id] for video_id in in_flight(state, now))
    if len(submits) >= _most_in_flight(state):
        times.append(submits[len(submits) - _most_in_flight(state)])
    return max(times)


def opens_by_itself(state: DeploymentState, now: float) -> bool:
    """Whether the deployment only waits for a time to pass: no event will say that it is open."""
    submits = in_flight(state, now)
    busy = (
        len(live(state, now)) >= state.max_running
        or len(submits) >= _most_in_flight(state)
        or len(submits) >= state.max_creates
    )
    return not busy and now < opens_at(state, now) < inf


def _most_in_flight(state: DeploymentState) -> int:
    """An outage is probed by one at a time; so is a list that tells nobody apart."""
    return 1 if state.outage is not None or state.shown == () else MOST_SUBMITS


def _counted(state: DeploymentState, now: float) -> list[float]:
    """When each create stops counting: one in flight at the latest a window after its lease."""
    submits = in_flight(state, now)
    counted = [at + state.window for at in _recent(state, now)]
    counted += [
        state.running[video_id] + (state.window if submit.sending else 0.0)
        for video_id, submit in submits.items()
    ]
    return sorted(counted)


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
    load = Counter(caller for sim in simulated for _, caller in sim.ends)
    while able := [sim for sim in simulated if line.has(sim.state.deployment)]:
        at = min(sim.opens() for sim in able)
        for sim in simulated:
            load.subtract(sim.over(at))
        free = [sim for sim in able if sim.opens() <= at]
        chosen = min(free, key=lambda sim: (len(sim.ends), sim.state.deployment))
        video = line.take(chosen.state, load, at)
        assert video is not None, "able deployments have a video in line"
        load[video.caller] += 1
        chosen.serve(video, at)
        yield Forecast(video, chosen.state.deployment, at)


class _Simulated:
    """A deployment as the forecast moves it ahead in time. A submit takes no time, so none waits
    for one like it."""

    def __init__(self, state: DeploymentState, now: float) -> None:
        self.state = replace(state, submitting={}, unanswered={})
        self.ends: list[tuple[float, str]] = sorted(
            (max(now, state.ends.get(video_id, until)), state.callers.get(video_id, ""))
            for video_id, until in live(state, now).items()
        )
        in_window = [*_recent(state, now), *(now for _ in in_flight(state, now))]
        self._opens = [at + state.window for at in sorted(in_window)]
        shut = state.paused or state.max_running <= 0 or state.max_creates <= 0
        self._from = inf if shut else max(now, state.paused_until)

    def opens(self) -> float:
        if self._from == inf:
            return inf
        times = [self._from, _rate_opens(self._opens, self.state.max_creates)]
        if len(self.ends) >= self.state.max_running:
            times.append(self.ends[len(self.ends) - self.state.max_running][0])
        return max(times)

    def over(self, now: float) -> list[str]:
        """Drop the renders that have ended at `now`; their callers."""
        count = bisect_right(self.ends, (now, _LAST))
        callers = [caller for _, caller in self.ends[:count]]
        del self.ends[:count]
        return callers

    def serve(self, video: QueuedVideo, at: float) -> None:
        served = self.state.served + 1
        turns = {**self.state.turns, video.caller: served}
        self.state = replace(self.state, served=served, turns=turns)
        insort(self.ends, (at + video.expected, video.caller))
        self._opens = [*self._opens[-self.state.max_creates :], at + self.state.window]
        self._from = at


def live(state: DeploymentState, now: float) -> dict[str, float]:
    """The slots held at `now`: video id -> when the lease ends."""
    return {video_id: until for video_id, until in state.running.items() if until > now}


def _rate_opens(ends: Sequence[float], most: int) -> float:
    """When the rate allows one more create; `ends` has when each that counts stops counting, in
    ascending order."""
    return -inf if len(ends) < most else ends[len(ends) - most]


def _recent(state: DeploymentState, now: float) -> tuple[float, ...]:
    return tuple(at for at in state.creates if at > now - state.window)


def _only(values: Mapping[str, T], kept: Mapping[str, float]) -> dict[str, T]:
    return {key: value for key, value in values.items() if key in kept}
