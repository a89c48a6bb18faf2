"""Announcements: ids that follow from the transition, and pauses that fill a day."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.announcement import (
    TOPIC,
    Name,
    event_id,
    pause_after,
    webhook_name,
    webhook_target,
)


def test_an_id_is_its_transitions() -> None:
    pairs = list(itertools.product(["video_1", "video_2"], Name))
    ids = [event_id(*pair) for pair in pairs]
    assert len(set(ids)) == len(pairs)
    assert ids == [event_id(*pair) for pair in pairs]
    assert all(each.startswith("evt_") and len(each) == 36 for each in ids)


def test_pauses_grow_and_a_day_has_about_a_dozen_attempts() -> None:
    pauses = [pause_after(attempts, 0.5) for attempts in range(1, 13)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 20
    times = list(itertools.accumulate(pauses))
    assert 8 <= sum(1 for at in times if at < 24 * 3600) <= 12


@given(st.integers(1, 1000), st.floats(0, 1))
def test_jitter_is_at_most_a_quarter(attempts: int, fraction: float) -> None:
    middle = pause_after(attempts, 0.5)
    assert 0.75 * middle <= pause_after(attempts, fraction) <= 1.25 * middle


def test_a_target_says_which_webhook_it_is() -> None:
    assert webhook_name(webhook_target("webhook-a")) == "webhook-a"
    assert webhook_name(TOPIC) is None
    assert webhook_target("topic") != TOPIC
