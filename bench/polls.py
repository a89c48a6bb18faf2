"""Polls against lag: what each schedule costs and how late it sees the end of a render.

All schedules see the same renders. A poll sees the render finished if it ended at or before the
poll; while it runs it may report its progress. Upstreams say when a render ended, so what is
learned from it does not depend on the poll that saw it.
"""

from typing import Any

import numpy as np

from bench.figure import Line, chart
from bench.floor import best_schedule, walk
from bench.renders import OTHER_KINDS, OTHER_PROGRESS, Kind, Progress, heights, uneven, usual
from bench.report import Table, targets
from bench.schedules import (
    FIRST,
    FIXED,
    FLOOR,
    GUIDE,
    LEARNED,
    OURS,
    OURS_PROGRESS,
    SEED,
    Row,
    every,
    follow_all,
    known_after,
    known_before,
    long_known,
    newly_known,
    row,
    rows_of_ours,
    rows_of_plain,
    rows_of_the_others,
)
from shared.domain.latency import UNLEARNED
from shared.domain.polling import POLL_WORTH

JOBS = 4000
SPREADS = (0.15, 0.3, 0.5)
USUAL = usual(0.3)
SHIFTS = {"twice as fast": usual(0.3, 75.0), "twice as slow": usual(0.3, 300.0)}
AFTER_SHIFT = 100
_KNOWN = f"after {LEARNED}"
_NEW = f"first {FIRST}"


def run() -> dict[str, Any]:
    """All comparisons, as plain values. Under a minute."""
    steady = {_name(cv): _steady(usual(cv)) for cv in SPREADS}
    shifts = {name: _shift(USUAL, then) for name, then in SHIFTS.items()}
    kinds = {name: _other_kind(kind) for name, kind in OTHER_KINDS.items()}
    return {
        "jobs": JOBS,
        "poll_worth": POLL_WORTH,
        "steady": steady,
        "shifts": shifts,
        "progress": _other_progress(USUAL),
        "kinds": kinds,
        "tradeoff": _tradeoff(USUAL),
        "targets": _targets(steady, shifts | kinds),
    }


def _steady(kind: Kind) -> list[Row]:
    """One speed throughout: after 200 learned jobs, and the first 20 of new deployments."""
    durations, parts = kind.draw(JOBS, SEED), heights(JOBS, SEED)
    known = known_before(long_known(kind), durations)
    new = newly_known(durations)
    return [
        *rows_of_the_others(durations),
        *rows_of_plain(_KNOWN, known, durations),
        *rows_of_ours(kind, _KNOWN, known, durations, parts),
        *rows_of_plain(_NEW, new, durations),
        *rows_of_ours(kind, _NEW, new, durations, parts),
    ]


def _shift(kind: Kind, then: Kind, jobs: int = JOBS) -> list[Row]:
    """The speed changes at once, again and again: the 20 jobs after it, and the next 80."""
    runs = jobs // AFTER_SHIFT
    durations, parts = then.draw(jobs, SEED), heights(jobs, SEED)
    earlier = np.split(kind.draw(runs * LEARNED, SEED + 2), runs)
    later = np.split(durations, runs)
    sketches = [
        sketch
        for old, new in zip(earlier, later, strict=True)
        for sketch in known_before(known_after(UNLEARNED, old), new)
    ]
    place = np.arange(jobs) % AFTER_SHIFT
    phases = ((_NEW, place < FIRST), (f"{FIRST + 1} to {AFTER_SHIFT}", place >= FIRST))
    rows = []
    for phase, chosen in phases:
        picked = np.flatnonzero(chosen)
        known, theirs = [sketches[i] for i in picked], [parts[i] for i in picked]
        rows += rows_of_the_others(durations[chosen], phase)
        rows += rows_of_plain(phase, known, durations[chosen])
        rows += rows_of_ours(then, phase, known, durations[chosen], theirs)
    return rows


def _other_progress(kind: Kind, jobs: int = 400) -> list[Row]:
    """Upstreams whose progress is of another kind, beside one that reports none."""
    durations, parts = kind.draw(jobs, SEED), heights(jobs, SEED)
    known = [long_known(kind)] * jobs
    every_kind: dict[str, Progress] = {"uneven": uneven, **OTHER_PROGRESS}
    return [
        row(name, _KNOWN, *follow_all(known, durations, parts, progress))
        for name, progress in every_kind.items()
    ]


def _other_kind(kind: Kind, jobs: int = 1000) -> list[Row]:
    """Durations that are not lognormal."""
    durations, parts = kind.draw(jobs, SEED), heights(jobs, SEED)
    known = known_before(long_known(kind), durations)
    return [
        *rows_of_the_others(durations, _KNOWN),
        *rows_of_plain(_KNOWN, known, durations),
        *rows_of_ours(kind, _KNOWN, known, durations, parts),
    ]


