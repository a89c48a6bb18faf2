"""The line as callers see it: a forecast for each model in the table `deployments`.

The process that moves the line writes all positions at once, so no waiting video needs its own
write. Row `line` / model says when and how many; the places follow in its own columns, or in rows
of a thousand (`line` / model, version, number) where the line is longer. A reader wants one video
of thousands: it reads the first row and the one with its place. No decision uses a forecast.
"""

import json
import uuid
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, isinf

from shared.domain.limits import SHORT_LINE
from shared.domain.quota import Forecast
from shared.storage.kept import Kept
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write, as_key
from shared.storage.videos import join_text, split_text

_PARTITION = "line"
_DIGITS = 32
_NEVER = "-"
_SHEET = SHORT_LINE
"""Videos of a row. One takes about a hundred bytes."""
_MOST_SHEETS = 16
"""Kept by a process, of those that it has read."""
_AT_ONCE = 20
"""Rows of a transaction, which takes 4 MiB."""
_CLAIMED_SECONDS = 60.0
"""For how long one process may take to write a long line."""


@dataclass(frozen=True)
class Snapshot:
    """A line at a moment (unix seconds). `served` counts the turns that the deployments of the
    model had given until then; `notice` says what holds everybody up beyond their turn."""

    at: float
    waiting: int = 0
    served: int = 0
    notice: str = ""
    text: str = ""
    """The places, in the order of the ids, of a line that fits into the row."""
    version: str = ""
    begins: tuple[str, ...] = ()
    """The first digits of each sheet of a longer line."""
    claimed: float = 0.0
    """Until when a process writes a newer one."""
    row: Row | None = None


@dataclass(frozen=True)
class Place:
    """Where a video stands. One that is not in the snapshot has the place of its age."""

    position: int
    """1 is next."""
    turn: float
    """When its turn is expected; infinity if an operator must open its deployment first."""
    completion: float | None
    """When its render is expected to be done; None if that is not known."""
    known: bool = True
    """Whether it is in the snapshot."""
    last: str = ""
    """The youngest video of the snapshot, where this one came later."""


