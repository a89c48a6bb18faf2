"""What is learned of renders: kept for a while, never written over another's lesson."""

import pytest

from shared.domain.latency import UNLEARNED, dumps, observe
from shared.storage.accounts import Account
from shared.storage.latencies import Latencies
from shared.storage.rows import RowChanged, Table

KIND = "sora-2 1280x720 12 s text"


@pytest.fixture
def table(connection: str) -> Table:
    return Account(connection=connection).table("latencies")


def test_what_one_process_learned_another_reads(table: Table) -> None:
    one, other = Latencies(table), Latencies(table)
    nothing = one.get("east", KIND, now=0, fresh=60)
    assert nothing.sketch is None
    learned = observe(UNLEARNED, 130)
    one.replace(nothing, learned, now=0)
    assert other.get("east", KIND, now=0, fresh=60).sketch == learned
    assert other.get("west", KIND, now=0, fresh=60).sketch is None
    assert other.get("east", KIND + " x 2", now=0, fresh=60).sketch is None


def test_a_read_is_kept_for_as_long_as_it_is_fresh(table: Table) -> None:
    one, other = Latencies(table), Latencies(table)
    early = other.get("east", KIND, now=100, fresh=60)
    learned = observe(UNLEARNED, 130)
    one.replace(one.get("east", KIND, now=100, fresh=60), learned, now=100)
    assert other.get("east", KIND, now=159, fresh=60) is early
    assert other.get("east", KIND, now=160, fresh=60).sketch == learned
    # a clock that was set back makes nothing fresh
    assert other.get("east", KIND, now=50, fresh=60) is not early


def test_of_two_writes_on_one_version_the_second_finds_out(table: Table) -> None:
    one, other = Latencies(table), Latencies(table)
    for _ in range(2):  # an insert, then a replace
        old, stale = (each.get("east", KIND, now=0, fresh=0) for each in (one, other))
        first = observe(old.sketch or UNLEARNED, 130)
        one.replace(old, first, now=0)
        with pytest.raises(RowChanged):
            other.replace(stale, observe(UNLEARNED, 7), now=0)
        assert other.get("east", KIND, now=0, fresh=60).sketch == first


@pytest.mark.parametrize("text", ["[9]", "[1,[1.0,4.7622,1.13,5.0,0.3125]]"])
def test_a_row_of_another_release_is_learned_anew(table: Table, text: str) -> None:
    table.insert("east", KIND, {"v": 1, "sketch": text})
    latencies = Latencies(table)
    found = latencies.get("east", KIND, now=0, fresh=60)
    assert found.sketch is None
    learned = latencies.replace(found, observe(UNLEARNED, 130), now=0)
    assert learned.row is not None
    assert learned.row.text("sketch") == dumps(observe(UNLEARNED, 130))
