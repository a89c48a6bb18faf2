"""Rows in Azurite: conditional writes, and writes whose answer was lost. Tables in memory, which
other tests have instead, do the same."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from shared.storage.accounts import Account
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write, as_key
from tests.support.memory import MemoryAccount


@pytest.fixture(params=["azurite", "memory"])
def account(request: pytest.FixtureRequest) -> Account:
    if request.param == "memory":
        return MemoryAccount("")
    return Account(connection=request.getfixturevalue("connection"))


@pytest.fixture
def table(account: Account) -> Table:
    return account.table("work")


def test_values_come_back_as_they_went(table: Table) -> None:
    values: dict[str, Value] = {
        "text": "ünï",
        "large": 2**40,
        "small": 1,
        "half": 0.5,
        "yes": True,
        "none": None,
    }
    table.insert("p", "k", values)
    row = table.get("p", "k")
    assert row is not None
    assert (row.text("text"), row.number("large"), row.number("small")) == ("ünï", 2**40, 1)
    assert (row.decimal("half"), row.flag("yes"), "none" in row.values) == (0.5, True, False)


def test_a_key_is_inserted_once(table: Table) -> None:
    table.insert("p", "k", {"a": 1})
    with pytest.raises(RowExists):
        table.insert("p", "k", {"a": 2})
    found = table.get("p", "k")
    assert found is not None
    assert found.number("a") == 1


def test_only_the_version_that_was_read_is_replaced_or_deleted(table: Table) -> None:
    first = table.insert("p", "k", {"a": 1})
    second = table.replace(first, {"a": 2})
    with pytest.raises(RowChanged):
        table.replace(first, {"a": 3})
    with pytest.raises(RowChanged):
        table.delete(first)
    table.delete(second)
    table.delete(second)  # gone already: fine
    assert table.get("p", "k") is None
    with pytest.raises(RowChanged):
        table.replace(second, {"a": 4})


def test_replacing_drops_columns_that_are_not_given(table: Table) -> None:
    row = table.insert("p", "k", {"a": 1, "b": 2})
    table.replace(row, {"a": 1})
    found = table.get("p", "k")
    assert found is not None
    assert "b" not in found.values


def test_a_transaction_is_all_or_nothing(table: Table) -> None:
    stale = table.insert("p", "a", {"n": 1})
    table.replace(stale, {"n": 2})
    with pytest.raises(RowChanged):
        table.transact(
            "p", [Write("insert", "b", {"n": 1}), Write("replace", "a", {"n": 3}, stale)]
        )
    assert table.get("p", "b") is None
    with pytest.raises(RowExists):
        table.transact("p", [Write("insert", "c", {}), Write("insert", "a", {})])
    assert table.get("p", "c") is None


def test_ranges_are_in_key_order_and_within_their_bounds(table: Table) -> None:
    for key in ("b", "a", "d", "c"):
        table.insert("p", key, {"odd": key in "ac"})
    table.insert("other", "a", {})

    def keys(**bounds: Any) -> list[str]:
        return [row.key for row in table.range("p", **bounds)]

    assert keys() == ["a", "b", "c", "d"]
    assert keys(after="a", before="d") == ["b", "c"]
    assert keys(start="b", limit=2) == ["b", "c"]
    assert keys(where="odd eq true") == ["a", "c"]
    assert keys(after="a", start="a", limit=1) == ["b"]
    assert keys(start="c", before="c") == []


def test_rows_are_found_by_what_is_in_their_columns(table: Table) -> None:
    table.insert("p", "a", {"n": 1, "at": 1.5, "text": "it's", "yes": True})
    table.insert("p", "b", {"n": 2**40, "at": 2.0, "text": "B"})
    table.insert("p", "c", {"at": None})

    def keys(where: str, **equal: str) -> list[str]:
        return [row.key for row in table.range("p", where=where or None, equal=equal)]

    assert keys("n gt 0L") == ["a", "b"]
    assert keys(f"n eq {2**40}L") == ["b"]
    assert keys("at lt 1.600000") == ["a"]
    assert keys("(text eq 'B' and at lt 3.000000) or (yes eq true and n gt 5L)") == ["b"]
    assert keys("text ne 'B'") == keys("", text="it's") == ["a"]
    assert keys("n gt 0L", text="none") == []


def test_a_row_has_the_columns_that_were_asked_for(table: Table) -> None:
    table.insert("p", "a", {"one": 1, "two": "2"})
    (row,) = table.range("p", columns=["two", "three"])
    assert (row.key, dict(row.values)) == ("a", {"two": "2"})
    assert table.replace(row, {"one": 2}).number("one") == 2, "it has its version too"


def test_whatever_is_there_is_written_over_and_what_is_removed_must_be_there(table: Table) -> None:
    table.put("p", "a", {"n": 1})
    table.put("p", "a", {"m": 2})
    found = table.get("p", "a")
    assert found is not None
    assert (found.number("n"), found.number("m")) == (0, 2)
    table.transact("p", [Write("upsert", "a", {"n": 3}), Write("upsert", "b", {})])
    with pytest.raises(RowChanged):
        table.transact("p", [Write("remove", "a", {}), Write("remove", "c", {})])
    assert [row.key for row in table.range("p")] == ["a", "b"]
    table.transact("p", [Write("remove", "a", {}), Write("insert", "d", {})])
    assert [row.key for row in table.range("p")] == ["b", "d"]
    with pytest.raises(RowChanged):
        table.transact("p", [Write("insert", "e", {}), Write("delete", "a", {}, found)])
    assert table.get("p", "e") is None


def test_a_transaction_writes_what_single_writes_do(table: Table) -> None:
    """Whatever is in keys and values; and each row is returned with its own version."""
    values: dict[str, Value] = {
        "text": 'ünï\r\nHTTP/1.1 500 "quoted" 🦊',
        "empty": "",
        "large": -(2**62),
        "small": 1,
        "half": 0.5,
        "whole": 2.0,
        "endless": float("inf"),
        "yes": True,
        "none": None,
    }
    partition, keys = "key:o'neill & ü", ["a", "it's", "sp ace+%41", "d"]
    one, gone, *_ = [table.insert(partition, key, values) for key in keys[:2]]
    written = table.transact(
        partition,
        [
            Write("insert", keys[2], values),
            Write("delete", gone.key, {}, gone),
            Write("replace", one.key, {**values, "small": 2}, one),
            Write("insert", keys[3], {}),
        ],
    )
    assert [row.key for row in written] == [keys[2], keys[0], keys[3]]
    assert table.get(partition, gone.key) is None
    for row in written:
        found = table.get(partition, row.key)
        assert found is not None
        assert found.etag == row.etag
        assert {**found.values, "write_id": None} == {**row.values, "write_id": None}
    assert table.get(partition, keys[2]).values["text"] == values["text"]  # type: ignore[union-attr]


def test_a_transaction_that_storage_cannot_take_is_a_fault_of_storage(table: Table) -> None:
    with pytest.raises(HttpResponseError):
        table.transact("p", [Write("insert", "a", {}), Write("insert", "b", {"n": "x" * 40_000})])
    assert table.get("p", "a") is None
    with pytest.raises(HttpResponseError):
        table.transact("p", [Write("insert", "a", {}), Write("insert", "a", {})])
    with pytest.raises(HttpResponseError):
        table.insert("p", "a", {"n": "🦊" * 20_000})
    assert table.range("p") == []


class LosesAnswers:
    """A client whose writes go through once while the answer is lost and the write repeated."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._client, name)
        if name not in ("create_entity", "update_entity", "submit_transaction"):
            return method

        def twice(*args: Any, **extra: Any) -> Any:
            method(*args, **extra)
            return method(*args, **extra)

        return twice


def test_a_repeated_write_whose_first_answer_was_lost_counts_as_written(
    connection: str,
) -> None:
    account = Account(connection=connection)
    table = account.table("work")
    lossy = Table(LosesAnswers(account.tables.get_table_client("work")))  # type: ignore[arg-type]
    row = lossy.insert("p", "k", {"a": 1})
    row = lossy.replace(row, {"a": 2})
    lossy.transact("p", [Write("replace", "k", {"a": 3}, row), Write("insert", "l", {})])
    found = table.get("p", "k")
    assert found is not None
    assert found.number("a") == 3
    assert isinstance(table.get("p", "l"), Row)


@pytest.mark.parametrize("text", ["plain-id_1", "a/b\\c#d?e%f~g", "tab\there", ""])
def test_any_text_makes_a_key(table: Table, text: str) -> None:
    table.insert("p", as_key(text), {"text": text})
    found = table.get("p", as_key(text))
    assert found is not None
    assert found.text("text") == text


def test_different_texts_make_different_keys() -> None:
    assert len({as_key(text) for text in ("a/b", "a~2fb", "a~b", "a?b")}) == 4
