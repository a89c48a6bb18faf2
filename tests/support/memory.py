"""A storage account in memory, with the versions of the real one: for tests of what is decided, and
for runs of thousands of operations. `tests/shared/storage` holds it to what Azurite does."""

from __future__ import annotations

import itertools
import operator
import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import islice
from threading import RLock
from typing import Any

from azure.core.exceptions import HttpResponseError

from shared.lifecycle.services import Services, build
from shared.storage.accounts import Account
from shared.storage.deployments import Deployments
from shared.storage.jobs import Jobs
from shared.storage.latencies import Latencies
from shared.storage.places import Places
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write
from shared.storage.snapshots import Snapshots
from shared.storage.videos import Videos
from shared.storage.work import WorkTable
from tests.support.memory_blobs import MemoryContainer

_COMPARED = re.compile(r"(\w+) (eq|ne|lt|gt) ('[^']*'|true|false|[-\d.]+)L?")
_NOT_OF_STORAGE = ("settings", "upstreams", "topic", "courier", "quotes", "clock")
_LONGEST_TEXT, _MOST_WRITES = 32 * 1024, 100
"""What the real ones take: characters of a column, writes of a transaction."""
_NOT_IN_KEYS = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_FLAGS = {"true": True, "false": False}
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "gt": operator.gt,
}


class MemoryTable(Table):
    """`operations` counts requests by what was done in which partition."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self._keys: dict[str, list[str]] = {}
        """Partition -> its keys, in order."""
        self.operations: Counter[tuple[str, str]] = Counter()
        self._versions = itertools.count()
        self._lock = RLock()

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
        with self._lock:
            keys = self._keys.get(partition, [])
            first = max(bisect_right(keys, after), bisect_left(keys, start))
            last = bisect_left(keys, before) if before else len(keys)
            found = (
                row if columns is None else _only(row, columns)
                for row in (self.rows[partition, key] for key in keys[first:last])
                if (where is None or _meets(row, where))
                and all(row.values.get(name) == value for name, value in (equal or {}).items())
            )
            return list(islice(found, limit))

    def insert(self, partition: str, key: str, values: Mapping[str, Value]) -> Row:
        self.operations["insert", partition] += 1
        with self._lock:
            if (partition, key) in self.rows:
                raise RowExists(key)
            return self._put(partition, key, values)

    def replace(self, row: Row, values: Mapping[str, Value]) -> Row:
        self.operations["replace", row.partition] += 1
        with self._lock:
            self._check(row)
            return self._put(row.partition, row.key, values)

    def put(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        self.operations["put", partition] += 1
        with self._lock:
            self._put(partition, key, values)

    def delete(self, row: Row) -> None:
        self.operations["delete", row.partition] += 1
        with self._lock:
            if (row.partition, row.key) in self.rows:
                self._check(row)
                self._drop(row.partition, row.key)

    def transact(self, partition: str, writes: Sequence[Write]) -> list[Row]:
        """All or none: each write is checked before any is done."""
        self.operations["transact", partition] += 1
        keys = {write.key for write in writes}
        if len(keys) < len(writes) or not 0 < len(writes) <= _MOST_WRITES:
            raise HttpResponseError(f"{len(writes)} writes of {len(keys)} rows")
        with self._lock:
            for write in writes:
                self._can(partition, write)
            written = []
            for write in writes:
                if write.kind in ("delete", "remove"):
                    self._drop(partition, write.key)
                else:
                    written.append(self._put(partition, write.key, write.values))
            return written

    def _can(self, partition: str, write: Write) -> None:
        _take(partition, write.key, write.values)
        if write.kind == "insert" and (partition, write.key) in self.rows:
            raise RowExists(write.key)
        if write.kind in ("replace", "delete"):
            assert write.row is not None
            self._check(write.row)
        if write.kind == "remove" and (partition, write.key) not in self.rows:
            raise RowChanged(write.key)

    def _check(self, row: Row) -> None:
        current = self.rows.get((row.partition, row.key))
        if current is None or current.etag != row.etag:
            raise RowChanged(row.key)

    def _drop(self, partition: str, key: str) -> None:
        del self.rows[partition, key]
        keys = self._keys[partition]
        del keys[bisect_left(keys, key)]

    def _put(self, partition: str, key: str, values: Mapping[str, Value]) -> Row:
        _take(partition, key, values)
        known = {name: value for name, value in values.items() if value is not None}
        row = Row(partition, key, known, str(next(self._versions)))
        if (partition, key) not in self.rows:
            insort(self._keys.setdefault(partition, []), key)
        self.rows[partition, key] = row
        return row


class MemoryAccount(Account):
    """Tables and containers that nobody else has. `connection` only names it, in links and events;
    `table` makes each table."""

    def __init__(self, connection: str, table: Callable[[], MemoryTable] = MemoryTable) -> None:
        super().__init__(connection=connection)
        self._tables: defaultdict[str, MemoryTable] = defaultdict(table)
        self._containers: dict[str, MemoryContainer] = {}

    def table(self, name: str) -> MemoryTable:
        return self._tables[name]

    def container(self, name: str) -> Any:
        if name not in self._containers:
            self._containers[name] = MemoryContainer(f"{self.blobs.url.rstrip('/')}/{name}")
        return self._containers[name]


def all_in_memory(services: Services, table: Callable[[], MemoryTable] = MemoryTable) -> Services:
    """Services on an account of their own in memory; `table` makes each table."""
    stored = build(services.settings, MemoryAccount(services.settings.storage_connection, table))
    names = {each.name for each in fields(Services)} - {*_NOT_OF_STORAGE}
    return replace(services, **{name: getattr(stored, name) for name in names})


def in_memory(
    services: Services, *, work: MemoryTable | None = None, deployments: MemoryTable | None = None
) -> Services:
    """Services whose line, jobs and videos are in memory; two of the tables may be given."""
    work, deployments = work or MemoryTable(), deployments or MemoryTable()
    return replace(
        services,
        videos=Videos(MemoryTable()),
        work=WorkTable(work),
        jobs=Jobs(MemoryTable()),
        deployments=Deployments(deployments),
        places=Places(work),
        snapshots=Snapshots(deployments),
        latencies=Latencies(MemoryTable()),
    )


def _meets(row: Row, where: str) -> bool:
    """Whether a row meets a filter of comparisons, `and`, `or` and parentheses. A column that is
    not there compares as false."""

    def compared(match: re.Match[str]) -> str:
        name, how, text = match.groups()
        value = row.values.get(name)
        if value is None:
            return "False"
        if text.startswith("'"):
            return str(_OPERATORS[how](value, text[1:-1]))
        return str(_OPERATORS[how](value, _FLAGS[text] if text in _FLAGS else float(text)))

    return bool(eval(_COMPARED.sub(compared, where)))  # of True and False only


def _only(row: Row, columns: Sequence[str]) -> Row:
    return replace(row, values={name: row.values[name] for name in columns if name in row.values})


def _take(partition: str, key: str, values: Mapping[str, Value]) -> None:
    """Refuse what the real one does."""
    for name in (partition, key):
        if _NOT_IN_KEYS.search(name):
            raise HttpResponseError(f"no key: {name!r}")
    for name, value in values.items():
        if isinstance(value, str) and len(value) > _LONGEST_TEXT // 2:
            units = len(value.encode("utf-16-le", "surrogatepass")) // 2
            if units > _LONGEST_TEXT:
                raise HttpResponseError(f"{name} has {units} characters")
