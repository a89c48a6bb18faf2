"""The table `ledger`: append-only entries, and the totals that each one changes.

A month is one partition, so an entry (`e_...`) and its totals (`t_...`) change in one transaction.
The entry's key makes writing it twice impossible; the version of each total makes a ceiling exact,
because two admissions that both read the same total cannot both commit.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.ledger import Amounts, Entry, Kind, change_for
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write

_CONFLICTS = 60


@dataclass(frozen=True)
class Ceiling:
    """`limit` micro-USD for a total; `total` is the total's key, `name` what callers are told."""

    name: str
    total: str
    limit: int


@dataclass(frozen=True)
class CeilingReached(Exception):
    """A reservation would have passed a ceiling; nothing was written."""

    ceiling: Ceiling
    committed: int
    wanted: int


def month_total() -> str:
    return "t_m"


def day_total(day: str) -> str:
    return f"t_d_{day}"


def caller_total(caller: str) -> str:
    """What a caller has committed in the month of the partition."""
    return f"t_c_{caller}"


class Ledger:
    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, entry: Entry, ceilings: Sequence[Ceiling] = ()) -> bool:
        """Book an entry and its totals together; `entry.change` is worked out here.

        False when it stands there already, or when its attempt was closed otherwise. Raises
        CeilingReached, LedgerError, or RowChanged after too many conflicts (worth a retry).
        """
        for attempt in range(_CONFLICTS):
            # Totals first: a transaction that commits against these versions proves that no entry
            # of the month was written after the story was read.
            totals = {key: self._table.get(entry.month, key) for key in _totals(entry)}
            change = change_for(entry.kind, entry.amount, self._story(entry))
            if change is None:
                return False
            booked = replace(entry, change=change)
            for ceiling in ceilings:
                committed = _amounts(totals[ceiling.total]).committed
                if committed + change.committed > ceiling.limit:
                    raise CeilingReached(ceiling, committed, change.committed)
            try:
                self._table.transact(entry.month, _writes(booked, totals))
            except (RowExists, RowChanged):
                time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 10)))  # noqa: S311
                continue
            return True
        raise RowChanged(f"ledger {entry.month} changes too often")

    def is_reserved(self, entry: Entry) -> bool:
        """Whether the attempt of an entry is reserved and nothing has closed it."""
        return [kind for kind, _ in self._story(entry)] == [Kind.RESERVE]

    def entries(self, month: str, video_id: str = "") -> list[Entry]:
        """All entries of a month, or those of one video, in key order."""
        prefix = f"e_{video_id}"
        return [_entry(row) for row in self._table.range(month, start=prefix, before=prefix + "~")]

    def admitted(
        self, month: str, start_ms: int, end_ms: int, *, caller: str | None, limit: int
    ) -> list[Entry]:
        """Up to `limit` entries of videos that were admitted in a part of a month (milliseconds
        since 1970, `end_ms` excluded), of one caller or of all: one range of keys, because a
        video's id begins with its time."""
        where = None if caller is None else f"caller eq '{caller.replace(chr(39), 2 * chr(39))}'"
        start, before = (f"e_video_{max(0, ms):012x}" for ms in (start_ms, end_ms))
        rows = self._table.range(month, start=start, before=before, where=where, limit=limit)
        return [_entry(row) for row in rows]

    def total(self, month: str, key: str) -> Amounts:
        """One total; zero where nothing was ever booked."""
        return _amounts(self._table.get(month, key))

    def totals(self, month: str) -> dict[str, Amounts]:
        """All totals of a month by key."""
        rows = self._table.range(month, start="t_", before="t`")
        return {row.key: _amounts(row) for row in rows}

    def _story(self, entry: Entry) -> list[tuple[Kind, int]]:
        prefix = f"e_{entry.video_id}_{entry.attempt}_"
        rows = self._table.range(entry.month, start=prefix, before=prefix + "~")
        return [(Kind(row.text("kind")), row.number("amount_micro_usd")) for row in rows]


def _totals(entry: Entry) -> tuple[str, ...]:
    return (month_total(), day_total(entry.day), caller_total(entry.caller))


def _writes(entry: Entry, totals: dict[str, Row | None]) -> list[Write]:
    key = f"e_{entry.video_id}_{entry.attempt}_{entry.kind}"
    writes = [Write("insert", key, _columns(entry))]
    for total, row in totals.items():
        columns = _amount_columns(_amounts(row) + entry.change)
        writes.append(Write("insert" if row is None else "replace", total, columns, row))
    return writes


def _amount_columns(amounts: Amounts) -> dict[str, Value]:
    return {
        "reserved_micro_usd": amounts.reserved,
        "settled_micro_usd": amounts.settled,
        "unknown_micro_usd": amounts.unknown,
    }


def _amounts(row: Row | None) -> Amounts:
    if row is None:
        return Amounts()
    return Amounts(
        reserved=row.number("reserved_micro_usd"),
        settled=row.number("settled_micro_usd"),
        unknown=row.number("unknown_micro_usd"),
    )


def _columns(entry: Entry) -> dict[str, Value]:
    return {
        "v": 1,
        "video_id": entry.video_id,
        "caller": entry.caller,
        "model": entry.model,
        "deployment": entry.deployment,
        "day": entry.day,
        "attempt": entry.attempt,
        "kind": entry.kind.value,
        "amount_micro_usd": entry.amount,
        "price_version": entry.price_version,
        "basis": entry.basis,
        "at": entry.at,
        "seconds": entry.seconds,
        **_amount_columns(entry.change),
    }


def _entry(row: Row) -> Entry:
    return Entry(
        video_id=row.text("video_id"),
        caller=row.text("caller"),
        model=row.text("model"),
        deployment=row.text("deployment") or None,
        day=row.text("day"),
        attempt=row.number("attempt"),
        kind=Kind(row.text("kind")),
        amount=row.number("amount_micro_usd"),
        change=_amounts(row),
        price_version=row.text("price_version"),
        basis=row.text("basis"),
        at=row.number("at"),
        seconds=row.number("seconds"),
    )
