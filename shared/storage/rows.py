"""Table rows with optimistic concurrency, and writes that survive a lost answer.

Every write has a fresh token in the column `write_id`. When the storage client repeats a write
whose answer was lost, the repeat fails with 409 or 412 although the first try succeeded; the token
in the stored row tells that case from a real conflict.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from azure.data.tables import TableClient

Value = str | int | float | bool | None

_TOKEN = "write_id"  # noqa: S105  # the name of a column


_NOT_IN_KEYS = re.compile(r"[/\\\\#?%~\x00-\x1f\x7f-\x9f]")


def as_key(text: str) -> str:
    """A row key for any text: characters not allowed in keys become `~` and two hex digits."""
    return _NOT_IN_KEYS.sub(lambda match: f"~{ord(match[0]):02x}", text)


class RowExists(Exception):
    """An insert met a row with the same key that somebody else wrote."""


class RowChanged(Exception):
    """A conditional write met a row that was changed or deleted in the meantime."""


@dataclass(frozen=True)
class Row:
    """One row as read: its keys, its columns, and the version that a write must match."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def number(self, name: str, default: int = 0) -> int:
        value = self.values.get(name)
        return default if value is None else int(value)

    def optional(self, name: str) -> int | None:
        """A number that may be missing."""
        return None if self.values.get(name) is None else self.number(name)

    def decimal(self, name: str, default: float = 0.0) -> float:
        value = self.values.get(name)
        return default if value is None else float(value)

    def optional_decimal(self, name: str) -> float | None:
        """A decimal that may be missing."""
        return None if self.values.get(name) is None else self.decimal(name)

    def flag(self, name: str) -> bool:
        return bool(self.values.get(name))


@dataclass(frozen=True)
class Write:
    """One operation of a transaction. `row` is the version to replace or delete; `upsert` and
    `remove` do it whatever is there, but what is removed must exist."""

    kind: Literal["insert", "replace", "delete", "upsert", "remove"]
    key: str
    values: Mapping[str, Value]
    row: Row | None = None


