"""The schedules that are compared, what ours has learned, and the rows that say how it went."""

from collections.abc import Iterable
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np

from bench.floor import Array, Schedule, floor_at, walk
from bench.plain import PLAIN
from bench.renders import Heights, Kind, Progress, uneven
from shared.domain.latency import UNLEARNED, Sketch, observe
from shared.domain.polling import POLL_WORTH, expected_render_seconds, plan

LEARNED = 200
FIRST = 20
SEED = 20261121

GUESS = expected_render_seconds(1280, 720, 12)
"""What is expected of such a request before anything is learned; no poll depends on it."""

FIXED, GUIDE = "fixed 5 s", "guide's backoff"
"""The guide waits 3 s, then a second more at each attempt, 15 s at most."""
OURS, OURS_PROGRESS, FLOOR = "ours", "ours with progress", "floor"

Row = dict[str, Any]
"""schedule, phase (which jobs), polls and lag (means), p95 and max (of lag), cost; and where it
says something floor (mean lag at as many polls) and over_floor (lag / floor)."""


def follow(
    sketch: Sketch,
    duration: float,
    parts: Heights,
    progress: Progress | None,
    poll_worth: float = POLL_WORTH,
) -> tuple[int, float]:
    """Polls and lag of one render under our schedule."""
    elapsed, polls = 0.0, 0
    reported: int | None = None
    since = 0.0
    while True:
        step = plan(
            sketch,
            expected=GUESS,
            elapsed=elapsed,
            progress=reported,
            unmoved=elapsed - since,
            poll_worth=poll_worth,
        )
        elapsed += step.pause
        polls += 1
        if elapsed >= duration:
            return polls, elapsed - duration
        if progress is not None:
            seen = progress(parts, elapsed / duration)
            if seen != reported:
                reported, since = seen, elapsed


def follow_all(
    sketches: Iterable[Sketch],
    durations: Array,
    parts: list[Heights],
    progress: Progress | None,
    poll_worth: float = POLL_WORTH,
) -> tuple[Array, Array]:
    """Polls and lag of each render, each with what was known before it."""
    jobs = zip(sketches, durations, parts, strict=True)
    pairs = [
        follow(sketch, float(duration), heights, progress, poll_worth)
        for sketch, duration, heights in jobs
    ]
    polls, lag = np.array(pairs).T
    return polls, lag


def every(pause: float) -> Array:
    """Polls at a fixed distance."""
    return np.arange(1, 40_000 // pause) * float(pause)


def backoff() -> Array:
    """Polls of the guide."""
    return np.array(list(accumulate(min(15.0, 3.0 + attempt) for attempt in range(2000))))


def known_before(sketch: Sketch, durations: Array) -> list[Sketch]:
    """What is known before each of the renders, which are learned one after the other."""
    return list(accumulate(map(float, durations[:-1]), observe, initial=sketch))


def known_after(sketch: Sketch, durations: Array) -> Sketch:
    return reduce(observe, map(float, durations), sketch)


def long_known(kind: Kind, jobs: int = LEARNED) -> Sketch:
    """The sketch after that many renders of a kind, which are not among those measured."""
    return known_after(UNLEARNED, kind.draw(jobs, SEED + 1))


def newly_known(durations: Array) -> list[Sketch]:
    """What is known before each of the renders, of deployments that are new every 20 renders."""
    chunks = np.split(durations, len(durations) // FIRST)
    return [sketch for chunk in chunks for sketch in known_before(UNLEARNED, chunk)]


def row(schedule: str, phase: str, polls: Array, lag: Array) -> Row:
    return {
        "schedule": schedule,
        "phase": phase,
        "polls": round(float(polls.mean()), 2),
        "lag": round(float(lag.mean()), 2),
        "p95": round(float(np.percentile(lag, 95)), 1),
        "max": round(float(lag.max()), 1),
        "cost": round(float(lag.mean() + POLL_WORTH * polls.mean()), 2),
    }


def rows_of_the_others(durations: Array, phase: str = "") -> list[Row]:
    """Fixed pauses and the guide's, which learn nothing."""
    schedules = ((FIXED, every(5)), (GUIDE, backoff()))
    return [row(name, phase, *walk(times, durations)) for name, times in schedules]


def rows_of_plain(phase: str, sketches: list[Sketch], durations: Array) -> list[Row]:
    """What has been learned is the same as for ours."""
    rows = []
    for schedule in PLAIN:
        pairs = [
            schedule.follow(sketch.durations, float(duration))
            for sketch, duration in zip(sketches, durations, strict=True)
        ]
        polls, lag = np.array(pairs).T
        rows.append(row(schedule.name, phase, polls, lag))
    return rows


def rows_of_ours(
    kind: Kind, phase: str, sketches: list[Sketch], durations: Array, parts: list[Heights]
) -> list[Row]:
    """Ours without and with progress, each beside the floor at its number of polls."""
    times, survival = kind.survival()
    rows = []
    for name, progress in ((OURS, None), (OURS_PROGRESS, uneven)):
        found = row(name, phase, *follow_all(sketches, durations, parts, progress))
        best = floor_at(times, survival, found["polls"])
        found["floor"] = round(best.lag, 2)
        found["over_floor"] = round(found["lag"] / best.lag, 3)
        rows.append(found)
        if name == OURS:
            rows.append(_row_of_the_floor(phase, best, durations))
    return rows


def _row_of_the_floor(phase: str, best: Schedule, durations: Array) -> Row:
    """Mean polls and mean lag are exact; the other columns are the same renders'."""
    beyond = best.times[-1] + np.arange(1, 4000) * 5.0
    _, lag = walk(np.concatenate([best.times, beyond]), durations)
    found = row(FLOOR, phase, np.array([best.polls]), lag)
    found["lag"] = round(best.lag, 2)
    found["cost"] = round(best.lag + POLL_WORTH * best.polls, 2)
    return found
