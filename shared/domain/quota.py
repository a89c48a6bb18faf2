"""Who may submit next: the whole queue discipline, as one pure function.

A deployment runs so many jobs at a time and takes so many creates a minute; one submit is in flight
at a time, which is what makes a lost answer traceable. First come, first served within a caller;
between callers the one with the fewest jobs running goes first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A video in line. Order within a caller is the order of ids, which is that of admission."""

    video_id: str
    caller: str
    deployments: tuple[str, ...]
    """Where it may go."""


@dataclass(frozen=True, kw_only=True)
class Lane:
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
    creates: tuple[float, ...] = ()
    submitting: str | None = None
    """The video between its grant and its job id; nobody else may submit until it is done."""
    paused_until: float = 0.0
    out: str | None = None
    """Why the deployment takes nothing until someone looks at it, for example `401`."""


@dataclass(frozen=True)
class Grant:
    video_id: str
    deployment: str


def decide(waiting: Iterable[Waiting], lanes: Iterable[Lane], now: float) -> list[Grant]:
    """Grants for the next submits, at most one for each deployment.

    Deterministic: equal inputs give equal grants. A grant is only a decision; it counts once the
    deployment's row was swapped to one that contains it (`granted`).
    """
    lanes = list(lanes)
    load: dict[str, int] = {}
    held: set[str] = set()
    for lane in lanes:
        for video_id in _live(lane, now):
            caller = lane.callers.get(video_id, "")
            load[caller] = load.get(caller, 0) + 1
            held.add(video_id)
    line = sorted((v for v in waiting if v.video_id not in held), key=lambda v: v.video_id)
    grants: list[Grant] = []
    for lane in sorted(lanes, key=lambda lane: (len(_live(lane, now)), lane.deployment)):
        if opens_at(lane, now) > now:
            continue
        heads: dict[str, Waiting] = {}
        for video in line:
            if lane.deployment in video.deployments:
                heads.setdefault(video.caller, video)
        if not heads:
            continue
        chosen = min(heads.values(), key=lambda v: (load.get(v.caller, 0), v.video_id))
        line.remove(chosen)
        load[chosen.caller] = load.get(chosen.caller, 0) + 1
        grants.append(Grant(chosen.video_id, lane.deployment))
    return grants


def granted(lane: Lane, video: Waiting, now: float, *, lease: float) -> Lane:
    """The lane after `video` got its turn: it holds a slot and is the one submitting."""
    return replace(
        lane,
        running={**_live(lane, now), video.video_id: now + lease},
        callers={**_callers_of(lane, now), video.video_id: video.caller},
        creates=(*_recent(lane, now), now),
        submitting=video.video_id,
    )


def submitted(lane: Lane, video_id: str, now: float, *, until: float | None = None) -> Lane:
    """The lane after the submit of `video_id` is over, whatever came of it; it keeps its slot,
    until the upstream job expires (`until`) if nobody frees it earlier.

    The create counts from now, not from the grant: the upstream saw the POST somewhere between the
    two, and only the later time keeps its own window.
    """
    running = dict(lane.running)
    if until is not None and video_id in running:
        running[video_id] = until
    if lane.submitting != video_id:
        return replace(lane, running=running)
    creates = (*_recent(lane, now)[:-1], now)
    return replace(lane, running=running, submitting=None, creates=creates)


def freed(lane: Lane, video_id: str, now: float) -> Lane:
    """The lane after the upstream job of `video_id` is known to be over, or never began."""
    done = submitted(lane, video_id, now)
    return replace(
        done,
        running={key: value for key, value in done.running.items() if key != video_id},
        callers={key: value for key, value in done.callers.items() if key != video_id},
    )


def opens_at(lane: Lane, now: float) -> float:
    """When the lane can next take a submit, at the earliest: `now`, a later time, or infinity
    where that depends on something other than time."""
    if lane.out is not None or lane.max_running <= 0 or lane.max_creates <= 0:
        return float("inf")
    times = [now, lane.paused_until]
    recent = sorted(_recent(lane, now))
    if len(recent) >= lane.max_creates:
        times.append(recent[len(recent) - lane.max_creates] + lane.window)
    live = sorted(_live(lane, now).values())
    if len(live) >= lane.max_running:
        times.append(live[len(live) - lane.max_running])
    if lane.submitting is not None and lane.submitting in _live(lane, now):
        times.append(lane.running[lane.submitting])
    return max(times)


def _live(lane: Lane, now: float) -> dict[str, float]:
    return {video_id: until for video_id, until in lane.running.items() if until > now}


def _callers_of(lane: Lane, now: float) -> dict[str, str]:
    live = _live(lane, now)
    return {video_id: caller for video_id, caller in lane.callers.items() if video_id in live}


def _recent(lane: Lane, now: float) -> tuple[float, ...]:
    return tuple(at for at in lane.creates if at > now - lane.window)
