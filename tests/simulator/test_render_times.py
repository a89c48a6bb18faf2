"""Render times: the shape of their distributions, and that they repeat."""

import statistics

import pytest

from local.simulator.config import Config, Fixed, Lognormal, RenderTime, Uniform
from local.simulator.render_times import draw, fewer


def test_most_renders_take_one_to_five_minutes_with_a_long_tail() -> None:
    drawn = sorted(draw(Lognormal(), 0, ordinal) for ordinal in range(1, 2001))
    assert 110 < statistics.median(drawn) < 130
    inside = sum(60 <= seconds <= 300 for seconds in drawn) / len(drawn)
    assert 0.85 < inside < 0.99
    assert drawn[0] >= 45
    assert 300 < drawn[-1] <= 1800


def test_draws_follow_from_seed_and_ordinal() -> None:
    assert draw(Lognormal(), 1, 1) == draw(Lognormal(), 1, 1)
    assert len({draw(Lognormal(), seed, n) for seed in range(3) for n in range(3)}) == 9


def test_other_distributions() -> None:
    assert draw(Fixed(type="fixed", seconds=7), 0, 1) == 7
    uniform = Uniform(type="uniform", minimum=10, maximum=20)
    drawn = [draw(uniform, 0, ordinal) for ordinal in range(200)]
    assert 10 <= min(drawn) < 11 < 19 < max(drawn) <= 20


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_fewer_generations(chance: float) -> None:
    counts = [fewer(chance, 4, 0, ordinal) for ordinal in range(400)]
    assert min(counts) >= 1
    short = sum(count < 4 for count in counts) / len(counts)
    assert abs(short - chance) < 0.1
    assert fewer(1.0, 1, 0, 1) == 1


def test_the_first_matching_entry_decides() -> None:
    def fixed(seconds: float) -> Fixed:
        return Fixed(type="fixed", seconds=seconds)

    config = Config(
        render_times=(
            RenderTime(deployment="a", seconds=12, distribution=fixed(1)),
            RenderTime(size="1280x720", distribution=fixed(2)),
            RenderTime(deployment="a", distribution=fixed(3)),
        )
    )
    assert config.distribution("a", "1280x720", 12) == fixed(1)
    assert config.distribution("b", "1280x720", 12) == fixed(2)
    assert config.distribution("a", "720x1280", 4) == fixed(3)
    assert config.distribution("b", "720x1280", 4) == Lognormal()
