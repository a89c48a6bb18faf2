"""The sketch: small, exact in storage, quick to follow a shift; its outlook is a distribution."""

import math
import random
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.latency import (
    Outlook,
    Sketch,
    dumps,
    loads,
    observe,
    outlook,
    unlearned,
)

durations = st.floats(0.0, 1e7, allow_nan=False)
sketches = st.builds(
    lambda expected, jobs: reduce(observe, jobs, unlearned(expected)),
    st.floats(1, 5000),
    st.lists(durations, max_size=30),
)


def renders(median: float, cv: float, count: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    spread = math.sqrt(math.log1p(cv * cv))
    return [rng.lognormvariate(math.log(median), spread) for _ in range(count)]


def learn(sketch: Sketch, seconds: list[float]) -> Sketch:
    return reduce(observe, seconds, sketch)


@given(sketches)
def test_what_is_stored_is_the_very_same_sketch_and_small(sketch: Sketch) -> None:
    text = dumps(sketch)
    assert loads(text) == sketch
    assert text.isascii()
    assert len(text) < 1000


def test_it_stays_small_for_good() -> None:
    sketch = unlearned(100)
    for seconds in renders(150, 0.5, 2000, seed=1):
        sketch = observe(sketch, seconds)
        assert len(dumps(sketch)) < 300


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "[1]", "[2,[1,1,1,1,1]]", "[1,[1,2]]", "{}", "7"]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a sketch"):
        loads(text)


@given(sketches, durations)
def test_a_repeated_write_gives_the_same(sketch: Sketch, seconds: float) -> None:
    assert observe(sketch, seconds) == observe(loads(dumps(sketch)), seconds)


@given(sketches)
def test_beliefs_are_probabilities(sketch: Sketch) -> None:
    assert sum(regime.belief for regime in sketch.regimes) == pytest.approx(1, abs=1e-3)
    assert all(regime.scale > 0 for regime in sketch.regimes)


@pytest.mark.parametrize("cv", [0.15, 0.3, 0.5])
def test_it_learns_median_and_spread(cv: float) -> None:
    known = outlook(learn(unlearned(60), renders(150, cv, 200, seed=2)))
    spread = math.sqrt(math.log1p(cv * cv))
    assert known.quantile(0.5) == pytest.approx(150, rel=0.12)
    for share, z in ((0.1, -1.2816), (0.9, 1.2816)):
        assert known.quantile(share) == pytest.approx(150 * math.exp(z * spread), rel=0.15)


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("cv", [0.15, 0.3])
@pytest.mark.parametrize("seed", range(8))
def test_a_sudden_shift_is_followed_within_twenty_jobs(factor: float, cv: float, seed: int) -> None:
    before = learn(unlearned(100), renders(150, cv, 200, seed))
    after = learn(before, renders(150 * factor, cv, 20, seed + 100))
    middle = outlook(after).quantile(0.5)
    assert middle == pytest.approx(150 * factor, rel=0.25)
    assert abs(math.log(middle / (150 * factor))) < abs(math.log(middle / 150))


def test_a_shift_leaves_nothing_of_the_old_speed_behind() -> None:
    before = learn(unlearned(100), renders(150, 0.15, 200, seed=3))
    known = outlook(learn(before, renders(300, 0.15, 40, seed=4)))
    assert known.quantile(0.02) > 180


def test_a_slow_drift_is_followed() -> None:
    sketch = unlearned(100)
    for number, seconds in enumerate(renders(1, 0.2, 600, seed=5)):
        sketch = observe(sketch, seconds * (100 + number / 3))
    assert outlook(sketch).quantile(0.5) == pytest.approx(300, rel=0.2)


def test_one_stray_render_hardly_changes_what_is_expected() -> None:
    before = learn(unlearned(100), renders(150, 0.3, 200, seed=6))
    after = learn(before, [3600.0, *renders(150, 0.3, 5, seed=7)])
    for share in (0.1, 0.5, 0.9):
        assert outlook(after).quantile(share) == pytest.approx(
            outlook(before).quantile(share), rel=0.1
        )


def test_nothing_learned_is_the_first_guess_with_a_broad_spread() -> None:
    known = outlook(unlearned(116))
    assert known.quantile(0.5) == pytest.approx(116, rel=0.02)
    assert known.quantile(0.1) < 116 / 2
    assert known.quantile(0.9) > 116 * 2


outlooks = st.builds(
    lambda sketch, elapsed, progress: outlook(sketch).running(elapsed, progress),
    sketches,
    st.floats(0, 1e5),
    st.none() | st.integers(-5, 120),
)


@given(outlooks, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_quantiles_rise_and_survival_is_their_inverse(
    known: Outlook, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert known.edges[0] <= known.quantile(low) <= known.quantile(high)
    assert known.survival(known.quantile(one)) == pytest.approx(1 - one, abs=1e-6)


@given(outlooks)
def test_what_still_runs_ends_later(known: Outlook) -> None:
    now = known.edges[0]
    assert known.survival(now) == 1
    assert known.quantile(0) >= now
    assert known.mean > now


@given(sketches, st.floats(0, 5e4), st.floats(0, 5e4))
def test_the_longer_it_runs_the_later_it_ends(sketch: Sketch, one: float, other: float) -> None:
    early, late = (outlook(sketch).running(elapsed) for elapsed in sorted((one, other)))
    assert early.quantile(0.5) <= late.quantile(0.5) * (1 + 1e-9)
    assert early.mean <= late.mean * (1 + 1e-9)


@given(sketches, st.floats(1, 5000), st.floats(1, 5000))
def test_conditions_add_up(sketch: Sketch, elapsed: float, more: float) -> None:
    known = outlook(sketch)
    chained = known.survival(elapsed) * known.running(elapsed).survival(elapsed + more)
    assert chained == pytest.approx(known.survival(elapsed + more), rel=1e-6, abs=1e-12)


def test_progress_sharpens_the_expectation() -> None:
    known = outlook(learn(unlearned(100), renders(150, 0.3, 200, seed=9)))
    slow, plain, fast = (known.running(100, progress) for progress in (45, None, 90))
    assert fast.quantile(0.5) < plain.quantile(0.5) < slow.quantile(0.5)
    assert fast.quantile(0.9) - fast.quantile(0.1) < plain.quantile(0.9) - plain.quantile(0.1)


def test_a_progress_that_does_not_move_is_not_believed() -> None:
    known = outlook(learn(unlearned(100), renders(150, 0.3, 200, seed=10)))
    assert known.running(100, 50, unmoved=30) == known.running(100)
    assert known.running(100, 50, unmoved=5) == known.running(100, 50)


def test_an_absurd_progress_is_hardly_believed() -> None:
    known = outlook(learn(unlearned(100), renders(150, 0.15, 200, seed=11)))
    plain, absurd = known.running(140), known.running(140, 3)
    assert absurd.quantile(0.3) == pytest.approx(plain.quantile(0.3), rel=0.05)


@pytest.mark.parametrize("progress", [None, 0])
def test_no_progress_says_nothing(progress: int | None) -> None:
    known = outlook(unlearned(100))
    assert known.running(50, progress) == known.running(50)
