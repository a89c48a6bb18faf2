"""Booking in Azurite: many at once, in few transactions, each judged on its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.ledger import Amounts, Entry, Kind, LedgerError
from shared.storage.accounts import Account
from shared.storage.booking import (
    CallerLimits,
    Ceiling,
    CeilingReached,
    OverLimit,
    TooFast,
    TooManyUnfinished,
    caller_total,
    day_total,
)
from shared.storage.ledger import Ledger
from shared.storage.rows import Row, Table, Write
from tests.shared.storage.test_ledger import entry

MONTH = "2026-11"
DAY = "2026-11-30"


class Counting(Table):
    """A table that counts its transactions, and can be held up."""

    def __init__(self, table: Table) -> None:
        super().__init__(table._client)
        self.sizes: list[int] = []
        self.entries = 0
        self._until: Callable[[], bool] = lambda: True

    def hold_until(self, so: Callable[[], bool]) -> None:
        """Let the next transaction begin only when it is so."""
        self._until = so

    def transact(self, partition: str, writes: Sequence[Write]) -> list[Row]:
        self.sizes.append(len(writes))
        self.entries += sum(write.key.startswith("e_") for write in writes)
        while not self._until():
            time.sleep(0.005)
        self._until = lambda: True
        return super().transact(partition, writes)


@pytest.fixture
def table(connection: str) -> Counting:
    return Counting(Account(connection=connection).table("ledger"))


def limits(**changes: Any) -> CallerLimits:
    return replace(CallerLimits(max_unfinished=-1, creates=-1, window=60.0, now=1000.0), **changes)


def refusals(ledger: Ledger, entries: Iterator[Entry] | list[Entry], **how: Any) -> list[Any]:
    """All at once: for each entry whether it was booked, or why not."""

    def write(each: Entry) -> Any:
        try:
            return ledger.write(each, **how)
        except OverLimit as refusal:
            return refusal

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(write, entries))


def test_two_hundred_at_once_against_a_ceiling_for_a_hundred(table: Counting) -> None:
    """Two apps, each with many threads, and one total."""
    apps = [Ledger(table), Ledger(table)]
    ceiling = Ceiling("budget of the day", day_total(DAY), 100 * 100)

    def write(number: int) -> bool:
        try:
            return apps[number % 2].write(entry(f"v{number}"), [ceiling])
        except CeilingReached as reached:
            assert reached.committed == 100 * 100  # noqa: PT017
            return False

    with ThreadPoolExecutor(32) as pool:
        admitted = sum(pool.map(write, range(200)))
    assert admitted == 100
    assert apps[0].total(MONTH, day_total(DAY)) == Amounts(reserved=100 * 100)
    assert len(apps[0].entries(MONTH)) == 100


def test_those_who_come_together_share_a_transaction(table: Counting) -> None:
    """Whoever comes while a transaction is under way is in the next one."""
    ledger = Ledger(table)
    table.hold_until(lambda: table.entries + len(ledger._booking._waiting) == 16)
    assert all(refusals(ledger, [entry(f"v{number}") for number in range(16)]))
    assert len(table.sizes) <= 2
    assert table.entries == 16


def test_one_transaction_never_exceeds_what_azure_takes(table: Counting) -> None:
    """A hundred orders of a hundred callers: each needs a total of its own."""
    from shared.storage.booking import Booking, Order

    booking = Booking(table)
    orders = [Order(replace(entry(f"v{n}"), caller=f"key:{n}")) for n in range(100)]
    booking._waiting = orders[1:]
    assert booking.book(orders[0])
    booking.book(Order(entry("last")))
    while not all(order.done for order in orders):
        booking.book(Order(entry(f"more{len(table.sizes)}")))
    assert all(order.booked for order in orders)
    assert max(table.sizes) <= 100
    assert len(table.sizes) >= 3


def test_one_bad_order_does_not_harm_the_others(table: Counting) -> None:
    from shared.storage.booking import Booking, Order

    booking = Booking(table)
    full = Ceiling("budget of the day", day_total(DAY), 150)
    good, again = Order(entry("good"), (full,)), Order(entry("good"), (full,))
    over = Order(entry("over"), (full,))
    orphan = Order(entry("orphan", Kind.SETTLE))
    booking._waiting = [good, over, orphan, again]
    assert booking.book(Order(entry("other")))
    assert good.booked is True
    assert isinstance(over.error, CeilingReached)
    assert isinstance(orphan.error, LedgerError)
    with pytest.raises(LedgerError):
        booking.book(Order(entry("orphan", Kind.SETTLE)))
    assert again.booked is False  # it waited for the next transaction, and found the first


def test_nobody_is_refused_on_what_is_out_of_date(connection: str) -> None:
    """Another app released what this one still counts."""
    account = Account(connection=connection)
    one, other = Ledger(account.table("ledger")), Ledger(account.table("ledger"))
    full = Ceiling("budget of the day", day_total(DAY), 100)
    assert one.write(entry("v1"), [full])
    assert other.write(entry("v1", Kind.RELEASE, 0))
    assert one.write(entry("v2"), [full])
    with pytest.raises(CeilingReached):
        other.write(entry("v3"), [full])


def test_nobody_is_refused_what_he_has_already(connection: str) -> None:
    """A repeat goes on where the first try stopped, though that one has filled every limit."""
    table = Account(connection=connection).table("ledger")
    full = Ceiling("budget of the day", day_total(DAY), 100)
    one = limits(max_unfinished=1, creates=1)
    assert Ledger(table).write(entry("v1"), [full], one)
    for app in (Ledger(table), Ledger(table)):
        assert not app.write(entry("v1"), [full], one)
        with pytest.raises(CeilingReached):
            app.write(entry("v2"), [full], one)


def test_unfinished_videos_are_counted_until_their_money_is_known(table: Counting) -> None:
    ledger = Ledger(table)
    two = limits(max_unfinished=2)
    assert ledger.write(entry("v1"), (), two)
    assert not ledger.write(entry("v1"), (), two)  # a repeat is no second video
    assert ledger.write(entry("v2"), (), two)
    with pytest.raises(TooManyUnfinished) as raised:
        ledger.write(entry("v3"), (), two)
    assert (raised.value.limit, raised.value.unfinished) == (2, 2)
    ledger.write(entry("v1", Kind.UNKNOWN))
    assert ledger.write(entry("v3"), (), two)
    ledger.write(entry("v1", Kind.SETTLE))  # it was not counted any more
    with pytest.raises(TooManyUnfinished):
        ledger.write(entry("v4"), (), two)


def test_those_of_the_month_before_count_as_well(table: Counting) -> None:
    ledger = Ledger(table)
    assert ledger.write(entry("v1"), (), limits(max_unfinished=1))
    december = replace(entry("v2"), day="2026-12-01")
    with pytest.raises(TooManyUnfinished):
        ledger.write(december, (), limits(max_unfinished=1))
    ledger.write(entry("v1", Kind.SETTLE))
    assert ledger.write(december, (), limits(max_unfinished=1))


def test_simultaneous_creates_cannot_pass_a_callers_limits_together(table: Counting) -> None:
    ledger = Ledger(table)
    found = refusals(ledger, [entry(f"v{n}") for n in range(24)], limits=limits(max_unfinished=7))
    assert sum(1 for each in found if each is True) == 7
    others = [replace(entry(f"w{n}"), caller="key:b") for n in range(24)]
    found = refusals(ledger, others, limits=limits(creates=5))
    assert sum(1 for each in found if each is True) == 5
    assert sum(1 for each in found if isinstance(each, TooFast)) == 19


def test_creates_of_a_minute_are_counted_in_every_window(table: Counting) -> None:
    ledger = Ledger(table)
    taken = []
    numbers = itertools.count()
    for now in (0.0, 10.0, 20.0, 59.0, 60.0, 65.0, 70.0, 119.0, 120.0):
        try:
            ledger.write(entry(f"v{next(numbers)}"), (), limits(creates=2, now=now))
            taken.append(now)
        except TooFast as refusal:
            assert now + refusal.retry_after in (60.0, 70.0, 120.0, 130.0)  # noqa: PT017
    assert taken == [0.0, 10.0, 60.0, 70.0, 120.0]


def test_a_closed_caller_gets_nothing(table: Counting) -> None:
    ledger = Ledger(table)
    with pytest.raises(TooFast):
        ledger.write(entry("v1"), (), limits(creates=0))
    with pytest.raises(TooManyUnfinished):
        ledger.write(entry("v1"), (), limits(max_unfinished=0))
    assert ledger.entries(MONTH) == []
    assert ledger.total(MONTH, caller_total("key:a")) == Amounts()


def exchanged(ledger: Ledger, amount: int, limit: int = 10**9, video: str = "v1") -> bool:
    """Replace the first reservation of a video by another."""
    release = entry(kind=Kind.RELEASE, amount=0, video=video)
    reserve = replace(entry(kind=Kind.RESERVE, amount=amount, video=video), attempt=2)
    return ledger.exchange(release, reserve, [Ceiling("day", day_total(release.day), limit)])


def test_an_exchange_is_one_transaction_and_counts_the_difference(table: Counting) -> None:
    ledger = Ledger(table)
    ledger.write(entry(kind=Kind.RESERVE, amount=400))
    table.sizes.clear()
    with pytest.raises(CeilingReached) as reached:
        exchanged(ledger, 501, limit=500)
    assert (reached.value.committed, reached.value.wanted) == (400, 101)
    assert ledger.total(MONTH, day_total(DAY)) == Amounts(reserved=400)
    assert exchanged(ledger, 500, limit=500) is True
    assert table.sizes == [5]  # two entries and three totals
    assert ledger.total(MONTH, day_total(DAY)) == Amounts(reserved=500)
    assert exchanged(ledger, 500, limit=0) is True  # again: it holds, and nothing is written
    assert table.sizes == [5]


def test_no_exchange_of_what_is_closed(table: Counting) -> None:
    ledger = Ledger(table)
    ledger.write(entry(kind=Kind.RESERVE, amount=400))
    ledger.write(entry(kind=Kind.SETTLE, amount=300))
    assert exchanged(ledger, 500) is False
    assert ledger.total(MONTH, day_total(DAY)) == Amounts(settled=300)


def test_less_is_exchanged_even_above_a_ceiling(table: Counting) -> None:
    ledger = Ledger(table)
    ledger.write(entry(kind=Kind.RESERVE, amount=400))
    assert exchanged(ledger, 399, limit=1) is True


def test_many_processes_exchange_one_reservation_once(connection: str) -> None:
    ledgers = [Ledger(Account(connection=connection).table("ledger")) for _ in range(6)]
    ledgers[0].write(entry(kind=Kind.RESERVE, amount=400))
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda each: exchanged(each, 500), ledgers)) == [True] * 6
    assert ledgers[0].total(MONTH, day_total(DAY)) == Amounts(reserved=500)