def _tradeoff(kind: Kind, jobs: int = 400) -> dict[str, list[list[float]]]:
    """Mean polls and mean lag of each schedule as its own knob is turned."""
    durations, parts = kind.draw(jobs, SEED), heights(jobs, SEED)
    known = [long_known(kind)] * jobs
    worths = (0.15, 0.25, 0.5, 1.0, 2.0)
    curves: dict[str, list[list[float]]] = {}
    for name, progress in ((OURS, None), (OURS_PROGRESS, uneven)):
        results = [follow_all(known, durations, parts, progress, worth) for worth in worths]
        curves[name] = [[float(polls.mean()), float(lag.mean())] for polls, lag in results]
    best = [best_schedule(*kind.survival(), worth) for worth in worths]
    curves[FLOOR] = [[schedule.polls, schedule.lag] for schedule in best]
    fixed = [walk(every(pause), durations) for pause in (5, 7, 10, 15, 20)]
    curves["fixed pauses"] = [[float(polls.mean()), float(lag.mean())] for polls, lag in fixed]
    return {name: [[round(x, 3) for x in point] for point in c] for name, c in curves.items()}


def _targets(steady: dict[str, list[Row]], more: dict[str, list[Row]]) -> list[Row]:
    """What was asked for at 30 %, and in every case the comparison with the other two."""
    rows = {(found["schedule"], found["phase"]): found for found in steady[_name(0.3)]}
    plain, new, guided = rows[OURS, _KNOWN], rows[OURS, _NEW], rows[OURS_PROGRESS, _KNOWN]
    asked = [
        ("mean polls without progress", plain["polls"], 10.5),
        ("mean lag without progress", plain["lag"], 4.6),
        ("mean polls with progress", guided["polls"], 7.0),
        ("mean lag with progress", guided["lag"], 3.0),
        ("p95 of lag with progress", guided["p95"], 8.0),
        (f"lag over the floor's after {LEARNED} jobs", plain["over_floor"], 1.15),
        (f"lag over the floor's during the first {FIRST}", new["over_floor"], 1.5),
    ]
    for name, rows_of in sorted((steady | more).items()):
        asked.append((f"{name}: polls or lag over the guide's", _worst(rows_of, GUIDE), 1.0))
        asked.append((f"{name}: cost over that of fixed", _worst(rows_of, FIXED), 1.0))
    return [
        {"target": what, "limit": limit, "reached": reached, "met": reached <= limit}
        for what, reached, limit in asked
    ]


def _worst(rows: list[Row], other: str) -> float:
    """Ours over another schedule in the same jobs, the worst of it: beside the guide's in polls and
    in lag, beside fixed pauses, which buy their lag with many more polls, in cost."""
    names = ("polls", "lag") if other == GUIDE else ("cost",)
    theirs = {found["phase"]: found for found in rows if found["schedule"] == other}
    ratios: list[float] = [
        found[name] / theirs.get(found["phase"], theirs.get("", found))[name]
        for found in rows
        if found["schedule"] in (OURS, OURS_PROGRESS)
        for name in names
    ]
    return round(max(ratios), 2)


def _name(cv: float) -> str:
    return f"{100 * cv:.0f} %"


def tables(results: dict[str, Any]) -> list[Table]:
    """What `run` found, for a reader."""
    jobs = results["jobs"]
    steady, shifts = results["steady"].items(), results["shifts"].items()
    shown = [_table(f"{jobs} renders, 150 s, varying by {name}", rows) for name, rows in steady]
    shown += [_table(f"{jobs} renders, suddenly {name}", rows) for name, rows in shifts]
    shown.append(_table("Other kinds of progress, 30 %", results["progress"]))
    shown += [_table(name, rows) for name, rows in results["kinds"].items()]
    return [*shown, targets("the polls", results["targets"], form="{:.2f}")]


def _table(title: str, rows: list[Row]) -> Table:
    names = ("polls", "mean lag, s", "p95", "max", "cost", "floor", "lag / floor")
    table = Table(title, ("schedule", "jobs", *names), words=2)
    for found in rows:
        figures = [f"{found['polls']:.2f}", f"{found['lag']:.2f}"]
        figures += [f"{found['p95']:.1f}", f"{found['max']:.1f}", f"{found['cost']:.2f}"]
        against = (found.get("floor"), found.get("over_floor"))
        figures += ["" if value is None else f"{value:.2f}" for value in against]
        table.add(found["schedule"], found["phase"], *figures)
    return table


def figures(results: dict[str, Any]) -> dict[str, str]:
    """Polls against lag at 30 %: one curve for each schedule, a dot where it is used."""
    curves = results["tradeoff"]
    rows = reversed(results["steady"][_name(0.3)])
    used = {found["schedule"]: (found["polls"], found["lag"]) for found in rows}
    lines = [
        Line("fixed pauses", curves["fixed pauses"], "#8c8c8c", used[FIXED]),
        Line(GUIDE, [], "#b8860b", used[GUIDE]),
        Line(FLOOR, curves[FLOOR], "#202020", dashed=True),
        Line(OURS, curves[OURS], "#1f6fb4", used[OURS]),
        Line(OURS_PROGRESS, curves[OURS_PROGRESS], "#2a8f4f", used[OURS_PROGRESS]),
    ]
    title = "Mean lag against mean polls: 150 s renders, varying by 30 %"
    return {"polls.svg": chart(title, "polls for each render", "lag, seconds", lines)}
