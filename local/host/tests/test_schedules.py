"""NCRONTAB expressions and time spans."""

from datetime import UTC, datetime, timedelta

import pytest

from ..timer_trigger import ScheduleError, parse_schedule

NOW = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "next_time"),
    [
        ("*/5 * * * * *", "2030-01-01T12:00:35"),
        ("0 * * * * *", "2030-01-01T12:01:00"),
        ("30 0 12 * * *", "2030-01-02T12:00:30"),
        ("0 30 9 * * 1-5", "2030-01-02T09:30:00"),
        ("0 0 0 * * Sun", "2030-01-06T00:00:00"),
        ("0 0 0 * * 0", "2030-01-06T00:00:00"),
        ("0 0 0 1 Feb *", "2030-02-01T00:00:00"),
        ("0 0 */6 * * *", "2030-01-01T18:00:00"),
        ("*/10 * * * *", "2030-01-01T12:10:00"),
        ("00:01:30", "2030-01-01T12:02:00"),
    ],
)
def test_next_occurrence(text: str, next_time: str) -> None:
    occurrence = parse_schedule(text).next_after(NOW)
    assert occurrence.tzinfo is not None
    assert occurrence.isoformat() == f"{next_time}+00:00"


def test_an_occurrence_is_not_its_own_successor() -> None:
    schedule = parse_schedule("0 * * * * *")
    first = schedule.next_after(NOW)
    assert schedule.next_after(first) - first == timedelta(minutes=1)


@pytest.mark.parametrize(
    "text", ["", "often", "* * * *", "61 * * * * *", "* * * * * * *", "0 0 0 31 Foo *", "00:00:00"]
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(text)
