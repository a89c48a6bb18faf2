"""Booking: ledger entries and their totals, batched into one transaction.

All bookings change the same few totals, so two concurrent transactions cannot both commit. Within a
process, the first thread books for all that wait, up to the size of one transaction. Between
processes, the versions of the totals decide, and the loser tries again.
"""

import json
import random
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.ledger import Amounts, Entry, Kind, LedgerError, change_for
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write

_CONFLICTS = 60
_MOST_OPERATIONS = 100
_KEPT = 500


@dataclass(frozen=True)
class Ceiling:
    """`limit` micro-USD for a total; `total` is the total's key, `name` what refusals call it."""

    name: str
    total: str
    limit: int


@dataclass(frozen=True)
class CallerLimits:
    """The limits of one caller; -1 is no limit. `window` is a minute, scaled."""

    max_unfinished: int
    creates: int
    window: float
    now: float


class OverLimit(Exception):
    """A reservation would pass a limit; nothing was written."""


@dataclass
class CeilingReached(OverLimit):
    ceiling: Ceiling
    committed: int
    wanted: int


@dataclass
class TooManyUnfinished(OverLimit):
    limit: int
    unfinished: int


@dataclass
class TooFast(OverLimit):
    """The next create is admitted in `retry_after` seconds."""

    limit: int
    retry_after: float


def month_total() -> str:
    return "t_m"


def day_total(day: str) -> str:
    return f"t_d_{day}"


def caller_total(caller: str) -> str:
    return f"t_c_{caller}"


def totals_of(entry: Entry) -> tuple[str, ...]:
    """The keys of the totals that an entry changes."""
    return month_total(), day_total(entry.day), caller_total(entry.caller)


@dataclass
class Order:
    """An entry to book, and the outcome. Where it `replaces` another reservation of its video, that
    is released in the same transaction, and ceilings are about the difference."""

    entry: Entry
    ceilings: tuple[Ceiling, ...] = ()
    limits: CallerLimits | None = None
    replaces: Entry | None = None
    booked: bool | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.booked is not None or self.error is not None

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (self.entry,) if self.replaces is None else (self.replaces, self.entry)

    @property
    def attempts(self) -> set[tuple[str, int]]:
        return {(entry.video_id, entry.attempt) for entry in self.entries}

    @property
    def totals(self) -> tuple[str, ...]:
        return totals_of(self.entry)


@dataclass(frozen=True)
class _Total:
    """A total while a batch changes it. `open` counts reservations without a closing entry;
    `creates` are the times of a caller's latest creates, where the caller's rate is limited."""

    amounts: Amounts = field(default_factory=Amounts)
    open: int = 0
    creates: tuple[float, ...] = ()


