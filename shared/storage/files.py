"""The table `files`: what each caller uploaded and got, newest first (see `pages`).

The row is the truth: it is written after its blob and deleted before it. No read crosses a
partition, so another caller's id does not exist here.
"""

from collections.abc import Sequence

from shared.domain.files import File, Purpose
from shared.domain.ids import FILE, from_inverted
from shared.storage import pages
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write, as_key


class Files:
    def __init__(self, table: Table) -> None:
        self._table = table

    def insert(self, file: File) -> bool:
        """Put a file on record; False if its id is on record already."""
        try:
            pages.insert(self._table, as_key(file.caller), file.id, _columns(file))
        except RowExists:
            return False
        return True

    def get(self, caller: str, file_id: str) -> File | None:
        """One point read; None if this caller does not have the id (any more)."""
        row = self._table.get(as_key(caller), pages.row_key(file_id))
        return None if row is None else _file(caller, row)

    def list(
        self,
        caller: str,
        *,
        after: str | None,
        limit: int,
        oldest_first: bool,
        purpose: Purpose | None,
    ) -> Sequence[File]:
        """Up to `limit` files older than `after`, newest first; or newer than `after`, oldest
        first."""
        rows = pages.page(
            self._table,
            as_key(caller),
            after=after,
            limit=limit,
            oldest_first=oldest_first,
            equal={"purpose": purpose.value} if purpose else {},
        )
        return [_file(caller, row) for row in rows]

    def delete(self, file: File) -> bool:
        """Take a file off the record; False if it was not there (any more)."""
        keys = (pages.row_key(file.id), pages.pointer_key(file.id))
        try:
            self._table.transact(as_key(file.caller), [Write("remove", key, {}) for key in keys])
        except RowChanged:
            return False
        return True


def _columns(file: File) -> dict[str, Value]:
    return {
        "v": 1,
        "filename": file.filename,
        "purpose": file.purpose.value,
        "size": file.size,
        "sha256": file.sha256,
        "content_type": file.content_type,
        "created_at": file.created_at,
    }


def _file(caller: str, row: Row) -> File:
    return File(
        id=from_inverted(row.key.removeprefix(pages.SHOWN), FILE),
        caller=caller,
        filename=row.text("filename"),
        purpose=Purpose(row.text("purpose")),
        size=row.number("size"),
        sha256=row.text("sha256"),
        content_type=row.text("content_type"),
        created_at=row.number("created_at"),
    )
