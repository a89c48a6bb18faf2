"""The line: 1,000 videos and a few deployments, in virtual time, by the app's own decider.

Nothing of the app runs but `shared.domain.quota`: an event list gives it the time, and a checker
that knows only the log of creates and ends judges what it did. The optimum is what no order of
submits can beat: the larger of all work spread evenly over all slots, and the creates that the
limit allows.
"""

import heapq
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import authority
from bench.renders import heights, usual
from bench.report import Table, targets
from bench.schedules import SEED, follow, long_known
from shared.domain.quota import (
    DeploymentState,
    QueuedVideo,
    decide,
    freed,
    granted,
    opens_at,
    submitted,
    taken,
)

JOBS = 1000
CALLERS = 10
LANES = (1, 2, 4)
MAX_RUNNING, MAX_CREATES, WINDOW = 2, 2, 60.0
SUBMIT = 1.5
"""Seconds from a grant to the upstream's answer."""
_WITHIN = 1.05
_FAIR_LANES = 2
_LEASE = 5400.0

Row = dict[str, Any]
Lag = Callable[[int], float]


@dataclass
class Log:
    """What happened: (deployment, video, time of the create) and when each render ended."""

    creates: list[tuple[str, str, float]] = field(default_factory=list)
    ends: dict[str, float] = field(default_factory=dict)
    decisions: int = 0
    thinking: float = 0.0
    """Seconds of CPU in `decide`."""


def run() -> dict[str, Any]:
    """A minute, most of it the deepest line."""
    durations = [float(seconds) for seconds in usual(0.3).draw(JOBS, SEED)]
    short = [float(seconds) for seconds in usual(0.3, 40.0).draw(JOBS, SEED)]
    sketch, parts = long_known(usual(0.3)), heights(JOBS, SEED)
    seen = [
        follow(sketch, took, part, None)[1] for took, part in zip(durations, parts, strict=True)
    ]
    cases: list[tuple[str, list[float], Lag]] = [
        ("150 s renders", durations, lambda _: 0.0),
        ("150 s renders, ends seen by our polls", durations, lambda number: seen[number]),
        ("40 s renders: creates are the limit", short, lambda _: 0.0),
    ]
    rows = [_case(name, took, lag, lanes) for name, took, lag in cases for lanes in LANES]
    fairness = [_fair(order) for order in ("in turns", "one caller's hundred after the other's")]
    with tempfile.TemporaryDirectory() as folder:
        depths = authority.run(Path(folder))
    return {
        "jobs": JOBS,
        "rows": rows,
        "fairness": fairness,
        "authority": depths,
        "targets": _targets(rows, fairness, depths),
    }


def simulate(
    line: Sequence[QueuedVideo],
    lanes: Sequence[DeploymentState],
    durations: Sequence[float],
    lag: Lag,
    submit: float = SUBMIT,
) -> Log:
    """Everyone is in line at time 0; what is granted is submitted, rendered and seen to end."""
    log = Log()
    waiting = {video.video_id: video for video in line}
    number = {video.video_id: index for index, video in enumerate(line)}
    state = {lane.deployment: lane for lane in lanes}
    events: list[tuple[float, str, str, str]] = []
    now = 0.0
    while waiting or events:
        began = time.process_time()
        grants = decide(list(waiting.values()), list(state.values()), now)
        log.thinking += time.process_time() - began
        log.decisions += 1
        for grant in grants:
            video = waiting.pop(grant.video_id)
            lane = granted(state[grant.deployment], video, now, lease=_LEASE)
            state[grant.deployment] = taken(lane, video.video_id, now, lease=_LEASE) or lane
            created = now + submit
            log.creates.append((grant.deployment, video.video_id, created))
            end = created + durations[number[video.video_id]]
            log.ends[video.video_id] = end
            heapq.heappush(events, (created, "created", grant.deployment, video.video_id))
            seen = end + lag(number[video.video_id])
            heapq.heappush(events, (seen, "seen", grant.deployment, video.video_id))
        if grants:
            continue
        openings = [opens_at(lane, now) for lane in state.values()] if waiting else []
        upcoming = [at for at in openings if now < at < float("inf")]
        upcoming += [events[0][0]] if events else []
        now = min(upcoming)
        while events and events[0][0] <= now:
            _, kind, name, video_id = heapq.heappop(events)
            change = submitted if kind == "created" else freed
            state[name] = change(state[name], video_id, now)
    return log


def breaches(log: Log) -> int:
    """How often a limit was exceeded, judged from creates and ends alone."""
    found = len(log.creates) - len({video_id for _, video_id, _ in log.creates})
    for name in {name for name, _, _ in log.creates}:
        mine = sorted(
            (at, video_id) for deployment, video_id, at in log.creates if deployment == name
        )
        times = [at for at, _ in mine]
        found += sum(
            later - earlier < WINDOW - 1e-6
            for earlier, later in zip(times, times[MAX_CREATES:], strict=False)
        )
        steps = sorted(
            [(at, 1) for at, _ in mine] + [(log.ends[video_id], -1) for _, video_id in mine]
        )
        running = 0
        for _, step in steps:
            running += step
            found += running > MAX_RUNNING
    return found