class Booking:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._waiting: list[Order] = []
        self._queue = threading.Lock()
        self._counter = threading.Lock()
        self._known: dict[tuple[str, str], Row | None] = {}
        """Totals as this process last wrote or read them, by month and key; guarded by `_counter`.
        A stale one makes the transaction fail, never pass."""

    def book(self, order: Order) -> bool:
        """Whether the entry was written now. Raises as `Ledger.write`."""
        with self._queue:
            self._waiting.append(order)
        while not order.done:
            with self._counter:
                if not order.done:
                    self._serve()
        if order.error is not None:
            raise order.error
        return bool(order.booked)

    def refusal(self, order: Order) -> OverLimit | None:
        """Why a new reservation would be refused now; None if it would not. Writes nothing."""
        month = order.entry.month
        totals = {key: _total_of(self._table.get(month, key)) for key in order.totals}
        outcome = self._judge(order, totals, {}, look=False)
        return outcome if isinstance(outcome, OverLimit) else None

    def _serve(self) -> None:
        """Book one batch of the waiting orders."""
        batch = self._next_batch()
        try:
            self._book(batch)
        except Exception as error:  # noqa: BLE001  # `book` raises it for each order
            for order in batch:
                if not order.done:
                    order.error = error

    def _next_batch(self) -> list[Order]:
        """The oldest orders that fit into one transaction: of one month, and one per attempt,
        because an attempt's next entry depends on those already written."""
        batch: list[Order] = []
        totals: set[str] = set()
        attempts: set[tuple[str, int]] = set()
        with self._queue:
            for order in self._waiting:
                size = len(attempts | order.attempts) + len(totals | set(order.totals))
                if order.entry.month == self._waiting[0].entry.month and (
                    attempts.isdisjoint(order.attempts) and size <= _MOST_OPERATIONS
                ):
                    batch.append(order)
                    attempts |= order.attempts
                    totals |= set(order.totals)
            taken = set(map(id, batch))
            self._waiting = [order for order in self._waiting if id(order) not in taken]
        return batch

    def _book(self, batch: list[Order]) -> None:
        month = batch[0].entry.month
        keys = sorted({key for order in batch for key in order.totals})
        repeated = False
        """Whether an entry may already be written."""
        for attempt in range(_CONFLICTS):
            fresh = not any((month, key) in self._known for key in keys)
            # Totals first: a commit against these versions proves that nobody wrote an entry of the
            # month after the story was read.
            rows = {key: self._total(month, key) for key in keys}
            totals = {key: _total_of(row) for key, row in rows.items()}
            earlier: dict[str, int] = {}
            outcomes = [self._judge(order, totals, earlier, look=repeated) for order in batch]
            refused = any(isinstance(outcome, OverLimit) for outcome in outcomes)
            if refused and not (fresh and repeated):
                # refuse only on fresh totals, and never what is already booked
                repeated = True
                self._forget(month)
                continue
            entries = [
                entry for each in outcomes if not isinstance(each, Exception) for entry in each
            ]
            try:
                if entries:
                    self._transact(month, entries, rows, totals)
            except (RowExists, RowChanged) as conflict:
                repeated = repeated or isinstance(conflict, RowExists)
                self._forget(month)
                time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 10)))  # noqa: S311
                continue
            for order, outcome in zip(batch, outcomes, strict=True):
                order.error = outcome if isinstance(outcome, Exception) else None
                order.booked = order.error is None and bool(outcome)
            return
        raise RowChanged(f"ledger {month} changes too often")

    def _judge(
        self, order: Order, totals: dict[str, _Total], earlier: dict[str, int], *, look: bool
    ) -> Sequence[Entry] | OverLimit | LedgerError:
        """The entries to write, after adding them to `totals`; none if they are already written; or
        why they cannot be. A reservation is usually the first entry of its attempt, so its story is
        read only on `look`: after a transaction that says otherwise, or before a refusal."""
        if order.replaces is not None:
            return self._judge_exchange(order, order.replaces, totals)
        entry = order.entry
        first = entry.kind is Kind.RESERVE and not look
        story = [] if first else story_of(self._table, entry)
        try:
            change = change_for(entry.kind, entry.amount, story)
        except LedgerError as error:
            return error
        if change is None:
            return ()
        if (reached := _reached(order.ceilings, totals, change.committed)) is not None:
            return reached
        if order.limits is not None:
            refusal = self._within(order.limits, entry, totals[caller_total(entry.caller)], earlier)
            if refusal is not None:
                return refusal
        opened = _opened(entry.kind, story)
        for key in order.totals:
            before = totals[key]
            creates = before.creates
            if order.limits is not None and key == caller_total(entry.caller):
                creates = _counted(creates, order.limits)
            totals[key] = _Total(before.amounts + change, before.open + opened, creates)
        return (replace(entry, change=change, opened=opened),)

    def _judge_exchange(
        self, order: Order, old: Entry, totals: dict[str, _Total]
    ) -> Sequence[Entry] | OverLimit | LedgerError:
        """The release of a reservation and the one in its place; none if that was done before, or
        if the old one was closed otherwise."""
        if story_of(self._table, order.entry):
            return ()
        try:
            released = change_for(old.kind, old.amount, story_of(self._table, old))
        except LedgerError as error:
            return error
        if released is None:
            return ()
        reserved = Amounts(reserved=order.entry.amount)
        more = reserved.committed + released.committed
        if more > 0 and (reached := _reached(order.ceilings, totals, more)) is not None:
            return reached
        for key in order.totals:
            before = totals[key]
            totals[key] = replace(before, amounts=before.amounts + released + reserved)
        return (
            replace(old, change=released, opened=-1),  # whoever waits has no bill that is unknown
            replace(order.entry, change=reserved, opened=1),
        )

    def _within(
        self, limits: CallerLimits, entry: Entry, total: _Total, earlier: dict[str, int]
    ) -> OverLimit | None:
        if limits.creates >= 0:
            recent = sorted(at for at in total.creates if at > limits.now - limits.window)
            if len(recent) >= limits.creates:
                since = recent[len(recent) - limits.creates] if limits.creates else limits.now
                return TooFast(limits.creates, max(0.0, since + limits.window - limits.now))
        if limits.max_unfinished >= 0:
            if entry.caller not in earlier:
                # some of last month's may be left; their number only falls
                key = caller_total(entry.caller)
                last = self._table.get(_month_before(entry.month), key)
                earlier[entry.caller] = max(0, _total_of(last).open)
            unfinished = max(0, total.open) + earlier[entry.caller]
            if unfinished >= limits.max_unfinished:
                return TooManyUnfinished(limits.max_unfinished, unfinished)
        return None

    def _total(self, month: str, key: str) -> Row | None:
        if (month, key) not in self._known:
            self._known[month, key] = self._table.get(month, key)
        return self._known[month, key]

    def _forget(self, month: str) -> None:
        self._known = {key: row for key, row in self._known.items() if key[0] != month}

    def _transact(
        self,
        month: str,
        entries: Sequence[Entry],
        rows: Mapping[str, Row | None],
        totals: Mapping[str, _Total],
    ) -> None:
        writes = [Write("insert", key_of(entry), entry_columns(entry)) for entry in entries]
        changed = sorted({key for entry in entries for key in totals_of(entry)})
        for key in changed:
            row = rows[key]
            columns = _total_columns(totals[key])
            writes.append(Write("insert" if row is None else "replace", key, columns, row))
        written = self._table.transact(month, writes)
        if len(self._known) > _KEPT:
            self._known = {}
        for key in changed:
            self._known.pop((month, key), None)
        for row in written:
            if row.key in totals:
                self._known[month, row.key] = row


