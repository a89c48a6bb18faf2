"""The benchmark of callbacks measures what it says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import callbacks
from shared.domain.latency import Sketch
from shared.domain.polling import plan

ROOT = Path(__file__).parents[2]
TOLD = Sketch((100.0,) * 22, announced=True)
POLLED = Sketch((100.0,) * 22)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    results: dict[str, Any] = json.loads((ROOT / "bench" / "results.json").read_text())
    return dict(results["callbacks"])


def test_a_callback_that_arrives_brings_the_look_forward() -> None:
    assert callbacks.follow(TOLD, 90.0, lost=False) == (1, callbacks.NEWS, True)
    # the first look, at 100 s, is faster than the callback
    assert callbacks.follow(TOLD, 99.9, lost=False) == pytest.approx((1, 0.1, False))
    assert callbacks.follow(TOLD, 90.0, lost=True) == (1, 10.0, False)
    first = plan(POLLED, expected=1).pause
    assert callbacks.follow(POLLED, first - 5, lost=False) == (1, callbacks.NEWS, True)


def test_only_the_first_lost_callback_costs_anything() -> None:
    durations = np.array([90.0] * 5)
    polls, lag = callbacks.follow_all(TOLD, durations, lambda _: True)
    without = callbacks.follow_all(POLLED, durations, lambda _: True, configured=False)
    assert lag[0] == 10.0
    assert (polls[1:] == without[0][1:]).all()
    assert (lag[1:] == without[1][1:]).all()
    _, each = callbacks.follow_all(TOLD, durations, lambda _: True, trusting=True)
    assert each[0] == 10.0
    assert (each > without[1]).all()


def test_the_stored_targets_follow_from_the_stored_rows(stored: dict[str, Any]) -> None:
    found = callbacks._targets(stored["steady"], stored["typical"])
    assert stored["targets"] == found
    assert [row["target"] for row in found if not row["met"]] == []
