"""The schedule: bounded, patient, near the best there is, and one with what callers are told."""

import math
import random
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.latency import Sketch, observe, outlook, unlearned
from shared.domain.polling import (
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    backoff,
    estimated_progress,
    expected_render_seconds,
    plan,
)
from shared.domain.retry_after import until_poll

seconds = st.floats(0, 10_000, allow_nan=False)
progresses = st.none() | st.integers(-5, 120)
sketches = st.builds(
    lambda expected, jobs: reduce(observe, jobs, unlearned(expected)),
    st.floats(1, 5000),
    st.lists(st.floats(0.5, 20_000), max_size=20),
)


def known(median: float, cv: float, jobs: int = 200) -> Sketch:
    rng = random.Random(7)
    spread = math.sqrt(math.log1p(cv * cv))
    drawn = (rng.lognormvariate(math.log(median), spread) for _ in range(jobs))
    return reduce(observe, drawn, unlearned(median))


def polls_until(sketch: Sketch, duration: float, progress: int | None = None) -> list[float]:
    """Times of the polls of a render, the last one at or after its end."""
    polls = [plan(sketch).pause]
    while polls[-1] < duration:
        polls.append(polls[-1] + plan(sketch, elapsed=polls[-1], progress=progress).pause)
    return polls


@given(sketches, seconds, progresses, seconds, st.floats(0.01, 100))
def test_every_pause_has_its_bounds(
    sketch: Sketch, elapsed: float, progress: int | None, unmoved: float, worth: float
) -> None:
    found = plan(sketch, elapsed=elapsed, progress=progress, unmoved=unmoved, poll_worth=worth)
    assert SHORTEST_PAUSE <= found.pause <= LONGEST_PAUSE


@given(sketches, seconds, progresses)
def test_what_is_told_and_what_is_done_agree(
    sketch: Sketch, elapsed: float, progress: int | None
) -> None:
    found = plan(sketch, elapsed=elapsed, progress=progress)
    middle = outlook(sketch).running(elapsed, progress).quantile(0.5) - elapsed
    assert found.remaining == max(found.pause, middle)
    assert until_poll(found.remaining) == min(LONGEST_PAUSE, math.ceil(found.remaining))


@given(sketches, st.floats(0.1, 20_000))
def test_however_wrong_the_expectation_the_lag_is_bounded(sketch: Sketch, actual: float) -> None:
    polls = polls_until(sketch, actual)
    assert polls[-1] - actual < LONGEST_PAUSE


@given(sketches, st.floats(10, 10_000), st.integers(1, 100))
def test_a_stuck_progress_delays_nothing_for_long(
    sketch: Sketch, elapsed: float, progress: int
) -> None:
    found = plan(sketch, elapsed=elapsed, progress=progress)
    assert found.pause <= max(SHORTEST_PAUSE, elapsed / 2)


@given(sketches, seconds, progresses)
def test_polls_that_cost_more_are_fewer(
    sketch: Sketch, elapsed: float, progress: int | None
) -> None:
    cheap, dear = (
        plan(sketch, elapsed=elapsed, progress=progress, poll_worth=worth) for worth in (0.2, 2.0)
    )
    assert cheap.pause <= dear.pause


def test_a_progress_at_the_very_start_says_nothing() -> None:
    assert plan(known(150, 0.3), progress=70) == plan(known(150, 0.3))


def test_a_render_of_an_hour_that_never_ends_costs_few_polls() -> None:
    assert len(polls_until(known(150, 0.3), 3600)) < 150


def test_nothing_is_asked_long_before_the_end_and_often_around_it() -> None:
    polls = polls_until(known(150, 0.3), 400)
    early = [at for at in polls if at < 75]
    middle = [at for at in polls if 110 < at < 200]
    late = [at for at in polls if at > 300]
    assert not early
    assert len(middle) > 8
    assert late[-1] - late[-2] > middle[1] - middle[0]


def test_reported_progress_saves_polls() -> None:
    sketch = known(150, 0.3)
    elapsed, polls = plan(sketch).pause, 1
    while elapsed < 200:
        progress = int(100 * elapsed / 200)
        elapsed += plan(sketch, elapsed=elapsed, progress=progress).pause
        polls += 1
    assert polls < 0.6 * len(polls_until(sketch, 200))


def test_the_estimate_moves_with_the_progress() -> None:
    sketch = known(150, 0.3)
    remaining = [
        plan(sketch, elapsed=100, progress=progress).remaining for progress in (40, 60, 80, 95)
    ]
    assert remaining == sorted(remaining, reverse=True)
    assert remaining[0] > 2 * remaining[-1]


def test_the_estimate_is_learned() -> None:
    assert plan(unlearned(67)).remaining == pytest.approx(67, rel=0.05)
    assert plan(reduce(observe, [200.0] * 10, unlearned(67))).remaining == pytest.approx(
        200, rel=0.1
    )


@given(st.floats(20, 600), st.floats(1 / 3, 3))
def test_what_nobody_learned_is_seen_soon_with_few_polls(expected: float, off: float) -> None:
    polls = polls_until(unlearned(expected), off * expected)
    assert polls[-1] - off * expected <= 45
    assert len(polls) <= 3.2 * math.sqrt(expected)


@given(st.floats(-100, 10_000))
def test_retry_after_is_whole_and_bounded(wanted: float) -> None:
    assert 1 <= until_poll(wanted) <= LONGEST_PAUSE
    assert until_poll(wanted) >= min(wanted, LONGEST_PAUSE)


@given(seconds, st.floats(0, 1000))
def test_an_estimated_progress_never_claims_the_end(elapsed: float, expected: float) -> None:
    assert 0 <= estimated_progress(elapsed, expected) <= 95


@given(st.integers(1, 499))
def test_backoff_grows_to_its_limit(attempt: int) -> None:
    assert backoff(attempt) <= backoff(attempt + 1) <= 60
    assert backoff(1) == 2


def test_larger_and_longer_videos_are_expected_later() -> None:
    small = expected_render_seconds(480, 480, 5)
    assert small < expected_render_seconds(1280, 720, 5) < expected_render_seconds(1280, 720, 12)