class Snapshots:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept: Kept[Snapshot] = Kept()
        self._sheets: OrderedDict[str, str] = OrderedDict()
        """The latest that were read: a sheet never changes."""

    def get(self, model: str) -> Snapshot:
        """One point read. An empty snapshot at time 0 if nobody has ever waited."""
        row = self._table.get(_PARTITION, as_key(model))
        if row is None:
            return Snapshot(0.0)
        if row.number("v") < 2:  # of release 0.1, and in the order of the turns
            return Snapshot(0.0, row=row)
        return Snapshot(
            at=row.decimal("at"),
            waiting=row.number("waiting"),
            served=row.number("served"),
            notice=row.text("notice"),
            text=join_text("places", row.values),
            version=row.text("version"),
            begins=tuple(json.loads(row.text("begins", "[]"))),
            claimed=row.decimal("claimed"),
            row=row,
        )

    def recent(self, model: str) -> Snapshot:
        """The same, at most half a second old: one read serves a page of a list."""
        return self._kept.get(model, lambda: self.get(model))

    def place(self, model: str, snapshot: Snapshot, video_id: str) -> Place:
        """A video's place: one more read where the line has more than a thousand."""
        digits = video_id[-_DIGITS:]
        sheet = max(0, bisect_right(snapshot.begins, digits) - 1)
        text = snapshot.text
        if snapshot.begins:
            read = self._sheet(_sheet_key(model, snapshot.version, sheet))
            if read is None:  # a newer snapshot has replaced it
                newer = self.get(model)
                if newer.version == snapshot.version:
                    return Place(snapshot.waiting + 1, snapshot.at, None, known=False)
                return self.place(model, newer, video_id)
            text = read
        behind = sheet < len(snapshot.begins) - 1
        return _find(snapshot, text, digits, before=sheet * _SHEET, more=behind)

    def claim(self, before: Snapshot, now: float) -> Snapshot | None:
        """The right to write the next snapshot of a long line; None while another has it."""
        if before.row is None:
            return before
        if before.claimed > now:
            return None
        values = {**before.row.values, "claimed": now + _CLAIMED_SECONDS}
        try:
            row = self._table.replace(before.row, values)
        except RowChanged:
            return None
        return replace(before, claimed=now + _CLAIMED_SECONDS, row=row)

    def put(
        self,
        model: str,
        at: float,
        forecasts: Sequence[Forecast],
        before: Snapshot,
        *,
        served: int = 0,
        notice: str = "",
    ) -> Snapshot:
        """Write a snapshot, unless somebody wrote one since `before` was read: it is as good."""
        places = sorted(
            f" {turn.video.video_id[-_DIGITS:]}{position}:{_tenths(turn.at - at)}"
            f"+{_tenths(turn.video.expected)}"
            for position, turn in enumerate(forecasts, start=1)
        )
        sheets = ["".join(places[n : n + _SHEET]) for n in range(0, len(places), _SHEET)]
        long = len(sheets) > 1
        after = Snapshot(
            at=at,
            waiting=len(places),
            served=served,
            notice=notice,
            text="" if long else "".join(sheets),
            version=uuid.uuid4().hex[:12] if long else "",
            begins=tuple(sheet[1 : 1 + _DIGITS] for sheet in sheets) if long else (),
        )
        if long:
            self._write_sheets(model, after.version, sheets)
        columns: dict[str, Value] = {
            "v": 2,
            "at": at,
            "waiting": after.waiting,
            "served": served,
            "notice": notice,
            "version": after.version or None,
            "begins": json.dumps(after.begins) if long else None,
            **split_text("places", after.text),
        }
        try:
            if before.row is None:
                row = self._table.insert(_PARTITION, as_key(model), columns)
            else:
                row = self._table.replace(before.row, columns)
        except (RowExists, RowChanged):
            if long:
                self._discard_sheets(model, lambda version: version == after.version)
            return after
        if long or before.begins:
            self._discard_sheets(model, lambda version: version != after.version)
        return replace(after, row=row)

    def _sheet(self, key: str) -> str | None:
        if key not in self._sheets:
            row = self._table.get(_PARTITION, key)
            if row is None:
                return None
            self._sheets[key] = join_text("places", row.values)
            if len(self._sheets) > _MOST_SHEETS:
                self._sheets.popitem(last=False)
        return self._sheets[key]

    def _write_sheets(self, model: str, version: str, sheets: Sequence[str]) -> None:
        writes = [
            Write(
                "upsert", _sheet_key(model, version, number), {"v": 1, **split_text("places", text)}
            )
            for number, text in enumerate(sheets)
        ]
        for start in range(0, len(writes), _AT_ONCE):
            self._table.transact(_PARTITION, writes[start : start + _AT_ONCE])

    def _discard_sheets(self, model: str, unwanted: Callable[[str], bool]) -> None:
        """Delete the sheets of unwanted versions."""
        start = f"{as_key(model)}~ "
        rows = self._table.range(_PARTITION, start=start, before=f"{start[:-1]}!", columns=())
        for row in rows:
            if unwanted(row.key.removeprefix(start).partition(" ")[0]):
                self._table.delete(row)


def _find(snapshot: Snapshot, text: str, digits: str, *, before: int, more: bool) -> Place:
    """A video in a text; `before` counts the older ones of other sheets, `more` says whether there
    are younger ones."""
    start = text.find(" " + digits)
    if start >= 0:
        position, turn, expected = _spot(snapshot, text[start + 1 :].partition(" ")[0])
        return Place(position, turn, None if isinf(turn) else turn + expected)
    entries = text.split()
    older = bisect_left(entries, digits)
    if older == len(entries) and not more:
        last = entries[-1][:_DIGITS] if entries else ""
        turn = max((_spot(snapshot, each)[1] for each in entries), default=snapshot.at)
        return Place(snapshot.waiting + 1, turn, None, known=False, last=last)
    _, turn, expected = _spot(snapshot, entries[min(older, len(entries) - 1)])
    completion = None if isinf(turn) else turn + expected
    return Place(before + older + 1, turn, completion, known=False)


def _spot(snapshot: Snapshot, entry: str) -> tuple[int, float, float]:
    """Position, turn and render seconds of an entry of the text."""
    position, _, times = entry[_DIGITS:].partition(":")
    turn, expected = times.split("+")
    at = inf if turn == _NEVER else snapshot.at + int(turn) / 10
    return int(position), at, int(expected) / 10


def _sheet_key(model: str, version: str, number: int) -> str:
    return f"{as_key(model)}~ {version} {number:05}"


def _tenths(seconds: float) -> str:
    return _NEVER if isinf(seconds) else str(max(0, int(seconds * 10)))
