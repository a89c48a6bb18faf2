"""The line in front of the deployments: read it, decide, grant, and tell whose turn it is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain.quota import Lane, Waiting, decide, freed, granted, opens_at, submitted
from shared.domain.work import Work, instance_id
from shared.lifecycle.services import Services
from shared.names import Hint
from shared.settings import Upstream
from shared.storage.deployments import StoredLane
from shared.storage.rows import RowChanged

_ROUNDS = 20


def limits(services: Services, upstream: Upstream) -> Lane:
    """An idle lane with the configured limits of a deployment."""
    return Lane(
        deployment=upstream.name,
        max_running=upstream.max_running,
        max_creates=upstream.max_creates_per_minute,
        window=services.settings.durations.minute,
    )


def lanes(services: Services) -> list[StoredLane]:
    """All configured deployments as they are now."""
    return [
        services.deployments.get(limits(services, upstream))
        for upstream in services.settings.upstreams
    ]


@dataclass(frozen=True)
class Line:
    """Everyone waiting and every deployment, read at one moment."""

    waiting: list[Work]
    lanes: list[StoredLane]


def call_next(services: Services) -> tuple[Line, tuple[Hint, ...]]:
    """Grant every submit that is possible now; the line as it was left, and the hints for those
    whose turn it is.

    Whoever frees a slot calls this. A grant counts from the swap of the deployment's row, whether
    its hint arrives or not: the video finds it when it looks.
    """
    hints: list[Hint] = []
    for _ in range(_ROUNDS):
        waiting = services.work.waiting()
        if not waiting:
            return Line([], []), tuple(hints)
        snapshot = Line(waiting, lanes(services))
        snapshot, granted_hints, conflicts = _grant(services, snapshot)
        hints += granted_hints
        if not conflicts:
            break
    return snapshot, tuple(hints)


def _grant(services: Services, line: Line) -> tuple[Line, list[Hint], bool]:
    """One decision, carried out: the line after it, its hints, and whether a row had changed."""
    now = services.clock()
    by_id = {work.video_id: work for work in line.waiting}
    by_name = {found.lane.deployment: found for found in line.lanes}
    lease = services.settings.durations.slot_lease
    hints: list[Hint] = []
    conflicts = False
    for grant in decide(map(in_line, line.waiting), (f.lane for f in line.lanes), now):
        work, lane = by_id[grant.video_id], by_name[grant.deployment]
        try:
            by_name[grant.deployment] = services.deployments.replace(
                lane, granted(lane.lane, in_line(work), now, lease=lease)
            )
        except RowChanged:
            conflicts = True
            continue
        if work.hint:
            instance = instance_id(work.video_id, work.epoch)
            hints.append({"instance": instance, "event": work.hint})
    return Line(line.waiting, list(by_name.values())), hints, conflicts


def slot_of(stored: Iterable[StoredLane], video_id: str, now: float) -> Lane | None:
    """The lane that a video holds a live slot of, if any."""
    for found in stored:
        if found.lane.running.get(video_id, 0.0) > now:
            return found.lane
    return None


def free(services: Services, work: Work, *, pause: float = 0.0, out: str | None = None) -> None:
    """Give a video's slot back, and pause the deployment or take it out where that is why."""
    upstream = services.settings.upstream(work.deployment or "")
    if upstream is None:
        return
    now = services.clock()

    def change(lane: Lane) -> Lane:
        left = freed(lane, work.video_id, now)
        return replace(
            left,
            paused_until=max(left.paused_until, now + pause) if pause else left.paused_until,
            out=out or left.out,
        )

    services.deployments.change(limits(services, upstream), change)


def close_submit(
    services: Services, work: Work, *, until: float | None = None, pause: float = 0.0
) -> None:
    """Let the next one submit; the video keeps its slot."""
    upstream = services.settings.upstream(work.deployment or "")
    if upstream is None:
        return
    now = services.clock()

    def change(lane: Lane) -> Lane:
        after = submitted(lane, work.video_id, now, until=until)
        return replace(
            after,
            paused_until=max(after.paused_until, now + pause) if pause else after.paused_until,
        )

    services.deployments.change(limits(services, upstream), change)


def ahead(work: Work, line: Line) -> int:
    """How many wait that were admitted earlier."""
    return sum(1 for other in line.waiting if other.video_id < work.video_id)


def seconds_to_turn(work: Work, line: Line, now: float) -> float:
    """Seconds until a video's turn, by the creates that the limits allow before it; infinity when
    none of its deployments takes anything.

    A lower bound that ignores how long the running jobs take: the worker sleeps no longer than
    this without looking, and the hint wakes it anyway.
    """
    mine = [found.lane for found in line.lanes if found.lane.deployment in work.deployments]
    opening = min((opens_at(lane, now) for lane in mine), default=float("inf"))
    rate = sum(lane.max_creates / lane.window for lane in mine if lane.out is None)
    return max(0.0, opening - now) + (ahead(work, line) / rate if rate else 0.0)


def in_line(work: Work) -> Waiting:
    return Waiting(video_id=work.video_id, caller=work.caller, deployments=work.deployments)
