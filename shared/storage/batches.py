"""The table `batches`.

    PartitionKey batch id    RowKey `batch`             the batch
    PartitionKey batch id    RowKey `o_` + line number  a line that has begun
    PartitionKey batch id    RowKey `e_` + line number  a line that has ended
    PartitionKey caller      RowKey inverted batch id   for the caller's list
    PartitionKey `open`      RowKey batch id            unfinished: its worker's last sign of life

A batch and its lines change in one transaction: what is set aside always belongs to a line. The row
in `open` is written first and deleted last, so the sweep finds whatever a worker leaves behind.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from shared.domain.batch import Batch, Line, Outcome, Status, Stop, Wrong
from shared.domain.ids import BATCH, from_inverted, inverted
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write, as_key, discard
from shared.storage.videos import join_text, split_text

_BATCH = "batch"
_OPEN = "open"
_BEGUN, _ENDED = "o_", "e_"
_PAGE = 1000
MOST_AT_ONCE = 48
"""How many lines change in one transaction: each of them may take two of its 100 operations."""


@dataclass(frozen=True)
class StoredBatch:
    """A batch and the version of its row that the next write must match."""

    batch: Batch
    row: Row


@dataclass(frozen=True)
class Silent:
    """An unfinished batch, and its worker's last sign of life (unix seconds)."""

    batch_id: str
    heartbeat_at: float


class Batches:
    def __init__(self, table: Table) -> None:
        self._table = table

    def insert(self, batch: Batch, now: float) -> StoredBatch:
        """Put a batch on record; the one on record if it is there already."""
        self.touch(batch.id, now)
        try:
            row = self._table.insert(batch.id, _BATCH, _columns(batch))
            stored = StoredBatch(batch, row)
        except RowExists:
            known = self.get(batch.id)
            if known is None:
                raise RowChanged(batch.id) from None
            stored = known
        self._table.put(as_key(batch.caller), inverted(batch.id), {})
        return stored

    def get(self, batch_id: str) -> StoredBatch | None:
        row = self._table.get(batch_id, _BATCH)
        return None if row is None else StoredBatch(_batch(row), row)

    def page(self, caller: str, *, after: str | None, limit: int) -> list[Batch]:
        """Up to `limit` batches of a caller, newest first, from the one behind `after` on."""
        keys = self._table.range(
            as_key(caller), after=inverted(after) if after else "", limit=limit, columns=()
        )
        found = [self.get(from_inverted(row.key, BATCH)) for row in keys]
        return [stored.batch for stored in found if stored is not None]

    def replace(
        self,
        stored: StoredBatch,
        batch: Batch,
        *,
        lines: Sequence[Line] = (),
        begun_before: bool = True,
    ) -> StoredBatch:
        """Write the changed batch and at most MOST_AT_ONCE of its lines, which had begun before or
        begin now. Raises RowChanged if somebody else changed the batch first."""
        if batch == stored.batch and not lines:
            return stored
        writes = [Write("replace", _BATCH, _columns(batch), stored.row)]
        for line in lines:
            ended = line.outcome is not None
            writes.append(
                Write("upsert", _key(_ENDED if ended else _BEGUN, line), _line_columns(line))
            )
            if ended and begun_before:
                writes.append(Write("remove", _key(_BEGUN, line), {}))
        written = self._table.transact(batch.id, writes)
        if written:
            return StoredBatch(batch, written[0])
        again = self.get(batch.id)
        if again is None:
            raise RowChanged(batch.id)
        return again

    def open_lines(self, batch_id: str) -> list[Line]:
        """The lines that have begun and not ended, in order."""
        rows = self._table.range(batch_id, start=_BEGUN, before=_BEGUN + "~")
        return [_line(row) for row in rows]

    def ended_lines(self, batch_id: str) -> Iterator[Line]:
        """The lines that have ended, in order, a page at a time."""
        after = _ENDED
        while True:
            rows = self._table.range(batch_id, after=after, before=_ENDED + "~", limit=_PAGE)
            yield from map(_line, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].key

    def touch(self, batch_id: str, at: float) -> None:
        """A worker's sign of life; `at` may lie ahead."""
        self._table.put(_OPEN, batch_id, {"heartbeat_at": at})

    def silent(self, before: float, *, limit: int) -> list[Silent]:
        """Unfinished batches whose workers gave no sign of life since `before`."""
        rows = self._table.range(_OPEN, where=f"heartbeat_at lt {before:.6f}", limit=limit)
        return [Silent(row.key, row.decimal("heartbeat_at")) for row in rows]

    def close(self, batch_id: str) -> None:
        """The last step for a batch that is over, or that was never put on record."""
        discard(self._table, _OPEN, batch_id)


def _key(prefix: str, line: Line) -> str:
    return f"{prefix}{line.number:08d}"


_JSON = ("metadata", "models", "wrong")
_PLAIN = [each.name for each in fields(Batch) if each.name not in ("id", *_JSON)]


def _columns(batch: Batch) -> dict[str, Value]:
    columns: dict[str, Value] = {"v": 1}
    for name in _PLAIN:
        columns[name] = getattr(batch, name)
    columns |= split_text("metadata", json.dumps(dict(batch.metadata), ensure_ascii=False))
    columns |= split_text(
        "wrong", json.dumps([asdict(each) for each in batch.wrong], ensure_ascii=False)
    )
    return columns | {"models": json.dumps(batch.models)}


def _batch(row: Row) -> Batch:
    values: dict[str, Any] = {
        name: row.values[name] for name in _PLAIN if row.values.get(name) is not None
    }
    values["status"] = Status(row.text("status"))
    values["stop"] = Stop(row.text("stop")) if row.text("stop") else None
    return Batch(
        id=row.partition,
        metadata=json.loads(join_text("metadata", row.values) or "{}"),
        models=tuple(json.loads(row.text("models", "[]"))),
        wrong=tuple(Wrong(**each) for each in json.loads(join_text("wrong", row.values) or "[]")),
        **values,
    )


def _line_columns(line: Line) -> dict[str, Value]:
    return {
        "v": 1,
        "custom_id": line.custom_id,
        "planned": line.planned,
        "start": line.start,
        "end": line.end,
        "video_id": line.video_id,
        "outcome": line.outcome and line.outcome.value,
        "problem": None if line.problem is None else json.dumps(asdict(line.problem)),
    }


def _line(row: Row) -> Line:
    outcome, problem = row.text("outcome"), row.text("problem")
    return Line(
        number=int(row.key[2:]),
        custom_id=row.text("custom_id"),
        planned=row.number("planned"),
        start=row.number("start"),
        end=row.number("end"),
        video_id=row.text("video_id") or None,
        outcome=Outcome(outcome) if outcome else None,
        problem=Wrong(**json.loads(problem)) if problem else None,
    )
