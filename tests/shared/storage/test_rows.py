"""Rows in Azurite: conditional writes, and writes whose answer was lost."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.storage.accounts import Account
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write, as_key


@pytest.fixture
def account(connection: str) -> Account:
    return Account(connection=connection)


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
    account: Account, table: Table
) -> None:
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
