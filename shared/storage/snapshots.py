"""The line as callers see it: one row of the table `deployments` for each model (`line` / model).

Whoever decides about the line writes where everybody stands, so no waiting video ever has a write
of its own. It is a forecast, some seconds old, and nothing is decided by it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isinf
from typing import NamedTuple

from shared.domain.ids import from_digits
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, as_key
from shared.storage.videos import join_text, split_text

_PARTITION = "line"
_MOST = 8000
"""Videos in a snapshot: a row takes 1 MiB, and each of them about 46 characters of two bytes."""
_KEPT_SECONDS = 0.5
_DIGITS = 32
_NEVER = "-"


class Spot(NamedTuple):
    """A waiting video: when its turn is expected (unix seconds; infinity where somebody has to open
    a deployment first), and how long its render takes (seconds)."""

    video_id: str
    turn: float
    expected: float


@dataclass(frozen=True)
class Snapshot:
    """A line at a moment (unix seconds), in the order of the turns to come."""

    at: float
    places: Sequence[Spot]
    row: Row | None = None

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {spot.video_id: number for number, spot in enumerate(self.places)}

    def has(self, video_id: str) -> bool:
        return video_id in self._numbers

    def position(self, video_id: str) -> int:
        """1 is next. Whoever came after the snapshot stands behind everybody in it."""
        return self._numbers.get(video_id, len(self.places)) + 1

    def turn(self, video_id: str) -> float:
        """When a video's turn is expected, as far as that is known."""
        number = self._numbers.get(video_id, len(self.places) - 1)
        return self.places[number].turn if self.places else self.at

    def completion(self, video_id: str) -> float | None:
        """When a video is expected to be rendered; None where that is not known."""
        number = self._numbers.get(video_id)
        if number is None or isinf(self.places[number].turn):
            return None
        return self.places[number].turn + self.places[number].expected


class Snapshots:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept: dict[str, tuple[float, Snapshot]] = {}

    def get(self, model: str) -> Snapshot:
        """One point read. An empty one at time 0 where nobody ever waited."""
        row = self._table.get(_PARTITION, as_key(model))
        if row is None:
            return Snapshot(0.0, ())
        at = row.decimal("at")
        return Snapshot(at, _places(join_text("places", row.values), at), row)

    def recent(self, model: str) -> Snapshot:
        """The same, at most half a second old: a page of a list asks once."""
        kept = self._kept.get(model)
        if kept is None or time.monotonic() - kept[0] > _KEPT_SECONDS:
            kept = time.monotonic(), self.get(model)
            self._kept[model] = kept
        return kept[1]

    def put(self, model: str, at: float, places: Sequence[Spot], before: Snapshot) -> Snapshot:
        """Write a line down, unless somebody did so since `before` was read: theirs is as good."""
        made = Snapshot(at, places[:_MOST])
        columns: dict[str, Value] = {"v": 1, "at": at, "waiting": len(places)}
        columns |= split_text("places", _text(made))
        try:
            if before.row is None:
                self._table.insert(_PARTITION, as_key(model), columns)
            else:
                self._table.replace(before.row, columns)
        except (RowExists, RowChanged):
            pass
        return made


def _text(snapshot: Snapshot) -> str:
    """Each place: 32 digits of its id, tenths of a second to its turn, and those of its render."""
    return " ".join(
        f"{spot.video_id[-_DIGITS:]}{_tenths(spot.turn - snapshot.at)}+{_tenths(spot.expected)}"
        for spot in snapshot.places
    )


def _places(text: str, at: float) -> list[Spot]:
    places = []
    for place in text.split():
        turn, expected = place[_DIGITS:].split("+")
        due = inf if turn == _NEVER else at + int(turn) / 10
        places.append(Spot(from_digits(place[:_DIGITS]), due, int(expected) / 10))
    return places


def _tenths(seconds: float) -> str:
    return _NEVER if isinf(seconds) else str(max(0, int(seconds * 10)))
