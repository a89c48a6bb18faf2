"""The benchmark of polls measures what it says and repeats itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import polls, schedules
from bench.floor import walk
from bench.plain import Plain
from bench.renders import OTHER_PROGRESS, heights, uneven, usual
from shared.domain.latency import UNLEARNED

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    results: dict[str, Any] = json.loads((ROOT / "bench" / "results.json").read_text())
    return dict(results["polls"])


def test_a_render_is_followed_to_the_first_poll_at_or_after_its_end() -> None:
    # 3, then 3.6 more: before anything is learned
    assert schedules.follow(UNLEARNED, 3.0, [], None) == (1, 0.0)
    assert schedules.follow(UNLEARNED, 3.5, [], None) == pytest.approx((2, 3.1))


def test_a_plain_schedule_waits_and_then_looks_at_growing_steps() -> None:
    schedule = Plain("", share=0.5, factor=0.9, growth=0.1)
    # 90, 99, 108.9
    assert schedule.follow([80.0, 100.0, 120.0], 99.5) == pytest.approx((3, 9.4))
    assert schedule.follow([10.0], 9.5) == pytest.approx((2, 1.5))
    assert schedule.follow([], 3.5) == pytest.approx((2, 3.1))


def test_the_others_are_what_they_are_called() -> None:
    fixed, guide = schedules.rows_of_the_others(np.array([0.5, 5.0, 12.0]))
    assert fixed["polls"] == pytest.approx((1 + 1 + 3) / 3, abs=0.01)
    # 3, 7, 12, 18 .. seconds after the start
    assert guide["polls"] == pytest.approx((1 + 2 + 3) / 3, abs=0.01)
    assert guide["max"] == 2.5


def test_equal_seeds_give_equal_renders_and_other_seeds_others() -> None:
    assert usual(0.3).draw(50, 1).tolist() == usual(0.3).draw(50, 1).tolist()
    assert usual(0.3).draw(50, 1).tolist() != usual(0.3).draw(50, 2).tolist()
    assert heights(5, 1) == heights(5, 1)


@pytest.mark.parametrize("cv", polls.SPREADS)
def test_renders_vary_as_they_should(cv: float) -> None:
    drawn = usual(cv).draw(20_000, 3)
    times, survival = usual(cv).survival()
    assert np.median(drawn) == pytest.approx(150, rel=0.02)
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.05)
    assert np.mean(drawn > 180) == pytest.approx(np.interp(180, times, survival), abs=0.01)


@pytest.mark.parametrize("progress", [uneven, *OTHER_PROGRESS.values()])
def test_progress_never_falls_and_ends_below_100(progress: Any) -> None:
    for parts in heights(20, 4):
        reported = [progress(parts, share) for share in np.linspace(0, 0.999, 200)]
        assert reported == sorted(reported)
        assert 0 <= reported[0] <= reported[-1] <= 99


def test_ours_costs_less_than_the_others_in_a_small_run() -> None:
    kind = usual(0.3)
    durations, parts = kind.draw(200, 5), heights(200, 5)
    sketches = [schedules.long_known(kind)] * 200
    plain, floor, guided = schedules.rows_of_ours(kind, "", sketches, durations, parts)
    fixed, guide = schedules.rows_of_the_others(durations)
    assert guided["cost"] < plain["cost"] < min(fixed["cost"], guide["cost"])
    assert floor["polls"] == plain["polls"]


def test_the_stored_targets_follow_from_the_stored_rows(stored: dict[str, Any]) -> None:
    others = stored["shifts"] | stored["kinds"]
    assert stored["targets"] == polls._targets(stored["steady"], others)
    assert [row["target"] for row in stored["targets"] if not row["met"]] == []


def test_the_floor_in_the_results_is_below_what_was_reached(stored: dict[str, Any]) -> None:
    for rows in [*stored["steady"].values(), *stored["shifts"].values()]:
        plain = [row for row in rows if row["schedule"] == schedules.OURS]
        assert all(row["lag"] > 0.97 * row["floor"] for row in plain)


def test_tables_show_every_row(stored: dict[str, Any]) -> None:
    shown = polls.tables(stored)
    assert sum(len(table.rows) for table in shown) == (
        sum(len(rows) for name in ("steady", "shifts", "kinds") for rows in stored[name].values())
        + sum(len(stored[name]) for name in ("progress", "targets"))
    )


def test_walk_agrees_with_a_schedule_followed_by_hand() -> None:
    durations = np.array([3.0, 61.0, 200.0])
    needed, lag = walk(np.array([7.0 * k for k in range(1, 100)]), durations)
    for duration, count, late in zip(durations, needed, lag, strict=True):
        assert (count - 1) * 7 < duration <= count * 7
        assert late == count * 7 - duration
