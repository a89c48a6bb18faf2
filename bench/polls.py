"""Polls against lag: what each schedule costs and how late it sees the end of a render.

All schedules see the same renders. A poll sees the render finished if it ended at or before the
poll; while it runs it may report its progress. Upstreams say when a render ended, so what is
learned from it does not depend on the poll that saw it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench.figure import Line, chart
from bench.floor import Array, best_schedule, walk
from bench.plain import PLAIN, Plain
from bench.plain import known_before as remembered_before
from bench.renders import OTHER_KINDS, OTHER_PROGRESS, Kind, Progress, heights, uneven, usual
from bench.report import Table, targets
from bench.schedules import (
    FIRST,
    FIXED,
    FLOOR,
    GUESS,
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
    rows_of_the_others,
)
from shared.domain import latency
from shared.domain.latency import Outlook, unlearned
from shared.domain.polling import POLL_WORTH, due

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
        "plain": [_plain(schedule) for schedule in PLAIN],
        "poll_worth": POLL_WORTH,
        "first_guess": round(GUESS, 1),
        "steady": steady,
        "shifts": shifts,
        "guesses": _guesses(USUAL),
        "progress": _other_progress(USUAL),
        "kinds": kinds,
        "rule": [_rule(cv) for cv in SPREADS],
        "without": _without(),
        "tradeoff": _tradeoff(USUAL),
        "targets": _targets(steady, shifts | kinds),
    }


def _steady(kind: Kind) -> list[Row]:
    """One speed throughout: after 200 learned jobs, and the first 20 of new deployments."""
    durations, parts = kind.draw(JOBS, SEED), heights(JOBS, SEED)
    known = known_before(long_known(kind), durations)
    new = newly_known(GUESS, durations)
    return [
        *rows_of_the_others(durations),
        *rows_of_ours(kind, _KNOWN, known, durations, parts),
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
        for sketch in known_before(known_after(unlearned(GUESS), old), new)
    ]
    rows = []
    for phase, chosen in _after_shift(jobs):
        picked = np.flatnonzero(chosen)
        known, theirs = [sketches[i] for i in picked], [parts[i] for i in picked]
        rows += rows_of_the_others(durations[chosen], phase)
        rows += rows_of_ours(then, phase, known, durations[chosen], theirs)
    return rows


def _plain(schedule: Plain) -> Row:
    """The cost of a plain schedule: at each spread after 200 jobs and in the first 20 of new
    deployments, then after each shift."""
    found: Row = {"schedule": schedule.name}
    for cv in SPREADS:
        durations = usual(cv).draw(JOBS, SEED)
        long = remembered_before(usual(cv).draw(LEARNED, SEED + 1), durations)
        new = [
            known
            for chunk in np.split(durations, JOBS // FIRST)
            for known in remembered_before(np.array([]), chunk)
        ]
        found[f"{_name(cv)}, {_KNOWN}"] = _cost(schedule, long, durations)
        found[f"{_name(cv)}, {_NEW}"] = _cost(schedule, new, durations)
    runs = JOBS // AFTER_SHIFT
    earlier = np.split(USUAL.draw(runs * LEARNED, SEED + 2), runs)
    for name, then in SHIFTS.items():
        durations = then.draw(JOBS, SEED)
        pairs = zip(earlier, np.split(durations, runs), strict=True)
        known = [each for old, new in pairs for each in remembered_before(old, new)]
        for phase, chosen in _after_shift(JOBS):
            picked = [known[i] for i in np.flatnonzero(chosen)]
            found[f"{name}, {phase}"] = _cost(schedule, picked, durations[chosen])
    return found


def _cost(schedule: Plain, known: list[list[float]], durations: Array) -> float:
    pairs = [schedule.follow(k, float(d)) for k, d in zip(known, durations, strict=True)]
    polls, lag = np.array(pairs).T
    return round(float(lag.mean() + POLL_WORTH * polls.mean()), 2)


def _after_shift(jobs: int) -> list[tuple[str, Any]]:
    place = np.arange(jobs) % AFTER_SHIFT
    return [(_NEW, place < FIRST), (f"{FIRST + 1} to {AFTER_SHIFT}", place >= FIRST)]


def _guesses(kind: Kind, jobs: int = 2000) -> list[Row]:
    """How much it matters that the shipped guess is wrong: the first 20 jobs."""
    durations, parts = kind.draw(jobs, SEED), heights(jobs, SEED)
    rows = []
    for guess in (50.0, 150.0, 450.0):
        plain, *_ = rows_of_ours(kind, _NEW, newly_known(guess, durations), durations, parts)
        rows.append(plain | {"schedule": f"first guess {guess:.0f} s"})
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
        *rows_of_ours(kind, _KNOWN, known, durations, parts),
    ]


def _rule(cv: float) -> Row:
    """What the rule for the next poll loses where the distribution is known: its cost beside that
    of the best schedule."""
    times, survival = usual(cv).survival()
    masses = -np.diff(survival)
    known = Outlook(tuple(times.tolist()), tuple(masses.tolist()), beyond=1e-9)
    polls = [due(known, POLL_WORTH)]
    while polls[-1] < times[-1]:
        polls.append(due(known.running(polls[-1]), POLL_WORTH))
    needed, lag = walk(np.array(polls), (times[1:] + times[:-1]) / 2)
    cost = float(masses @ (lag + POLL_WORTH * needed))
    best = best_schedule(times, survival, POLL_WORTH)
    least = best.lag + POLL_WORTH * best.polls
    return {"case": _name(cv), "cost": round(cost, 3), "over_floor": round(cost / least, 4)}


def _without(jobs: int = 400) -> list[Row]:
    """What each part of the model is worth: the case that it is for, with and without it."""
    durations, parts = USUAL.draw(jobs, SEED), heights(jobs, SEED)
    known = [long_known(USUAL)] * jobs
    strange = OTHER_KINDS["one in 30 takes five times as long"]
    strays = strange.draw(jobs, SEED)

    def shifted() -> Row:
        return next(
            r for r in _shift(USUAL, SHIFTS["twice as fast"], jobs) if r["schedule"] == OURS
        )

    def strayed() -> Row:
        sketches = known_before(long_known(strange), strays)
        return row("", _KNOWN, *follow_all(sketches, strays, parts, None))

    def reporting(name: str) -> Row:
        return row("", _KNOWN, *follow_all(known, durations, parts, OTHER_PROGRESS[name]))

    def endless() -> Row:
        return row("", _KNOWN, *follow_all(known[:1], np.array([3600.0]), parts[:1], None))

    cases = (
        ("twice as fast", "regimes", "_SHIFT_EVERY", 1e12, shifted),
        ("one in 30 stuck", "strays", "_STRAY", 0.0, strayed),
        ("one in 30 stuck", "the tail", "_STUCK", 1e-6, strayed),
        ("an hour and no end", "the tail", "_STUCK", 1e-9, endless),
        ("stuck at 5", "doubt", "_DOUBT", 1e-9, lambda: reporting("stuck at 5")),
        ("stuck at 50", "the rule for stalls", "_STALL", 1e9, lambda: reporting("stuck at 50")),
    )
    rows = []
    for case, part, constant, value, measure in cases:
        rows.append(measure() | {"schedule": f"{case}: with {part}"})
        with _changed(constant, value):
            rows.append(measure() | {"schedule": f"{case}: without"})
    return rows


@contextmanager
def _changed(constant: str, value: float) -> Iterator[None]:
    """One constant of the latency model at another value."""
    kept = getattr(latency, constant)
    setattr(latency, constant, value)
    latency.outlook.cache_clear()
    try:
        yield
    finally:
        setattr(latency, constant, kept)
        latency.outlook.cache_clear()


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
    shown.append(_table("A wrong first guess, 30 %", results["guesses"]))
    shown.append(_table("Other kinds of progress, 30 %", results["progress"]))
    shown += [_table(name, rows) for name, rows in results["kinds"].items()]
    shown.append(_table("What each part of the model is worth", results["without"]))
    rule = Table("The rule where all is known", ("varying by", "cost", "over floor"))
    for found in results["rule"]:
        rule.add(found["case"], f"{found['cost']:.2f}", f"{found['over_floor']:.3f}")
    return [*shown, rule, targets("the polls", results["targets"], form="{:.2f}")]


def _table(title: str, rows: list[Row]) -> Table:
    names = ("schedule", "jobs", "polls", "mean lag, s", "p95", "max", "floor", "lag / floor")
    table = Table(title, names, words=2)
    for found in rows:
        figures = [f"{found['polls']:.2f}", f"{found['lag']:.2f}"]
        figures += [f"{found['p95']:.1f}", f"{found['max']:.1f}"]
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
