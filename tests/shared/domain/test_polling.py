"""The schedule: bounded, patient, and never late by more than its longest pause."""

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.polling import (
    backoff,
    estimated_progress,
    expected_render_seconds,
    first_poll_delay,
    next_poll_delay,
)

seconds = st.floats(0, 10_000, allow_nan=False)


@given(seconds, st.floats(1, 1000), st.none() | st.integers(-5, 120))
def test_every_pause_is_between_three_and_fifteen_seconds(
    elapsed: float, expected: float, progress: int | None
) -> None:
    assert 3 <= next_poll_delay(elapsed=elapsed, expected=expected, progress=progress) <= 15


@given(st.floats(20, 600), st.floats(20, 2400))
def test_a_render_is_seen_soon_after_its_end_with_few_polls(expected: float, actual: float) -> None:
    now, polls = first_poll_delay(expected), 1
    while now < actual:
        now += next_poll_delay(elapsed=now, expected=expected, progress=None)
        polls += 1
    assert now - actual <= max(15, first_poll_delay(expected))
    assert polls <= 30 + actual / 12


@given(seconds, st.floats(0, 1000))
def test_an_estimated_progress_never_claims_the_end(elapsed: float, expected: float) -> None:
    assert 0 <= estimated_progress(elapsed, expected) <= 95


@given(st.integers(1, 1000))
def test_backoff_grows_to_its_limit(attempt: int) -> None:
    assume(attempt < 500)
    assert backoff(attempt) <= backoff(attempt + 1) <= 60
    assert backoff(1) == 2


def test_larger_and_longer_videos_are_expected_later() -> None:
    small = expected_render_seconds(480, 480, 5)
    assert small < expected_render_seconds(1280, 720, 5) < expected_render_seconds(1280, 720, 12)
