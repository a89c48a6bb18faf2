"""The storage requests of a create, without the create: the rows of a real one under other keys."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.transactions import Operation
from shared.domain.ids import new_video_id
from shared.storage import names
from shared.storage.accounts import Account
from shared.storage.rows import Row, Table, Write
from shared.storage.videos import row_key

CALLER = "key:local"
_ELSEWHERE = "bare"
_LONG_AGO = 1_500_000_000_000
_COLUMNS_OF_THE_SERVICE = ("PartitionKey", "RowKey", "Timestamp")


@dataclass(frozen=True)
class Create:
    """The writes of one create; the totals that the entry changes are `Creates.totals`."""

    caller: str
    work_partition: str
    claim: Operation
    work: Operation
    entry: Operation
    video: Sequence[Operation]


class Creates:
    """As many creates as are asked for, each like a real one, in partitions of their own."""

    def __init__(self, account: Account, video_id: str) -> None:
        """`video_id` is a video of `CALLER`, admitted today."""
        day = time.strftime("%Y-%m-%d", time.gmtime())
        month = day[:7]
        work = account.table(names.WORK).get("open", video_id)
        assert work is not None
        self._claim = _columns(account, names.IDEMPOTENCY, CALLER, work.text("claim"))
        self._work = _columns(account, names.WORK, "open", video_id)
        self._entry = _columns(account, names.LEDGER, month, f"e_{video_id}_1_reserve")
        self._video = _columns(account, names.VIDEOS, CALLER, row_key(video_id))
        keys = ("t_m", f"t_d_{day}", f"t_c_{CALLER}")
        self._totals = {key: _columns(account, names.LEDGER, month, key) for key in keys}
        self._made = int.from_bytes(os.urandom(4))
        self.month = f"bare-{self._made}"

    def another(self) -> Create:
        self._made += 1
        video_id = new_video_id(_LONG_AGO + self._made, os.urandom(10))
        return Create(
            caller=_ELSEWHERE,
            work_partition=_ELSEWHERE,
            claim=Operation(str(self._claim["digest"]), self._claim),
            work=Operation(video_id, self._work),
            entry=Operation(f"e_{video_id}_1_reserve", self._entry),
            video=(Operation(row_key(video_id), self._video), Operation(f"a_{video_id}", {})),
        )

    def totals(self, versions: Sequence[str | None] = (None, None, None)) -> list[Operation]:
        """The totals to insert, or to replace in these versions."""
        return [
            Operation(key, columns, version)
            for (key, columns), version in zip(self._totals.items(), versions, strict=True)
        ]


class OneAfterTheOther:
    """Sends them with the app's own tables, and reservations one by one."""

    def __init__(self, account: Account, creates: Creates) -> None:
        self._creates = creates
        self._tables = {name: account.table(name) for name in names.TABLES}
        self._totals = self._transact(names.LEDGER, creates.month, creates.totals())

    def create(self) -> None:
        one = self._creates.another()
        self._tables[names.IDEMPOTENCY].put(one.caller, one.claim.key, one.claim.values or {})
        self._tables[names.WORK].insert(one.work_partition, one.work.key, one.work.values or {})
        totals = self._creates.totals([row.etag for row in self._totals])
        written = self._transact(names.LEDGER, self._creates.month, [one.entry, *totals])
        self._totals = written[1:]
        self._transact(names.VIDEOS, one.caller, one.video)

    def _transact(self, table: str, partition: str, writes: Sequence[Operation]) -> list[Row]:
        return self._tables[table].transact(
            partition, [_write(partition, operation) for operation in writes]
        )


def _write(partition: str, operation: Operation) -> Write:
    values, etag = operation.values or {}, operation.etag
    if etag is None:
        return Write("insert", operation.key, values)
    return Write("replace", operation.key, values, Row(partition, operation.key, values, etag))


def _columns(account: Account, table: str, partition: str, key: str) -> Mapping[str, Any]:
    row = Table(account.tables.get_table_client(table)).get(partition, key)
    assert row is not None, (table, key)
    return {
        name: value for name, value in row.values.items() if name not in _COLUMNS_OF_THE_SERVICE
    }
