"""The schedule: early before it has learned, patient afterwards, and one with what callers are
told."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.latency import UNLEARNED, Sketch, observe
from shared.domain.polling import (
    LONGEST_PAUSE,
    SAFETY,
    SHORTEST_PAUSE,
    backoff,
    estimated_progress,
    expected_render_seconds,
    plan,
)
from shared.domain.retry_after import until_poll

seconds = st.floats(0, 10_000, allow_nan=False)
progresses = st.none() | st.integers(-5, 120)
guesses = st.floats(1, 5000)
sketches = st.builds(
    lambda jobs: reduce(observe, jobs, UNLEARNED),
    st.lists(st.floats(0.5, 20_000), max_size=30),
)


def known(median: float, cv: float, jobs: int = 200) -> Sketch:
    rng = random.Random(7)
    spread = math.sqrt(math.log1p(cv * cv))
    drawn = (rng.lognormvariate(math.log(median), spread) for _ in range(jobs))
    return reduce(observe, drawn, UNLEARNED)


def polls_until(
    sketch: Sketch,
    duration: float,
    progress: Callable[[float], int | None] = lambda _: None,
    *,
    expected: float = 100.0,
    delay: float = 0.0,
) -> list[float]:
    """Times of the polls of a render, the last one at or after its end. Each comes `delay` late;
    `progress` is what the render reports after so many seconds."""
    polls: list[float] = [0.0]
    reported: int | None = None
    since = 0.0
    while polls[-1] < duration:
        now = polls[-1]
        if now and progress(now) != reported:
            reported, since = progress(now), now
        step = plan(sketch, expected=expected, elapsed=now, progress=reported, unmoved=now - since)
        polls.append(now + step.pause + delay)
    return polls[1:]


Report = Callable[[float], Callable[[float], int | None]]
"""From how long a render takes to what it reports after so many seconds."""
REPORTS: dict[str, Report] = {
    "none": lambda _: lambda _: None,
    "even": lambda render: lambda now: int(99 * now / render),
    "slow at first": lambda render: lambda now: int(99 * (now / render) ** 3),
    "stuck at 1": lambda _: lambda _: 1,
    "stuck at 99": lambda _: lambda _: 99,
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@given(st.floats(3, 3600), guesses)
def test_before_anything_is_learned_an_end_is_noticed_early(
    report: Report, render: float, guess: float
) -> None:
    polls = polls_until(UNLEARNED, render, report(render), expected=guess, delay=1.0)
    assert polls[-1] <= 1.25 * render + 5


def test_before_anything_is_learned_polls_are_few() -> None:
    assert len(polls_until(UNLEARNED, 30)) <= 7
    assert len(polls_until(UNLEARNED, 3600)) <= 50


@given(sketches, guesses, seconds, progresses, seconds, st.floats(0.01, 100))
def test_every_pause_has_its_bounds(
    sketch: Sketch,
    guess: float,
    elapsed: float,
    progress: int | None,
    unmoved: float,
    worth: float,
) -> None:
    found = plan(
        sketch,
        expected=guess,
        elapsed=elapsed,
        progress=progress,
        unmoved=unmoved,
        poll_worth=worth,
    )
    assert SHORTEST_PAUSE <= found.pause <= LONGEST_PAUSE


@given(sketches, guesses, seconds, progresses)
def test_nobody_is_told_an_end_before_the_next_poll(
    sketch: Sketch, guess: float, elapsed: float, progress: int | None
) -> None:
    found = plan(sketch, expected=guess, elapsed=elapsed, progress=progress)
    assert found.remaining >= found.pause
    assert until_poll(found.remaining) == min(LONGEST_PAUSE, math.ceil(found.remaining))


@given(sketches, st.floats(0.1, 20_000))
def test_however_wrong_the_expectation_the_lag_is_bounded(sketch: Sketch, actual: float) -> None:
    polls = polls_until(sketch, actual)
    assert polls[-1] - actual <= LONGEST_PAUSE


@pytest.mark.parametrize("report", ["stuck at 1", "stuck at 99"])
@pytest.mark.parametrize("render", [90.0, 180.0])
def test_a_stuck_progress_delays_nothing_for_long(report: str, render: float) -> None:
    assert polls_until(known(150, 0.3), render, REPORTS[report](render))[-1] <= 1.25 * render


@given(sketches, seconds, progresses)
def test_polls_that_cost_more_are_fewer(
    sketch: Sketch, elapsed: float, progress: int | None
) -> None:
    cheap, dear = (
        plan(sketch, expected=60, elapsed=elapsed, progress=progress, poll_worth=worth)
        for worth in (0.2, 2.0)
    )
    assert cheap.pause <= dear.pause


@pytest.mark.parametrize("progress", [None, 0, -1])
def test_no_progress_says_nothing(progress: int | None) -> None:
    sketch = known(150, 0.3)
    silent = plan(sketch, expected=1, elapsed=120)
    assert plan(sketch, expected=1, elapsed=120, progress=progress) == silent


def test_a_progress_at_the_very_start_says_nothing() -> None:
    sketch = known(150, 0.3)
    assert plan(sketch, expected=1, progress=70) == plan(sketch, expected=1)


def test_a_render_of_an_hour_that_never_ends_costs_few_polls() -> None:
    assert len(polls_until(known(150, 0.3), 3600)) < 90


def test_nothing_is_asked_long_before_the_end_and_often_around_it() -> None:
    polls = polls_until(known(150, 0.3), 400)
    assert not [at for at in polls if at < 75]
    assert len([at for at in polls if 110 < at < 200]) > 6
    assert polls[-1] - polls[-2] > 15


def test_a_shift_of_speed_is_followed() -> None:
    before = [150.0] * 200
    faster = reduce(observe, [*before, *[75.0] * 2], UNLEARNED)
    assert polls_until(faster, 75)[-1] < 85
    slower = reduce(observe, [*before, *[300.0] * 12], UNLEARNED)
    assert plan(slower, expected=1, elapsed=160).remaining == pytest.approx(140)


def test_reported_progress_saves_polls() -> None:
    sketch = known(150, 0.3)
    guided = polls_until(sketch, 200, lambda now: int(100 * now / 200))
    assert len(guided) < 0.6 * len(polls_until(sketch, 200))


def test_the_estimate_moves_with_the_progress() -> None:
    sketch = known(150, 0.3)
    remaining = [
        plan(sketch, expected=1, elapsed=100, progress=progress).remaining
        for progress in (40, 60, 80, 95)
    ]
    assert remaining == sorted(remaining, reverse=True)
    assert remaining[0] > 2 * remaining[-1]


def test_the_estimate_is_a_guess_first_and_learned_then() -> None:
    assert plan(UNLEARNED, expected=67).remaining == 67
    assert plan(UNLEARNED, expected=67, elapsed=20).remaining == 47
    assert plan(reduce(observe, [200.0] * 10, UNLEARNED), expected=67).remaining == 200


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


announced = sketches.map(lambda sketch: replace(sketch, announced=True))


@given(announced, guesses, seconds, progresses)
def test_while_callbacks_arrive_no_pause_is_shorter_and_none_a_minute_longer_than_the_longest(
    sketch: Sketch, guess: float, elapsed: float, progress: int | None
) -> None:
    polled = replace(sketch, announced=False)
    without = plan(polled, expected=guess, elapsed=elapsed, progress=progress).pause
    found = plan(sketch, expected=guess, elapsed=elapsed, progress=progress).pause
    assert without <= found <= max(without, LONGEST_PAUSE + SAFETY)
    if not sketch.durations:
        assert found == without


@given(announced, st.floats(0.1, 20_000))
def test_an_end_whose_callback_is_lost_is_seen_a_minute_later_at_the_most(
    sketch: Sketch, actual: float
) -> None:
    """Than without callbacks at the worst; and at no more polls."""
    polls = polls_until(sketch, actual)
    assert polls[-1] - actual <= LONGEST_PAUSE + SAFETY
    assert len(polls) <= len(polls_until(replace(sketch, announced=False), actual))


def test_while_callbacks_arrive_the_first_look_is_when_nearly_all_have_ended() -> None:
    sketch = Sketch(tuple(100.0 + each for each in range(20)), announced=True)
    assert plan(sketch, expected=1).pause == 118  # 95 % of 20
    assert plan(sketch, expected=1, elapsed=118).pause >= SAFETY
    assert plan(sketch, expected=1).remaining == pytest.approx(109.5)
    far = Sketch((300.0,) * 20, announced=True)
    assert polls_until(far, 299) == [180.0, 300.0]
