"""The ledger in Azurite: booked once, balanced, and ceilings exact under simultaneous writers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.domain.ledger import Amounts, Entry, Kind
from shared.storage.accounts import Account
from shared.storage.booking import Ceiling, CeilingReached, day_total, month_total
from shared.storage.ledger import Ledger


@pytest.fixture
def ledger(connection: str) -> Ledger:
    return Ledger(Account(connection=connection).table("ledger"))


def entry(video: str = "v1", kind: Kind = Kind.RESERVE, amount: int = 100) -> Entry:
    return Entry(
        video_id=video,
        caller="key:a",
        model="sora-2",
        deployment=None,
        day="2026-11-30",
        attempt=1,
        kind=kind,
        amount=amount,
        change=Amounts(),
        price_version="p",
        basis="b",
        at=1,
    )


def test_a_story_is_booked_once_in_every_total(ledger: Ledger) -> None:
    assert ledger.write(entry())
    assert not ledger.write(entry())
    assert ledger.write(entry(kind=Kind.SETTLE, amount=80))
    assert not ledger.write(entry(kind=Kind.SETTLE, amount=80))
    assert not ledger.write(entry(kind=Kind.RELEASE, amount=0))
    totals = ledger.totals("2026-11")
    assert set(totals) == {"t_m", "t_d_2026-11-30", "t_c_key:a"}
    assert set(map(repr, totals.values())) == {repr(Amounts(settled=80))}
    assert [found.kind for found in ledger.entries("2026-11", "v1")] == ["reserve", "settle"]


def test_entries_and_totals_agree(ledger: Ledger) -> None:
    for number in range(3):
        ledger.write(entry(f"v{number}"))
    ledger.write(entry("v1", Kind.UNKNOWN))
    ledger.write(entry("v2", Kind.RELEASE, 0))
    summed = Amounts()
    for found in ledger.entries("2026-11"):
        summed = summed + found.change
    assert ledger.total("2026-11", month_total()) == summed == Amounts(reserved=100, unknown=100)


def test_a_ceiling_refuses_and_writes_nothing(ledger: Ledger) -> None:
    ceiling = Ceiling("day", day_total("2026-11-30"), 150)
    ledger.write(entry("v1"), [ceiling])
    with pytest.raises(CeilingReached) as raised:
        ledger.write(entry("v2"), [ceiling])
    assert (raised.value.committed, raised.value.wanted) == (100, 100)
    assert ledger.entries("2026-11", "v2") == []
    assert ledger.total("2026-11", month_total()) == Amounts(reserved=100)


def test_simultaneous_writers_cannot_pass_a_ceiling_together(ledger: Ledger) -> None:
    ceiling = Ceiling("day", day_total("2026-11-30"), 500)

    def reserve(number: int) -> bool:
        try:
            return ledger.write(entry(f"v{number}"), [ceiling])
        except CeilingReached:
            return False

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(reserve, range(12)))
    assert admitted == 5
    assert ledger.total("2026-11", month_total()) == Amounts(reserved=500)


def test_a_settlement_belongs_to_the_day_of_the_admission(ledger: Ledger) -> None:
    ledger.write(entry())
    late = replace(entry(kind=Kind.SETTLE, amount=100), at=1_796_083_200)  # 2026-12-01
    ledger.write(late)
    assert ledger.total("2026-11", day_total("2026-11-30")) == Amounts(settled=100)
    assert ledger.totals("2026-12") == {}
