"""A batch's money and states, whatever happens to its lines in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.batch import (
    Batch,
    Line,
    Outcome,
    Status,
    Stop,
    estimated_end,
    final_status,
    first_estimate,
    is_over,
    room,
    stopped,
    with_begun,
    with_ended,
)
from shared.domain.ledger import Amounts

BATCH = Batch(
    id="batch_1",
    caller="key:a",
    input_file_id="file-1",
    created_at=0,
    expires_at=1e9,
    completion_window="24h",
    status=Status.IN_PROGRESS,
    in_progress_at=0,
)


def line(number: int, price: int) -> Line:
    return Line(number=number, custom_id=str(number), planned=price, end=number * 10)


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=30),
    st.integers(0, 400),
    st.randoms(use_true_random=False),
)
def test_never_more_than_the_budget_is_set_aside_or_spent(
    prices: list[int], budget: int, random: object
) -> None:
    """Lines begin and end in any order, and cost what was set aside, or less, or nothing."""
    batch = replace(BATCH, total=len(prices), budget=budget)
    waiting = [line(number, price) for number, price in enumerate(prices, 1)]
    running: list[Line] = []
    spent = 0
    while not is_over(batch):
        assert batch.committed <= budget
        assert batch.reserved == sum(each.planned for each in running)
        begins = batch.stop is None and waiting and (not running or random.random() < 0.5)  # type: ignore[attr-defined]
        if begins:
            after = with_begun(batch, waiting[0])
            if after is None:
                assert batch.committed + waiting[0].planned > budget
                batch = stopped(batch, Stop.BUDGET)
                continue
            batch = after
            running.append(waiting.pop(0))
            assert batch.offset == running[-1].end
        else:
            ended = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
            paid = random.randint(0, ended.planned)  # type: ignore[attr-defined]
            spent += paid
            ended = replace(ended, outcome=Outcome.COMPLETED if paid else Outcome.FAILED)
            batch = with_ended(batch, ended, Amounts(settled=paid))
    assert batch.settled == batch.committed == spent <= budget
    assert batch.completed + batch.failed + batch.not_started == batch.total
    assert (batch.stop is None) == (not waiting)


def test_a_bill_beyond_the_budget_stops_the_batch() -> None:
    batch = with_begun(replace(BATCH, total=2, budget=100), line(1, 100))
    assert batch is not None
    after = with_ended(
        batch, replace(line(1, 100), outcome=Outcome.COMPLETED), Amounts(settled=101)
    )
    assert (after.committed, after.stop, after.admits) == (101, Stop.BUDGET, False)


def test_money_that_cannot_be_known_counts_against_the_budget() -> None:
    batch = with_begun(replace(BATCH, total=2, budget=150), line(1, 100))
    assert batch is not None
    after = with_ended(batch, replace(line(1, 100), outcome=Outcome.FAILED), Amounts(unknown=100))
    assert (after.unknown, after.committed) == (100, 100)
    assert with_begun(after, line(2, 51)) is None


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (None, Status.COMPLETED),
        (Stop.BUDGET, Status.COMPLETED),
        (Stop.INPUT_GONE, Status.COMPLETED),
        (Stop.CANCELLED, Status.CANCELLED),
        (Stop.EXPIRED, Status.EXPIRED),
    ],
)
def test_how_a_batch_ends(stop: Stop | None, status: Status) -> None:
    assert final_status(replace(BATCH, stop=stop)) is status


def test_the_first_reason_to_stop_stays() -> None:
    assert stopped(stopped(BATCH, Stop.BUDGET), Stop.EXPIRED).stop is Stop.BUDGET


def test_a_batch_keeps_its_deployments_busy_and_leaves_few_in_line() -> None:
    assert room(BATCH, [(2, 2)]) == 4
    assert room(BATCH, [(150, 600), (2, 2)]) == 150 + 150 + 2 + 1 + 1
    assert room(replace(BATCH, begun=3, completed=1), [(2, 2)]) == 2
    assert room(replace(BATCH, begun=9), [(2, 2)]) == 0
    assert room(replace(BATCH, max_running=1), [(2, 2)]) == 1


def test_its_end_is_estimated_before_and_while_it_runs() -> None:
    # 10 renders of 30 s, two at a time; creates take longer: 10 at 2 a minute
    assert first_estimate(10, 300.0, [(2, 2)], 1000.0, 60.0) == 1300
    assert first_estimate(10, 300.0, [(2, 60)], 1000.0, 60.0) == 1150
    assert first_estimate(10, 300.0, [], 1000.0, 60.0) is None
    begun = replace(BATCH, total=10, begun=4, first_estimate=1300)
    assert estimated_end(begun, 100.0) == 1300
    assert estimated_end(begun, 1400.0) == 1400, "never in the past"
    assert estimated_end(replace(begun, completed=2), 100.0) == 100 + 50 * 8
    budget = replace(begun, completed=2, stop=Stop.BUDGET)
    assert estimated_end(budget, 100.0) == 100 + 50 * 2, "what has not begun never will"
    assert estimated_end(replace(begun, status=Status.COMPLETED), 100.0) is None