def story_of(table: Table, entry: Entry) -> list[tuple[Kind, int]]:
    """Kinds and amounts of the entries already booked for an entry's attempt."""
    prefix = f"e_{entry.video_id}_{entry.attempt}_"
    rows = table.range(entry.month, start=prefix, before=prefix + "~")
    return [(Kind(row.text("kind")), row.number("amount_micro_usd")) for row in rows]


def key_of(entry: Entry) -> str:
    return f"e_{entry.video_id}_{entry.attempt}_{entry.kind}"


def amounts_of(row: Row | None) -> Amounts:
    """A total, or an entry's change; zero without a row."""
    if row is None:
        return Amounts()
    return Amounts(
        reserved=row.number("reserved_micro_usd"),
        settled=row.number("settled_micro_usd"),
        unknown=row.number("unknown_micro_usd"),
    )


def entry_columns(entry: Entry) -> dict[str, Value]:
    return {
        "v": 1,
        "video_id": entry.video_id,
        "caller": entry.caller,
        "model": entry.model,
        "deployment": entry.deployment,
        "batch": entry.batch,
        "day": entry.day,
        "attempt": entry.attempt,
        "kind": entry.kind.value,
        "amount_micro_usd": entry.amount,
        "price_version": entry.price_version,
        "basis": entry.basis,
        "at": entry.at,
        "seconds": entry.seconds,
        "rendered_by": entry.rendered_by,
        "opened": entry.opened,
        **_amount_columns(entry.change),
    }


def _reached(
    ceilings: Iterable[Ceiling], totals: Mapping[str, _Total], wanted: int
) -> CeilingReached | None:
    """The first ceiling that a change of so many micro-USD would pass."""
    for ceiling in ceilings:
        committed = totals[ceiling.total].amounts.committed
        if committed + wanted > ceiling.limit:
            return CeilingReached(ceiling, committed, wanted)
    return None


def _opened(kind: Kind, story: Iterable[tuple[Kind, int]]) -> int:
    """How an entry changes the number of open reservations."""
    if kind is Kind.RESERVE:
        return 1
    return 0 if Kind.UNKNOWN in dict(story) else -1


def _counted(creates: tuple[float, ...], limits: CallerLimits) -> tuple[float, ...]:
    """A caller's creates within the window, with one more."""
    if limits.creates < 0:
        return ()
    recent = [at for at in creates if at > limits.now - limits.window]
    return (*recent, limits.now)


def _total_of(row: Row | None) -> _Total:
    if row is None:
        return _Total()
    creates = tuple(float(at) for at in json.loads(row.text("creates", "[]")))
    return _Total(amounts_of(row), row.number("open"), creates)


def _total_columns(total: _Total) -> dict[str, Value]:
    creates = json.dumps(total.creates) if total.creates else None
    return {**_amount_columns(total.amounts), "open": total.open, "creates": creates}


def _amount_columns(amounts: Amounts) -> dict[str, Value]:
    return {
        "reserved_micro_usd": amounts.reserved,
        "settled_micro_usd": amounts.settled,
        "unknown_micro_usd": amounts.unknown,
    }


def _month_before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}"
