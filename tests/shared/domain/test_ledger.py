"""The ledger's stories: whatever is written how often, a video is booked exactly once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ledger import Amounts, Kind, LedgerError, change_for

kinds = st.sampled_from([Kind.SETTLE, Kind.RELEASE, Kind.UNKNOWN])


@given(st.integers(0, 10**9), st.lists(st.tuples(kinds, st.integers(0, 10**9)), max_size=8))
def test_any_order_of_writes_balances(reserved: int, writes: list[tuple[Kind, int]]) -> None:
    story = [(Kind.RESERVE, reserved)]
    total = change_for(Kind.RESERVE, reserved, [])
    assert total is not None
    for kind, amount in writes:
        booked = reserved if kind is Kind.UNKNOWN else amount
        change = change_for(kind, booked, story)
        if change is not None:
            total = total + change
            story.append((kind, booked))
    closed = [kind for kind, _ in story if kind in (Kind.SETTLE, Kind.RELEASE)]
    assert len(closed) <= 1
    assert min(total.reserved, total.settled, total.unknown) >= 0
    if len(story) > 1:
        assert total.reserved == 0
    if closed:
        assert total.unknown == 0
        assert total.settled == dict(story).get(Kind.SETTLE, 0)


def test_closing_what_was_never_reserved_is_a_fault() -> None:
    with pytest.raises(LedgerError):
        change_for(Kind.SETTLE, 5, [])


def test_a_total_is_the_sum_of_its_entries() -> None:
    first = Amounts(reserved=5)
    assert first + Amounts(reserved=-5, settled=3) == Amounts(settled=3)
    assert Amounts(reserved=1, settled=2, unknown=4).committed == 7
