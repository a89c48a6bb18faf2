"""The table `approvals`: what a person is asked to approve, and what was approved.

All rows share a partition: they are few, short-lived, and found by an id that only those have who
were given it. An approved row is worth money, so every change of one is If-Match.
"""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.approval import Approval
from shared.storage.rows import Row, RowChanged, Table, Value
from shared.storage.videos import join_text, split_text

_PARTITION = "a"


@dataclass(frozen=True)
class StoredApproval:
    """An approval and the version of its row that the next write must match."""

    approval: Approval
    row: Row


class Approvals:
    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, approval_id: str) -> StoredApproval | None:
        row = self._table.get(_PARTITION, approval_id)
        return None if row is None else StoredApproval(_approval(row), row)

    def insert(self, approval: Approval) -> StoredApproval:
        """Raises RowExists."""
        row = self._table.insert(_PARTITION, approval.id, _columns(approval))
        return StoredApproval(approval, row)

    def replace(self, stored: StoredApproval, approval: Approval) -> StoredApproval:
        """Raises RowChanged if somebody else changed it first."""
        return StoredApproval(approval, self._table.replace(stored.row, _columns(approval)))

    def forget(self, before: float) -> int:
        """Delete what had expired `before` that time (unix seconds); returns how many."""
        gone = 0
        for row in self._table.range(_PARTITION, columns=["expires_at"]):
            if row.decimal("expires_at") < before:
                try:
                    self._table.delete(row)
                except RowChanged:
                    continue  # it was asked for again
                gone += 1
        return gone


def _columns(approval: Approval) -> dict[str, Value]:
    columns: dict[str, Value] = {
        "v": 1,
        "caller": approval.caller,
        "amount_micro_usd": approval.amount,
        "asked_at": approval.asked_at,
        "expires_at": approval.expires_at,
        "approved_by": approval.approved_by,
        "video_id": approval.video_id,
    }
    return columns | split_text("asks", json.dumps(dict(approval.asks), ensure_ascii=False))


def _approval(row: Row) -> Approval:
    asks: dict[str, Any] = json.loads(join_text("asks", row.values))
    return Approval(
        id=row.key,
        caller=row.text("caller"),
        asks=asks,
        amount=row.number("amount_micro_usd"),
        asked_at=row.decimal("asked_at"),
        expires_at=row.decimal("expires_at"),
        approved_by=row.text("approved_by") or None,
        video_id=row.text("video_id") or None,
    )
