"""The floor is one: no list of poll times, tried one by one, does better."""

from itertools import combinations

import numpy as np
import pytest

from bench.floor import Array, best_schedule, floor_at, walk
from bench.renders import usual


def small_case(seed: int, cells: int) -> tuple[Array, Array]:
    """Uneven grid and uneven masses; (times, survival)."""
    rng = np.random.default_rng(seed)
    times = np.concatenate([[0.0], np.cumsum(rng.uniform(0.5, 3.0, cells))])
    masses = rng.dirichlet(np.full(cells, 0.7))
    survival = np.concatenate([[1.0], 1 - np.cumsum(masses)])
    survival[-1] = 0.0
    return times, survival


def every_schedule(times: Array, survival: Array) -> list[tuple[float, float]]:
    """(polls, lag) of every list of poll times on the grid that ends with the last, by definition:
    each render ends in the middle of its cell and is seen by the first poll after it."""
    masses = -np.diff(survival)
    ends = (times[1:] + times[:-1]) / 2
    inner = range(1, len(times) - 1)
    results = []
    for count in range(len(times) - 1):
        for chosen in combinations(inner, count):
            polls = times[[*chosen, len(times) - 1]]
            needed, lag = walk(polls, ends)
            results.append((float(masses @ needed), float(masses @ lag)))
    return results


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("poll_worth", [0.05, 0.3, 1.0, 4.0])
def test_the_best_schedule_is_the_best_of_all(seed: int, poll_worth: float) -> None:
    times, survival = small_case(seed, cells=9)
    found = best_schedule(times, survival, poll_worth)
    best = min(poll_worth * polls + lag for polls, lag in every_schedule(times, survival))
    assert poll_worth * found.polls + found.lag == pytest.approx(best)


@pytest.mark.parametrize("seed", range(6))
def test_what_it_says_of_a_schedule_is_what_the_schedule_does(seed: int) -> None:
    times, survival = small_case(seed, cells=12)
    found = best_schedule(times, survival, 0.3)
    needed, lag = walk(found.times, (times[1:] + times[:-1]) / 2)
    masses = -np.diff(survival)
    assert found.polls == pytest.approx(float(masses @ needed))
    assert found.lag == pytest.approx(float(masses @ lag))


@pytest.mark.parametrize("seed", range(6))
def test_no_schedule_is_below_the_floor_at_its_number_of_polls(seed: int) -> None:
    times, survival = small_case(seed, cells=8)
    for polls, lag in every_schedule(times, survival):
        assert lag >= floor_at(times, survival, polls).lag * 0.999


def test_more_polls_less_lag() -> None:
    times, survival = usual(0.3).survival(cells=100)
    lags = [floor_at(times, survival, polls).lag for polls in (4, 6, 8, 10, 12)]
    assert lags == sorted(lags, reverse=True)
    assert lags[-1] < lags[0] / 2


def test_a_poll_sees_what_ended_at_it_or_before() -> None:
    polls, lag = walk(np.array([5.0, 10.0, 15.0]), np.array([1.0, 5.0, 5.5, 15.0]))
    assert polls.tolist() == [1, 1, 2, 3]
    assert lag.tolist() == [4, 0, 4.5, 0]
