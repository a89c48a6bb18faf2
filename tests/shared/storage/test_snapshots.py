"""Where everybody stands: written at once, found again by anybody."""

from __future__ import annotations

from math import inf

import pytest

from shared.domain.quota import Forecast, QueuedVideo
from shared.storage.accounts import Account
from shared.storage.snapshots import Place, Snapshot, Snapshots

AT = 1_796_000_000.0


def video(number: int) -> str:
    return f"video_{number:032x}"


def turn(video_id: str, at: float, expected: float) -> Forecast:
    queued = QueuedVideo(video_id=video_id, caller="key:a", deployments=("d",), expected=expected)
    return Forecast(queued, "d", at)


@pytest.fixture
def snapshots(connection: str) -> Snapshots:
    return Snapshots(Account(connection=connection).table("deployments"))


def test_places_are_found_again(snapshots: Snapshots) -> None:
    forecasts = [
        turn(video(7), AT, 60.0),
        turn(video(3), AT + 30.55, 40.0),
        turn(video(9), inf, 9.0),
    ]
    snapshots.put("sora-2", AT, forecasts, snapshots.get("sora-2"))
    found = {number: place(snapshots, number) for number in (7, 3, 9)}
    assert [each.position for each in found.values()] == [1, 2, 3]
    assert found[7].completion == AT + 60
    assert (found[3].turn, found[3].completion) == (AT + 30.5, AT + 70.5)
    assert (found[9].turn, found[9].completion) == (inf, None)


def place(snapshots: Snapshots, number: int) -> Place:
    return snapshots.place("sora-2", snapshots.get("sora-2"), video(number))


def write(snapshots: Snapshots, forecasts: list[Forecast]) -> None:
    snapshots.put("sora-2", AT, forecasts, snapshots.get("sora-2"))


def test_who_came_later_stands_behind_everybody(snapshots: Snapshots) -> None:
    assert snapshots.get("sora-2") == Snapshot(0.0)
    assert place(snapshots, 1).position == 1
    write(snapshots, [turn(video(1), AT, 60.0), turn(video(2), AT + 30, 60.0)])
    found = place(snapshots, 5)
    assert (found.known, found.position, found.turn) == (False, 3, AT + 30)
    assert (found.completion, found.last) == (None, video(2)[-32:])


def test_whose_turn_has_come_is_next(snapshots: Snapshots) -> None:
    """Its worker has not said so yet, and it is in no snapshot any more."""
    write(snapshots, [turn(video(number), AT + number, 60.0) for number in (4, 5, 6)])
    granted, first = place(snapshots, 3), place(snapshots, 4)
    assert not granted.known
    assert (granted.position, first.position) == (1, 1)
    assert granted.completion == first.completion == AT + 64


def test_whoever_writes_second_gives_way(snapshots: Snapshots) -> None:
    before = snapshots.get("sora-2")
    snapshots.put("sora-2", AT, [turn(video(1), AT, 1.0)], before)
    snapshots.put("sora-2", AT, [turn(video(2), AT, 1.0)], before)
    assert place(snapshots, 1).known
    assert not place(snapshots, 2).known


def test_a_line_of_any_length_has_its_places(snapshots: Snapshots) -> None:
    """In turns of two callers, so that the order of the ids is not that of the turns."""
    count = 2500
    order = [*range(0, count, 2), *range(1, count, 2)]
    forecasts = [turn(video(10 * n), AT + i, 3600.0) for i, n in enumerate(order)]
    write(snapshots, forecasts)
    for i in (0, 1, 499, 500, 1249, 1250, 2000, 2499):
        found = place(snapshots, 10 * order[i])
        assert (found.known, found.position, found.turn) == (True, i + 1, AT + i)
    assert place(snapshots, 9995).position == 1001  # not in it: by its age
    assert place(snapshots, 10 * count).position == count + 1


def test_a_reader_of_a_replaced_line_finds_the_newer_one(snapshots: Snapshots) -> None:
    numbers = range(1, 1500)
    write(snapshots, [turn(video(n), AT, 1.0) for n in numbers])
    old = snapshots.get("sora-2")
    write(snapshots, [turn(video(n), AT, 1.0) for n in reversed(numbers)])
    assert snapshots.place("sora-2", old, video(1)).position == 1499
    sheets = snapshots._table.range("line", start="sora-2~", columns=())
    assert len(sheets) == 2, "what was replaced is deleted"
    write(snapshots, [turn(video(1), AT, 1.0)])
    assert snapshots.place("sora-2", old, video(1)).position == 1
    assert snapshots._table.range("line", start="sora-2~", columns=()) == []


def test_one_process_at_a_time_writes_a_long_line(snapshots: Snapshots) -> None:
    write(snapshots, [turn(video(1), AT, 1.0)])
    before = snapshots.get("sora-2")
    assert snapshots.claim(before, AT) is not None
    assert snapshots.claim(before, AT) is None
    claimed = snapshots.get("sora-2")
    assert snapshots.claim(claimed, AT + 59) is None
    assert snapshots.claim(claimed, AT + 61) is not None, "the one who claimed it has died"
