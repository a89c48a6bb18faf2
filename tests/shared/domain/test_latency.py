"""The sketch: small, exact in storage, made of the latest renders only."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.latency import UNLEARNED, Sketch, dumps, loads, observe

durations = st.floats(0.0, 1e7, allow_nan=False)
sketches = st.builds(
    lambda jobs: reduce(observe, jobs, UNLEARNED), st.lists(durations, max_size=60)
)


@given(sketches)
def test_what_is_stored_is_the_very_same_sketch_and_small(sketch: Sketch) -> None:
    text = dumps(sketch)
    assert loads(text) == sketch
    assert text.isascii()
    assert len(text) < 250


def test_it_is_readable() -> None:
    sketch = reduce(observe, [67.04, 5.0, 3600.0], UNLEARNED)
    assert dumps(sketch) == "[2,67.0,5.0,3600.0]"
    assert dumps(UNLEARNED) == "[2]"


OF_AN_EARLIER_RELEASE = "[1,[0.9,4.7622,1.13,5.0,0.3125],[0.1,4.8,2.1,6.0,0.3]]"


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "[1]", "{}", "7", "[2,[1,2]]", "[2,null]", "[2,NaN]", "[2,-5]"),
        "[2,1e999]",
        OF_AN_EARLIER_RELEASE,
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a sketch"):
        loads(text)


@given(sketches, durations)
def test_a_repeated_write_gives_the_same(sketch: Sketch, seconds: float) -> None:
    assert observe(sketch, seconds) == observe(loads(dumps(sketch)), seconds)


def test_old_renders_are_forgotten() -> None:
    sketch = reduce(observe, [150.0] * 200 + [300.0] * 12, UNLEARNED)
    assert sketch.median == 300
    assert 150 not in reduce(observe, [300.0] * 12, sketch).durations


def test_one_stray_render_does_not_move_the_median() -> None:
    assert reduce(observe, [150.0] * 20 + [3600.0], UNLEARNED).median == 150
    assert UNLEARNED.median is None


@pytest.mark.parametrize(("measured", "kept"), [(-3.0, 0.1), (0.0, 0.1), (1e9, 1e6), (5.678, 5.7)])
def test_a_clock_that_errs_spoils_nothing(measured: float, kept: float) -> None:
    assert observe(UNLEARNED, measured).durations == (kept,)
