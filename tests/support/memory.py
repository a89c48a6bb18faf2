"""Tables in memory, with the versions of the real ones: for runs of thousands of operations."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write

_EQUALS = re.compile(r"(\w+) eq '([^']*)'")


class MemoryTable(Table):
    """`operations` counts requests by what was done in which partition."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.operations: Counter[tuple[str, str]] = Counter()
        self._versions = itertools.count()

    def get(self, partition: str, key: str) -> Row | None:
        self.operations["get", partition] += 1
        return self.rows.get((partition, key))

    def range(
        self,
        partition: str,
        *,
        after: str = "",
        start: str = "",
        before: str = "",
        limit: int | None = None,
        where: str | None = None,
        equal: Mapping[str, str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        self.operations["range", partition] += 1
        equals = _EQUALS.fullmatch(where) if where else None
        assert where is None or equals is not None, where
        found = [
            row
            for (of, key), row in sorted(self.rows.items())
            if of == partition
            and key > after
            and key >= start
            and (not before or key < before)
            and (equals is None or row.values.get(equals[1]) == equals[2])
            and all(row.values.get(name) == value for name, value in (equal or {}).items())
        ]
        return found[:limit]

    def insert(self, partition: str, key: str, values: Mapping[str, Value]) -> Row:
        self.operations["insert", partition] += 1
        if (partition, key) in self.rows:
            raise RowExists(key)
        return self._put(partition, key, values)

    def replace(self, row: Row, values: Mapping[str, Value]) -> Row:
        self.operations["replace", row.partition] += 1
        self._check(row)
        return self._put(row.partition, row.key, values)

    def delete(self, row: Row) -> None:
        self.operations["delete", row.partition] += 1
        if (row.partition, row.key) in self.rows:
            self._check(row)
            del self.rows[row.partition, row.key]

    def transact(self, partition: str, writes: Sequence[Write]) -> list[Row]:
        self.operations["transact", partition] += 1
        raise NotImplementedError

    def _check(self, row: Row) -> None:
        current = self.rows.get((row.partition, row.key))
        if current is None or current.etag != row.etag:
            raise RowChanged(row.key)

    def _put(self, partition: str, key: str, values: Mapping[str, Value]) -> Row:
        known = {name: value for name, value in values.items() if value is not None}
        row = Row(partition, key, known, str(next(self._versions)))
        self.rows[partition, key] = row
        return row
