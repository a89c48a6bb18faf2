"""News instead of polls: what callbacks save, and what it costs when they are lost.

Five-minute renders, each known from those before it, in virtual time. A callback makes the worker
look `NEWS` seconds after the end; what a lost one costs follows from the schedule alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.floor import Array
from bench.renders import usual
from bench.report import Table, targets
from bench.schedules import GUESS, SEED, known_before, long_known
from shared.domain.latency import Sketch, observe
from shared.domain.polling import LONGEST_PAUSE, SAFETY, plan

JOBS = 4000
MEDIAN = 300.0
SPREADS = (0.15, 0.3)
NEWS = 0.5
"""Seconds from the end of a render to the look that its callback asks for: the call, two reads, a
write, an event and the worker's turn."""

Row = dict[str, Any]
Lost = Callable[[int], bool]

NONE, ARRIVE, HALF, ALL, FIRST = (
    "no callbacks",
    "all arrive",
    "every second one is lost at random",
    "all are lost",
    "each is the first that is lost",
)


def run() -> dict[str, Any]:
    """All comparisons, as plain values. Some seconds."""
    steady = {f"{100 * cv:.0f} %": _rows(cv) for cv in SPREADS}
    typical = {f"{100 * cv:.0f} %": _typical(cv) for cv in SPREADS}
    found = {"steady": steady, "typical": typical, "targets": _targets(steady, typical)}
    return {"jobs": JOBS, "news": NEWS, **found}


def _typical(cv: float) -> float:
    """The polls of a render of exactly five minutes whose callback arrives, in 95 of 100 states of
    what is known."""
    durations = usual(cv, MEDIAN).draw(JOBS, SEED)
    known = known_before(long_known(usual(cv, MEDIAN)), durations)
    told = [replace(sketch, announced=True) for sketch in known[::10]]
    return float(np.percentile([follow(each, MEDIAN, lost=False)[0] for each in told], 95))


def _rows(cv: float) -> list[Row]:
    kind = usual(cv, MEDIAN)
    durations, known = kind.draw(JOBS, SEED), long_known(kind)
    dice = np.random.default_rng([SEED, 2]).random(JOBS) < 0.5
    plain = follow_all(known, durations, lambda _: True, configured=False)
    told = replace(known, announced=True)
    lost: dict[str, Lost] = {
        ARRIVE: lambda _: False,
        HALF: lambda job: bool(dice[job]),
        ALL: lambda _: True,
    }
    found = {name: follow_all(told, durations, each) for name, each in lost.items()}
    found[FIRST] = follow_all(told, durations, lambda _: True, trusting=True)
    return [_row(NONE, *plain, *plain)] + [
        _row(name, *each, *plain) for name, each in found.items()
    ]


def follow_all(
    known: Sketch,
    durations: Sequence[float] | Array,
    lost: Lost,
    *,
    configured: bool = True,
    trusting: bool = False,
) -> tuple[Array, Array]:
    """Polls and lag of each render, one after the other. `trusting`: as if the callback before it
    had arrived, whatever happened to it."""
    pairs = []
    for job, duration in enumerate(map(float, durations)):
        polls, lag, announced = follow(known, duration, lost=not configured or lost(job))
        pairs.append((polls, lag))
        known = observe(known, duration, announced=configured and (announced or trusting))
    polls, lag = np.array(pairs).T
    return polls, lag


def follow(known: Sketch, duration: float, *, lost: bool) -> tuple[int, float, bool]:
    """Polls and lag of one render, and whether its end was announced before it was seen."""
    elapsed, polls = 0.0, 0
    while True:
        polls += 1
        elapsed += plan(known, expected=GUESS, elapsed=elapsed).pause
        if not lost and elapsed >= duration + NEWS:
            return polls, NEWS, True
        if elapsed >= duration:
            return polls, elapsed - duration, False


def _row(name: str, polls: Array, lag: Array, polls_before: Array, lag_before: Array) -> Row:
    """`more`: the most by which a render's lag is longer than without callbacks."""
    return {
        "callbacks": name,
        "polls": round(float(polls.mean()), 2),
        "most_polls": int(np.percentile(polls, 95)),
        "over": round(float(polls.mean() / polls_before.mean()), 3),
        "median": round(float(np.median(lag)), 2),
        "lag": round(float(lag.mean()), 2),
        "p95": round(float(np.percentile(lag, 95)), 1),
        "max": round(float(lag.max()), 1),
        "more": round(float((lag - lag_before).mean()), 2),
    }


def _targets(steady: dict[str, list[Row]], typical: dict[str, float]) -> list[Row]:
    asked = []
    for name, rows in sorted(steady.items()):
        by = {row["callbacks"]: row for row in rows}
        asked += [
            (f"{name}: median lag while all arrive", by[ARRIVE]["median"], 1.0),
            (f"{name}: polls of a five-minute render while all arrive", typical[name], 2.0),
            (f"{name}: polls over those without, all lost", by[ALL]["over"], 1.0),
            (f"{name}: more mean lag, all lost", by[ALL]["more"], 60.0),
            (f"{name}: more mean lag of the first that is lost", by[FIRST]["more"], 60.0),
            (
                f"{name}: polls over those without, of the first that is lost",
                by[FIRST]["over"],
                1.0,
            ),
            (
                f"{name}: longest lag of the first that is lost, over the longest pause",
                round(by[FIRST]["max"] - LONGEST_PAUSE, 1),
                SAFETY,
            ),
        ]
    return [
        {"target": what, "limit": limit, "reached": reached, "met": reached <= limit}
        for what, reached, limit in asked
    ]


def tables(results: dict[str, Any]) -> list[Table]:
    """What `run` found, for a reader."""
    shown = [
        _table(f"{results['jobs']} renders, 300 s, varying by {name}, with callbacks", rows)
        for name, rows in results["steady"].items()
    ]
    return [*shown, targets("callbacks", results["targets"], form="{:.2f}")]


def _table(title: str, rows: list[Row]) -> Table:
    names = ("polls", "p95", "median lag, s", "mean lag", "p95 of lag", "max", "more lag")
    table = Table(title, ("callbacks", *names))
    for found in rows:
        figures = [f"{found['polls']:.2f}", str(found["most_polls"]), f"{found['median']:.2f}"]
        figures += [f"{found['lag']:.2f}", f"{found['p95']:.1f}", f"{found['max']:.1f}"]
        table.add(found["callbacks"], *figures, f"{found['more']:.2f}")
    return table


def figures(_: dict[str, Any]) -> dict[str, str]:
    """None."""
    return {}
