"""The table `ledger`: append-only entries, and the totals that they change.

A month is one partition, so an entry (`e_...`) and its totals (`t_...`) change in one transaction.
The entry's key prevents a second write; the versions of the totals make ceilings exact, because two
admissions that read the same total cannot both commit. `booking` batches concurrent writes.
"""

from collections.abc import Sequence

from shared.domain.ledger import Amounts, Entry, Kind
from shared.storage.booking import (
    Booking,
    CallerLimits,
    Ceiling,
    Order,
    OverLimit,
    amounts_of,
    story_of,
)
from shared.storage.rows import Row, Table


class Ledger:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._booking = Booking(table)

    def write(
        self,
        entry: Entry,
        ceilings: Sequence[Ceiling] = (),
        limits: CallerLimits | None = None,
    ) -> bool:
        """Book an entry and its totals together; `entry.change` is computed here.

        False if it is already written, or if its attempt was closed in another way. Raises
        OverLimit (nothing was written), LedgerError, or RowChanged after too many conflicts (worth
        a retry).
        """
        return self._booking.book(Order(entry, tuple(ceilings), limits))

    def exchange(self, release: Entry, reserve: Entry, ceilings: Sequence[Ceiling]) -> bool:
        """Book one reservation of a video in place of another, in one transaction: so neither both
        count nor none. Both are of one day.

        Whether the new one holds now, from this call or an earlier one; False where the old one was
        closed otherwise, and nothing was written. Raises OverLimit where the ceilings have no room
        for the difference, LedgerError, or RowChanged.
        """
        booked = self._booking.book(Order(reserve, tuple(ceilings), replaces=release))
        return booked or self.is_reserved(reserve)

    def refusal(
        self,
        entry: Entry,
        ceilings: Sequence[Ceiling],
        limits: CallerLimits | None = None,
        *,
        replaces: Entry | None = None,
    ) -> OverLimit | None:
        """Why `write` would refuse a new reservation now, or `exchange` the one that `replaces`
        another; None if it would not. Writes nothing."""
        return self._booking.refusal(Order(entry, tuple(ceilings), limits, replaces))

    def is_reserved(self, entry: Entry) -> bool:
        """Whether an entry's attempt is reserved and not closed."""
        return [kind for kind, _ in story_of(self._table, entry)] == [Kind.RESERVE]

    def entries(self, month: str, video_id: str = "") -> list[Entry]:
        """All entries of a month, or those of one video, in key order."""
        prefix = f"e_{video_id}"
        return [_entry(row) for row in self._table.range(month, start=prefix, before=prefix + "~")]

    def admitted(
        self, month: str, start_ms: int, end_ms: int, *, caller: str | None, limit: int
    ) -> list[Entry]:
        """Up to `limit` entries of videos admitted in a part of a month (milliseconds since 1970,
        `end_ms` excluded), of one caller or of all: one range of keys, because a video's id begins
        with its time."""
        equal = None if caller is None else {"caller": caller}
        start, before = (f"e_video_{max(0, ms):012x}" for ms in (start_ms, end_ms))
        rows = self._table.range(month, start=start, before=before, equal=equal, limit=limit)
        return [_entry(row) for row in rows]

    def total(self, month: str, key: str) -> Amounts:
        """One total; zero if nothing was booked."""
        return amounts_of(self._table.get(month, key))

    def totals(self, month: str) -> dict[str, Amounts]:
        """All totals of a month by key."""
        rows = self._table.range(month, start="t_", before="t`")
        return {row.key: amounts_of(row) for row in rows}


def _entry(row: Row) -> Entry:
    return Entry(
        video_id=row.text("video_id"),
        caller=row.text("caller"),
        model=row.text("model"),
        deployment=row.text("deployment") or None,
        batch=row.text("batch") or None,
        day=row.text("day"),
        attempt=row.number("attempt"),
        kind=Kind(row.text("kind")),
        amount=row.number("amount_micro_usd"),
        change=amounts_of(row),
        price_version=row.text("price_version"),
        basis=row.text("basis"),
        at=row.number("at"),
        opened=row.number("opened"),
        seconds=row.number("seconds"),
        rendered_by=row.text("rendered_by") or None,
    )