class Table:
    """One table. Partition and row keys must not contain / \\ # or ?."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def get(self, partition: str, key: str) -> Row | None:
        """One point read; None if there is no such row."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return _row(self._client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None

    def range(
        self,
        partition: str,
        *,
        after: str = "",
        start: str = "",
        before: str = "",
        limit: int | None = None,
        where: str | None = None,
        equal: Mapping[str, str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """Rows of one partition in key order: keys > `after`, >= `start` and < `before`.

        `where` is a further OData filter, built from constants only; `equal` filters columns by
        values, which may be any text.
        """
        filters = ["PartitionKey eq @pk"]
        parameters = {"pk": partition}
        for name, operator, bound in (("a", "gt", after), ("s", "ge", start), ("b", "lt", before)):
            if bound:
                filters.append(f"RowKey {operator} @{name}")
                parameters[name] = bound
        for number, (column, value) in enumerate((equal or {}).items()):
            filters.append(f"{column} eq @e{number}")
            parameters[f"e{number}"] = value
        if where:
            filters.append(f"({where})")
        select = None if columns is None else ["PartitionKey", "RowKey", *columns]
        pages = self._client.query_entities(
            " and ".join(filters),
            parameters=parameters,
            select=select,
            results_per_page=None if limit is None else min(limit, 1000),
        )
        return [_row(entity) for entity in islice(pages, limit)]

    def insert(self, partition: str, key: str, values: Mapping[str, Value]) -> Row:
        """Write a new row. Raises RowExists."""
        from azure.core.exceptions import ResourceExistsError

        entity = _entity(partition, key, values)
        try:
            answer = self._client.create_entity(entity)
        except ResourceExistsError:
            mine = self._if_mine(partition, key, entity[_TOKEN])
            if mine is None:
                raise RowExists(f"{partition}/{key}") from None
            return mine
        return Row(partition, key, _plain(values), answer["etag"])

    def put(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        """Write a row, whatever is there."""
        from azure.data.tables import UpdateMode

        self._client.upsert_entity(_entity(partition, key, values), mode=UpdateMode.REPLACE)

    def replace(self, row: Row, values: Mapping[str, Value]) -> Row:
        """Replace all columns of a row. Raises RowChanged unless it is still the version read."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
        from azure.data.tables import UpdateMode

        entity = _entity(row.partition, row.key, values)
        try:
            answer = self._client.update_entity(
                entity,
                mode=UpdateMode.REPLACE,
                etag=row.etag,
                match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            mine = self._if_mine(row.partition, row.key, entity[_TOKEN])
            if mine is None:
                raise RowChanged(f"{row.partition}/{row.key}") from None
            return mine
        return Row(row.partition, row.key, _plain(values), answer["etag"])

    def delete(self, row: Row) -> None:
        """Delete a row, if it still exists. Raises RowChanged if it is not the version read."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        try:
            self._client.delete_entity(
                row.partition,
                row.key,
                etag=row.etag,
                match_condition=MatchConditions.IfNotModified,
            )
        except ResourceNotFoundError:
            return
        except ResourceModifiedError:
            raise RowChanged(f"{row.partition}/{row.key}") from None

    def transact(self, partition: str, writes: Sequence[Write]) -> list[Row]:
        """All or none of the writes (at most 100, one partition). Raises RowExists if a key is
        taken, RowChanged if a version is no longer current.

        Returns the rows as written; none if the transaction succeeded but its answer was lost.
        """
        from azure.data.tables import TableTransactionError

        operations = [_operation(partition, write) for write in writes]
        try:
            answers = self._client.submit_transaction(operations)
        except TableTransactionError as error:
            if self._went_through(partition, operations):
                return []
            if error.status_code == 409:
                raise RowExists(f"{partition}: {_keys(writes)}") from None
            if error.status_code in (404, 412):
                raise RowChanged(f"{partition}: {_keys(writes)}") from None
            raise
        return [
            Row(partition, write.key, _plain(write.values), str(answer["etag"]))
            for write, answer in zip(writes, answers, strict=True)
            if write.kind not in ("delete", "remove")
        ]

    def _if_mine(self, partition: str, key: str, token: str) -> Row | None:
        row = self.get(partition, key)
        return row if row is not None and row.values.get(_TOKEN) == token else None

    def _went_through(self, partition: str, operations: Sequence[tuple[Any, ...]]) -> bool:
        for operation in operations:
            if operation[0] != "delete":
                entity = operation[1]
                return self._if_mine(partition, entity["RowKey"], entity[_TOKEN]) is not None
        return False


def discard(table: Table, partition: str, key: str) -> None:
    """Delete a row, if it exists, unless somebody changes it at the same time."""
    row = table.get(partition, key)
    if row is not None:
        with suppress(RowChanged):
            table.delete(row)


def _operation(partition: str, write: Write) -> tuple[Any, ...]:
    from azure.core import MatchConditions

    if write.kind == "insert":
        return ("create", _entity(partition, write.key, write.values))
    if write.kind == "upsert":
        return ("upsert", _entity(partition, write.key, write.values), {"mode": "replace"})
    if write.kind == "remove":
        return ("delete", {"PartitionKey": partition, "RowKey": write.key})
    assert write.row is not None, "a replace or delete names the version it read"
    condition = {"etag": write.row.etag, "match_condition": MatchConditions.IfNotModified}
    if write.kind == "delete":
        return ("delete", {"PartitionKey": partition, "RowKey": write.key}, condition)
    return ("update", _entity(partition, write.key, write.values), {"mode": "replace", **condition})


def _keys(writes: Sequence[Write]) -> str:
    return ", ".join(write.key for write in writes)


def _plain(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}


def _entity(partition: str, key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    from azure.data.tables import EdmType, EntityProperty

    entity: dict[str, Any] = {"PartitionKey": partition, "RowKey": key}
    for name, value in _plain(values).items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        entity[name] = EntityProperty(value, EdmType.INT64) if whole else value
    entity[_TOKEN] = uuid.uuid4().hex
    return entity


def _row(entity: Mapping[str, Any]) -> Row:
    values = dict(_columns(entity))
    metadata = getattr(entity, "metadata", {})
    return Row(entity["PartitionKey"], entity["RowKey"], values, str(metadata.get("etag", "")))


def _columns(entity: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    from azure.data.tables import EntityProperty

    for name, value in entity.items():
        if name not in ("PartitionKey", "RowKey"):
            yield name, value.value if isinstance(value, EntityProperty) else value
