"""The audit: what balances passes, and everything that does not is named."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from local import audit

VIDEO = "video_" + "0" * 32


def entry(kind: str, amount: int, *change: int, **columns: Any) -> dict[str, Any]:
    reserved, settled, unknown, opened = change
    return {
        "PartitionKey": "2026-11",
        "RowKey": f"e_{VIDEO}_1_{kind}",
        "video_id": VIDEO,
        "caller": "key:a",
        "model": "sora-2",
        "day": "2026-11-21",
        "attempt": 1,
        "kind": kind,
        "amount_micro_usd": amount,
        "reserved_micro_usd": reserved,
        "settled_micro_usd": settled,
        "unknown_micro_usd": unknown,
        "opened": opened,
        "price_version": "p",
        "basis": "b",
        "at": 1,
        **columns,
    }


RESERVE = entry("reserve", 400, 400, 0, 0, 1)
SETTLE = entry("settle", 300, -400, 300, 0, -1)
UNKNOWN = entry("unknown", 400, -400, 0, 400, -1)


def total(key: str, *sums: int) -> dict[str, Any]:
    names = ("reserved_micro_usd", "settled_micro_usd", "unknown_micro_usd", "open")
    return {"PartitionKey": "2026-11", "RowKey": key, **dict(zip(names, sums, strict=True))}


def totals(*sums: int) -> list[dict[str, Any]]:
    return [total(key, *sums) for key in ("t_m", "t_d_2026-11-21", "t_c_key:a")]


def video(status: str = "completed", state: str = "settled", actual: int | None = 300) -> Any:
    return {
        "PartitionKey": "key:a",
        "RowKey": "d_" + "f" * 32,
        "status": status,
        "cost_state": state,
        "cost_actual_micro_usd": actual,
    }


GOOD = audit.Account([RESERVE, SETTLE, *totals(0, 300, 0, 0)], [video()], [])
WORKING = audit.Account(
    [RESERVE, *totals(400, 0, 0, 1)], [video("queued", "reserved", None)], [{"RowKey": VIDEO}]
)
NOT_KNOWN = audit.Account(
    [RESERVE, UNKNOWN, *totals(0, 0, 400, 0)], [video("failed", "unknown", None)], []
)


@pytest.mark.parametrize("account", [GOOD, WORKING, NOT_KNOWN, audit.Account([], [], [])])
def test_what_balances_passes(account: audit.Account) -> None:
    assert audit.breaches(account) == []


def test_a_deleted_video_leaves_a_closed_account() -> None:
    assert audit.breaches(audit.Account(GOOD.ledger, [], [])) == []
    left = audit.breaches(audit.Account([RESERVE, *totals(400, 0, 0, 1)], [], []))
    assert left == [f"{VIDEO}: 400 are reserved and nobody works on it"]


@pytest.mark.parametrize(
    ("ledger", "videos", "says"),
    [
        ([RESERVE, SETTLE, *totals(0, 301, 0, 0)], [video()], "add up to [0, 300, 0, 0]"),
        ([RESERVE, SETTLE, *totals(0, 300, 0, 1)], [video()], "says [0, 300, 0, 1]"),
        ([RESERVE, SETTLE, *totals(0, 300, 0, 0)[:2]], [video()], "total 2026-11/t_c_key:a"),
        ([SETTLE, *totals(-400, 300, 0, -1)], [video()], "is negative"),
        ([SETTLE, *totals(-400, 300, 0, -1)], [video()], "entries ['settle']"),
        ([RESERVE, SETTLE, UNKNOWN, *totals(0, 0, 0, 0)], [video()], "add up to (-400"),
        ([RESERVE, *totals(400, 0, 0, 1)], [video()], "400 are reserved"),
        ([RESERVE, SETTLE, *totals(0, 300, 0, 0)], [video(actual=299)], "its row says 299"),
        ([RESERVE, SETTLE, *totals(0, 300, 0, 0)], [video(state="unknown")], "says unknown"),
        ([RESERVE, SETTLE, *totals(0, 300, 0, 0)], [video(state="reserved")], "still reserved"),
        ([], [video()], "never booked"),
        (
            [RESERVE, {**SETTLE, "day": "2026-11-22"}, *totals(0, 300, 0, 0)],
            [video()],
            "on different days",
        ),
    ],
)
def test_whatever_does_not_add_up_is_named(ledger: list[Any], videos: list[Any], says: str) -> None:
    found = audit.breaches(audit.Account(ledger, videos, []))
    assert any(says in breach for breach in found), found


def of_batch(budget: int, *ledger: dict[str, Any]) -> list[str]:
    batch = {"PartitionKey": "batch_1", "RowKey": "batch", "budget": budget}
    rows = [{**row, "batch": "batch_1"} for row in ledger]
    sums = [sum(row[state] for row in rows) for state in (*audit.STATES, "opened")]
    account = audit.Account([*rows, *totals(*sums)], [], [{"RowKey": VIDEO}], [batch])
    return audit.breaches(account)


def test_a_batch_whose_budget_was_passed_is_named() -> None:
    assert of_batch(400, RESERVE) == []
    assert of_batch(399, RESERVE) == ["batch_1: 400 are committed of a budget of 399"]
    assert of_batch(300, RESERVE, SETTLE) == []
    # what an upstream settled above the reservation was never the batch's to refuse
    dearer = entry("settle", 900, -400, 900, 0, -1)
    assert of_batch(400, RESERVE, dearer) == []


def test_a_second_render_that_moved_to_a_successor_is_not_the_batchs_to_refuse() -> None:
    """Its first one failed and was billed; then its model retired. The first that moves counts."""

    def attempt(number: int, *entries: dict[str, Any], **columns: Any) -> list[dict[str, Any]]:
        return [
            {**each, **columns, "attempt": number, "RowKey": f"e_{VIDEO}_{number}_{each['kind']}"}
            for each in entries
        ]

    release = entry("release", 0, -400, 0, 0, -1)
    moved = {"basis": "moved_to_successor"}
    first = attempt(1, RESERVE, SETTLE)
    again = attempt(2, RESERVE, release)
    assert of_batch(400, *first, *again, *attempt(3, RESERVE, **moved)) == []
    waiting = attempt(1, RESERVE, release)
    assert of_batch(400, *waiting, *attempt(2, RESERVE, **moved)) == []
    passed = of_batch(399, *waiting, *attempt(2, RESERVE, **moved))
    assert passed == ["batch_1: 400 are committed of a budget of 399"]


def test_the_csv_has_every_entry_in_dollars() -> None:
    out = io.StringIO()
    odd = entry("reserve", 1, 1, 0, 0, 1, caller="=cmd()", video_id="v", RowKey="e_v")
    assert audit.export(audit.Account([*GOOD.ledger, odd], [], []), out) == 3
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    settled = next(row for row in rows if row["kind"] == "settle")
    assert (settled["amount_usd"], settled["reserved_change_usd"]) == ("0.000300", "-0.000400")
    assert "'=cmd()" in {row["caller"] for row in rows}  # no spreadsheet takes it for a formula
