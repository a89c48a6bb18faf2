"""The writes of an app on tables in memory: counted, and interrupted at any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from shared.storage.rows import Row, Value, Write
from tests.support.memory import MemoryTable


class Writes:
    """Counts the writes of all tables, and interrupts one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.at = 0
        self.counting = True
        self.before: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None

    def arm(self, at: int, *, before: Any = None, after: Any = None) -> None:
        self.count, self.at, self.before, self.after = 0, at, before, after

    @contextmanager
    def of_others(self) -> Iterator[None]:
        """These are not counted."""
        counted, self.counting = self.counting, False
        yield
        self.counting = counted

    def passing(self, write: Callable[[], Any]) -> Any:
        if not self.counting:
            return write()
        self.count += 1
        mine = self.count == self.at
        if mine and self.before is not None:
            self.before()
        result = write()
        if mine and self.after is not None:
            self.after()
        return result


class Watched(MemoryTable):
    def __init__(self, writes: Writes) -> None:
        super().__init__()
        self.writes = writes

    def insert(self, partition: str, key: str, values: Mapping[str, Value]) -> Row:
        row: Row = self.writes.passing(lambda: MemoryTable.insert(self, partition, key, values))
        return row

    def put(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        self.writes.passing(lambda: MemoryTable.put(self, partition, key, values))

    def replace(self, row: Row, values: Mapping[str, Value]) -> Row:
        written: Row = self.writes.passing(lambda: MemoryTable.replace(self, row, values))
        return written

    def delete(self, row: Row) -> None:
        self.writes.passing(lambda: MemoryTable.delete(self, row))

    def transact(self, partition: str, writes: Sequence[Write]) -> list[Row]:
        rows: list[Row] = self.writes.passing(lambda: MemoryTable.transact(self, partition, writes))
        return rows
