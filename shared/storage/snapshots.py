"""The line as callers see it: one row of the table `deployments` for each model (`line` / model).

The process that decides about the line writes all positions at once, so no waiting video needs its
own write. A snapshot is a forecast, some seconds old; no decision uses it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isinf

from shared.domain.limits import MOST_FORECAST
from shared.domain.quota import Forecast
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, as_key
from shared.storage.videos import join_text, split_text

_PARTITION = "line"
_KEPT_SECONDS = 0.5
_DIGITS = 32
_NEVER = "-"


@dataclass(frozen=True)
class Snapshot:
    """A line at a moment (unix seconds).

    `text` has the videos in the order of their turns, each as a space, 32 digits of its id, tenths
    of a second from `at` to its turn, `+`, and tenths of a second of its render. It is searched
    without parsing: a reader wants one of thousands. `notice` says what holds them all up beyond
    their turn.
    """

    at: float
    text: str = ""
    notice: str = ""
    row: Row | None = None

    def has(self, video_id: str) -> bool:
        return self._start(video_id) >= 0

    def position(self, video_id: str) -> int:
        """1 is next. A video that is not in the snapshot gets the place of its age: last if it
        came later, first if its turn has come."""
        start = self._start(video_id)
        if start < 0:
            return sum(1 for digits in self._digits() if digits < video_id[-_DIGITS:]) + 1
        return self.text.count(" ", 0, start) + 1

    def turn(self, video_id: str) -> float:
        """When a video's turn is expected: the last one's if it came later, the time of the
        snapshot if its turn has come."""
        return self._spot(self._place(video_id))[0]

    def completion(self, video_id: str) -> float | None:
        """When a video's render is expected to be done; None if that is not known."""
        if not self.has(video_id) and video_id[-_DIGITS:] > max(self._digits(), default=""):
            return None  # it came later
        turn, expected = self._spot(self._place(video_id))
        return None if isinf(turn) else turn + expected

    def _place(self, video_id: str) -> int:
        """Where in the text a video is, or else the next younger one, or else the last."""
        start = self._start(video_id)
        if start >= 0:
            return start
        younger = (digits for digits in self._digits() if digits > video_id[-_DIGITS:])
        first = next(younger, None)
        return self.text.rfind(" ") if first is None else self.text.find(" " + first)

    def _digits(self) -> Iterator[str]:
        """The digits of every video, in the order of their turns."""
        return (spot[:_DIGITS] for spot in self.text.split())

    def _start(self, video_id: str) -> int:
        return self.text.find(" " + video_id[-_DIGITS:])

    def _spot(self, start: int) -> tuple[float, float]:
        """Turn and render seconds of the video at a place in the text."""
        if start < 0:
            return self.at, 0.0
        turn, expected = self.text[start + 1 + _DIGITS :].split(" ", 1)[0].split("+")
        return inf if turn == _NEVER else self.at + int(turn) / 10, int(expected) / 10


class Snapshots:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept: dict[str, tuple[float, Snapshot]] = {}

    def get(self, model: str) -> Snapshot:
        """One point read. An empty snapshot at time 0 if nobody has ever waited."""
        row = self._table.get(_PARTITION, as_key(model))
        if row is None:
            return Snapshot(0.0)
        text = join_text("places", row.values)
        return Snapshot(row.decimal("at"), text, row.text("notice"), row)

    def recent(self, model: str) -> Snapshot:
        """The same, at most half a second old: one read serves a page of a list."""
        kept = self._kept.get(model)
        if kept is None or time.monotonic() - kept[0] > _KEPT_SECONDS:
            kept = time.monotonic(), self.get(model)
            self._kept[model] = kept
        return kept[1]

    def put(
        self,
        model: str,
        at: float,
        forecasts: Sequence[Forecast],
        before: Snapshot,
        notice: str = "",
    ) -> Snapshot:
        """Write a snapshot, unless somebody wrote one since `before` was read: it is as good."""
        text = "".join(
            f" {video.video_id[-_DIGITS:]}{_tenths(turn - at)}+{_tenths(video.expected)}"
            for video, turn in ((f.video, f.at) for f in forecasts[:MOST_FORECAST])
        )
        columns: dict[str, Value] = {"v": 1, "at": at, "waiting": len(forecasts), "notice": notice}
        columns |= split_text("places", text)
        try:
            if before.row is None:
                self._table.insert(_PARTITION, as_key(model), columns)
            else:
                self._table.replace(before.row, columns)
        except (RowExists, RowChanged):
            pass
        return Snapshot(at, text, notice)


def _tenths(seconds: float) -> str:
    return _NEVER if isinf(seconds) else str(max(0, int(seconds * 10)))
