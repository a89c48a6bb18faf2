"""Where everybody stands: written in one row, found again by anybody."""

from __future__ import annotations

from math import inf

import pytest

from shared.domain.quota import Forecast, QueuedVideo
from shared.storage.accounts import Account
from shared.storage.snapshots import Snapshot, Snapshots

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
    found = snapshots.get("sora-2")
    assert [found.position(each.video.video_id) for each in forecasts] == [1, 2, 3]
    assert found.completion(video(7)) == AT + 60
    assert (found.turn(video(3)), found.completion(video(3))) == (AT + 30.5, AT + 70.5)
    assert (found.turn(video(9)), found.completion(video(9))) == (inf, None)


def test_who_came_later_stands_behind_everybody(snapshots: Snapshots) -> None:
    assert snapshots.get("sora-2") == Snapshot(0.0)
    assert snapshots.get("sora-2").position(video(1)) == 1
    forecasts = [turn(video(1), AT, 60.0), turn(video(2), AT + 30, 60.0)]
    after = snapshots.put("sora-2", AT, forecasts, snapshots.get("sora-2"))
    assert not after.has(video(5))
    assert after.position(video(5)) == 3
    assert after.turn(video(5)) == AT + 30
    assert after.completion(video(5)) is None


def test_whose_turn_has_come_is_next(snapshots: Snapshots) -> None:
    """Its worker has not said so yet, and it is in no snapshot any more."""
    forecasts = [turn(video(number), AT + number, 60.0) for number in (4, 5, 6)]
    after = snapshots.put("sora-2", AT, forecasts, snapshots.get("sora-2"))
    assert not after.has(video(3))
    assert (after.position(video(3)), after.position(video(4))) == (1, 1)
    assert after.completion(video(3)) == after.completion(video(4)) == AT + 64


def test_whoever_writes_second_gives_way(snapshots: Snapshots) -> None:
    before = snapshots.get("sora-2")
    snapshots.put("sora-2", AT, [turn(video(1), AT, 1.0)], before)
    snapshots.put("sora-2", AT, [turn(video(2), AT, 1.0)], before)
    assert snapshots.get("sora-2").has(video(1))
    assert not snapshots.get("sora-2").has(video(2))


def test_a_line_of_thousands_fits_into_a_row(snapshots: Snapshots) -> None:
    forecasts = [turn(video(number), AT + number * 1e5, 3600.0) for number in range(9000)]
    snapshots.put("sora-2", AT, forecasts, snapshots.get("sora-2"))
    found = snapshots.get("sora-2")
    assert found.position(video(7999)) == 8000
    assert found.position(video(8500)) == 8001
