"""Things of one partition that are listed page by page, newest or oldest first.

Each is two rows, written in one transaction: `d_` + inverted id has the thing (ascending keys list
the newest first), `a_` + id points to it (oldest first).
"""

from collections.abc import Iterator, Mapping

from shared.domain.ids import inverted
from shared.storage.rows import Row, Table, Value, Write

SHOWN, _POINTER = "d_", "a_"
_AFTER_SHOWN, _AFTER_POINTERS = "d`", "a`"
"""The ends of their ranges: ` follows _."""


def row_key(any_id: str) -> str:
    """The key of the row that has the thing."""
    return SHOWN + inverted(any_id)


def pointer_key(any_id: str) -> str:
    """The key of the row that points to it."""
    return _POINTER + any_id


def insert(table: Table, partition: str, any_id: str, values: Mapping[str, Value]) -> None:
    """Both rows, or RowExists."""
    table.transact(
        partition,
        [
            Write("insert", row_key(any_id), values),
            Write("insert", pointer_key(any_id), {}),
        ],
    )


def page(
    table: Table,
    partition: str,
    *,
    after: str | None,
    limit: int,
    oldest_first: bool,
    equal: Mapping[str, str],
) -> list[Row]:
    """Up to `limit` rows older than the id `after`, newest first, in one range query; or newer than
    `after`, oldest first. `equal` filters columns by values."""
    if oldest_first:
        return _oldest_first(table, partition, after, limit, equal)
    return table.range(
        partition,
        after=row_key(after) if after else "",
        start="" if after else SHOWN,
        before=_AFTER_SHOWN,
        limit=limit,
        equal=equal,
    )


def _oldest_first(
    table: Table, partition: str, after: str | None, limit: int, equal: Mapping[str, str]
) -> list[Row]:
    """The pointers, then one range; with a filter, as many of both as fill the page."""
    found: list[Row] = []
    for oldest, newest in _stretches(table, partition, after, limit):
        rows = table.range(partition, start=newest, before=oldest + "~", equal=equal)
        found += reversed(rows)
        if len(found) >= limit:
            break
    return found[:limit]


def _stretches(
    table: Table, partition: str, after: str | None, limit: int
) -> Iterator[tuple[str, str]]:
    """Keys of the oldest and the newest thing of each successive stretch."""
    last = pointer_key(after) if after else ""
    while True:
        pointers = table.range(
            partition,
            after=last,
            start="" if last else _POINTER,
            before=_AFTER_POINTERS,
            limit=limit,
            columns=(),
        )
        if not pointers:
            return
        last = pointers[-1].key
        yield _shown(pointers[0]), _shown(pointers[-1])
        if len(pointers) < limit:
            return


def _shown(pointer: Row) -> str:
    return row_key(pointer.key.removeprefix(_POINTER))
