"""The table `latencies`: a sketch for each kind of render on each deployment.

A lost update is harmless (the sketch misses one job), so reads are cached in the process, and a
write names the version it is based on.
"""

from dataclasses import dataclass

from shared.domain.latency import Sketch, dumps, loads
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, as_key


@dataclass(frozen=True)
class StoredSketch:
    """A sketch and the version of its row; both None before the first job."""

    deployment: str
    kind: str
    sketch: Sketch | None
    row: Row | None
    read_at: float


class Latencies:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept: dict[tuple[str, str], StoredSketch] = {}

    def get(self, deployment: str, kind: str, *, now: float, fresh: float) -> StoredSketch:
        """The sketch, at most `fresh` seconds old: cached, or one point read."""
        kept = self._kept.get((deployment, kind))
        if kept is not None and 0 <= now - kept.read_at < fresh:
            return kept
        row = self._table.get(deployment, as_key(kind))
        return self._keep(StoredSketch(deployment, kind, _sketch(row), row, now))

    def replace(self, stored: StoredSketch, sketch: Sketch, *, now: float) -> StoredSketch:
        """Write the new sketch. Raises RowChanged if somebody else wrote one first."""
        columns: dict[str, Value] = {"v": 1, "sketch": dumps(sketch)}
        key = (stored.deployment, stored.kind)
        try:
            if stored.row is None:
                row = self._table.insert(stored.deployment, as_key(stored.kind), columns)
            else:
                row = self._table.replace(stored.row, columns)
        except (RowExists, RowChanged):
            self._kept.pop(key, None)
            raise RowChanged("/".join(key)) from None
        return self._keep(StoredSketch(*key, sketch, row, now))

    def _keep(self, stored: StoredSketch) -> StoredSketch:
        self._kept[stored.deployment, stored.kind] = stored
        return stored


def _sketch(row: Row | None) -> Sketch | None:
    """The sketch of a row; None if it cannot be read, so that learning starts over."""
    if row is None:
        return None
    try:
        return loads(row.text("sketch"))
    except ValueError:
        return None
