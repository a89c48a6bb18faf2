"""What is known of a deployment that turns everybody away."""

from dataclasses import replace

import pytest

from shared.domain.outage import TurnedAway, pause_after, turned_away

NO = TurnedAway(status=401, message="no entry")


def test_refusals_in_a_row_are_one_outage() -> None:
    first = turned_away(None, NO, "video_1", 100.0)
    assert (first.status, first.since, first.failures, first.final) == (401, 100.0, 1, False)
    second = turned_away(first, replace(NO, status=404), "video_2", 107.0)
    assert (second.status, second.since, second.failures) == (404, 100.0, 2)
    assert second.probes == ("video_1", "video_2")
    assert turned_away(second, NO, "video_1", 120.0).probes == ("video_2", "video_1")


def test_what_is_final_stays_final() -> None:
    gone = turned_away(None, TurnedAway(status=410, message="retired", final=True), "video_1", 0.0)
    assert turned_away(gone, NO, "video_2", 1.0).final


def test_only_the_latest_probes_are_remembered() -> None:
    outage = turned_away(None, NO, "video_0", 0.0)
    for number in range(1, 500):
        outage = turned_away(outage, NO, f"video_{number}", 0.0)
    assert len(outage.probes) == 400
    assert outage.probes[-1] == "video_499"


def test_pauses_grow_and_end_at_two_minutes() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 4, 5, 6, 100)] == [
        5, 10, 20, 40, 80, 120, 120,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (NO, "answers 401"),
        (TurnedAway(status=None, message="no connection"), "cannot be reached"),
        (TurnedAway(status=410, message="retired", final=True), "is gone: 410"),
    ],
)
def test_what_it_does_is_said_without_its_own_words(refusal: TurnedAway, says: str) -> None:
    assert turned_away(None, refusal, "video_1", 0.0).what == says