def _lanes(count: int) -> list[DeploymentState]:
    return [
        DeploymentState(
            deployment=f"d{number}", max_running=MAX_RUNNING, max_creates=MAX_CREATES, window=WINDOW
        )
        for number in range(count)
    ]


def _line(lanes: int, callers: Sequence[int]) -> list[QueuedVideo]:
    """One video for each entry of `callers`, in the order of admission."""
    names = tuple(f"d{number}" for number in range(lanes))
    return [
        QueuedVideo(video_id=f"video_{place:05d}", caller=f"key:{caller}", deployments=names)
        for place, caller in enumerate(callers)
    ]


def _case(name: str, durations: list[float], lag: Lag, lanes: int) -> Row:
    log = simulate(
        _line(lanes, [place % CALLERS for place in range(JOBS)]), _lanes(lanes), durations, lag
    )
    makespan = max(log.ends.values())
    by_work = sum(durations) / (MAX_RUNNING * lanes)
    # the last create of each deployment comes after all windows but its own; the shortest render
    rounds = -(-JOBS // (MAX_CREATES * lanes))
    by_creates = (rounds - 1) * WINDOW + min(durations)
    optimum = max(by_work, by_creates)
    return {
        "case": name,
        "lanes": lanes,
        "makespan": round(makespan),
        "optimum": round(optimum),
        "over": round(makespan / optimum, 4),
        "breaches": breaches(log),
        "decide_ms": round(1000 * log.thinking / log.decisions, 2),
    }


def _fair(order: str) -> Row:
    """Ten callers with a hundred videos each, two deployments, all in line at once."""
    share = JOBS // CALLERS
    callers = [place % CALLERS if order == "in turns" else place // share for place in range(JOBS)]
    line = _line(_FAIR_LANES, callers)
    durations = [float(seconds) for seconds in usual(0.3).draw(JOBS, SEED)]
    log = simulate(line, _lanes(_FAIR_LANES), durations, lambda _: 0.0)
    caller_of = {video.video_id: video.caller for video in line}
    got = dict.fromkeys(caller_of.values(), 0)
    worst = 0
    for _, video_id, _ in sorted(log.creates, key=lambda create: create[2]):
        got[caller_of[video_id]] += 1
        if max(got.values()) < share:  # as long as everybody still waits
            worst = max(worst, max(got.values()) - min(got.values()))
    ended = {
        caller: max(at for video_id, at in log.ends.items() if caller_of[video_id] == caller)
        for caller in got
    }
    return {
        "order": order,
        "most_ahead": worst,
        "first_done": round(min(ended.values())),
        "last_done": round(max(ended.values())),
    }


def _targets(rows: list[Row], fairness: list[Row], depths: list[Row]) -> list[Row]:
    over = max(row["over"] for row in rows)
    broken = sum(row["breaches"] for row in rows)
    ahead, slots = max(row["most_ahead"] for row in fairness), _FAIR_LANES * MAX_RUNNING
    asked = [sum(row["requests"].values()) for row in depths]
    off = max(abs(row["off"]) for row in depths)
    return [
        {"target": "makespan over the optimum", "limit": _WITHIN, "reached": over}
        | {"met": over <= _WITHIN},
        {"target": "breaches of a limit", "limit": 0, "reached": broken, "met": not broken},
        {"target": "grants that a caller is ahead of another, at most the slots", "limit": slots}
        | {"reached": ahead, "met": ahead <= slots},
        {
            "target": "requests of a video, 100,000 waiting as 100",
            "limit": asked[0],
        }
        | {"reached": asked[-1], "met": asked[-1] <= asked[0]},
        {
            "target": "requests of a video, 100,000 waiting as 10,000",
            "limit": asked[-2],
        }
        | {"reached": asked[-1], "met": asked[-1] <= asked[-2]},
        {"target": "places by which a position is off, at any depth", "limit": 0}
        | {"reached": off, "met": not off},
    ]


def tables(results: dict[str, Any]) -> list[Table]:
    names = ("case", "deployments", "makespan, s", "optimum, s", "over", "breaches", "decide, ms")
    makespan = Table(f"{results['jobs']} videos in line", names)
    for row in results["rows"]:
        figures = (row["makespan"], row["optimum"], f"{row['over']:.3f}", row["breaches"])
        makespan.add(row["case"], row["lanes"], *figures, row["decide_ms"])
    fair = Table(
        "Ten callers with a hundred videos each",
        ("in line", "grants ahead", "first caller done, s", "last, s"),
    )
    for row in results["fairness"]:
        fair.add(row["order"], row["most_ahead"], row["first_done"], row["last_done"])
    deep = Table(
        "One video's way through the line",
        (
            *("waiting", "requests", "of them to the authority", "to the line", "for a position"),
            *("position is off by", "a sweep", "a forecast of all", "its memory, MB"),
        ),
    )
    for row in results["authority"]:
        asked = row["requests"]
        deep.add(
            f"{row['depth']:,}",
            sum(asked.values()),
            authority.of_authority(asked),
            asked.get("work: range page", 0),
            *(row[name] for name in ("position", "off", "sweep", "forecast", "forecast_mb")),
        )
    return [makespan, fair, deep, targets("the line", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
