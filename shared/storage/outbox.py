"""The table `outbox`: deliveries, pending and done.

    PartitionKey subject (video id)   RowKey delivery id                  the delivery
    PartitionKey `due`                RowKey due time + `_` + delivery id  a pointer to it
    PartitionKey `gone`               RowKey of a receiver                 it answered 410: disabled

A delivery keeps its row, so a second insert is noticed. Each pending one has a pointer under its
due time; the sweep reads only these. Pointers are hints: one that disagrees with its delivery is
corrected or deleted, and the old one is deleted last, so none is ever missing.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain.announcement import Announcement, Delivery, DeliveryState, Name
from shared.domain.text import plain
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value, Write, as_key, discard
from shared.storage.videos import join_text, split_text

_DUE = "due"
_GONE = "gone"
_CONFLICTS = 5


@dataclass(frozen=True)
class StoredDelivery:
    """A delivery and the version of its row that the next write must match."""

    delivery: Delivery
    row: Row


class Outbox:
    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, deliveries: Sequence[Delivery]) -> bool:
        """Put the deliveries of one announcement on record; False if they already are."""
        subject = as_key(deliveries[0].announcement.subject)
        writes = [Write("insert", as_key(each.id), _columns(each)) for each in deliveries]
        try:
            self._table.transact(subject, writes)
        except RowExists:
            # the first writer may have died before it wrote the pointers
            for each in deliveries:
                stored = self.get(each.announcement.subject, each.id)
                if stored is not None:
                    self._point(stored.delivery)
            return False
        for each in deliveries:
            self._point(each)
        return True

    def get(self, subject: str, delivery_id: str) -> StoredDelivery | None:
        row = self._table.get(as_key(subject), as_key(delivery_id))
        return None if row is None else StoredDelivery(_delivery(row), row)

    def of(self, subject: str) -> list[StoredDelivery]:
        """Every delivery about a video, oldest first."""
        rows = self._table.range(as_key(subject))
        stored = [StoredDelivery(_delivery(row), row) for row in rows]
        return sorted(stored, key=lambda one: (one.delivery.created_ms, one.delivery.id))

    def forget(self, subject: str, *, pending: bool = False) -> None:
        """Delete a video's deliveries; pending ones when they are done, or now with `pending`.
        Their pointers are deleted when they fall due."""
        for stored in self.of(subject):
            for _ in range(_CONFLICTS):
                current = self.get(subject, stored.delivery.id)
                if current is None:
                    break
                with suppress(RowChanged):
                    if pending or current.delivery.state is not DeliveryState.PENDING:
                        self._table.delete(current.row)
                    else:
                        marked = replace(current.delivery, forget=True)
                        self._table.replace(current.row, _columns(marked))
                    break

    def replace(self, stored: StoredDelivery, delivery: Delivery) -> StoredDelivery:
        """Write the changed delivery. Raises RowChanged if somebody else changed it first."""
        self._point(delivery)
        if delivery.forget and delivery.state is not DeliveryState.PENDING:
            self._table.delete(stored.row)
            discard(self._table, _DUE, _pointer_key(stored.delivery))
            return StoredDelivery(delivery, stored.row)
        row = self._table.replace(stored.row, _columns(delivery))
        if delivery.due_ms != stored.delivery.due_ms or delivery.state != DeliveryState.PENDING:
            discard(self._table, _DUE, _pointer_key(stored.delivery))
        return StoredDelivery(delivery, row)

    def due(
        self, before_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> list[StoredDelivery]:
        """Pending deliveries that are due, the longest overdue first, except those to the targets
        `without`. Corrects pointers that disagree with their deliveries."""
        overdue = []
        where = " and ".join(f"target ne '{target}'" for target in without)
        pointers = self._table.range(
            _DUE, before=_time(before_ms), where=where or None, limit=limit
        )
        for pointer in pointers:
            stored = self.get(pointer.text("subject"), pointer.text("delivery"))
            if stored is not None and pointer.key == _pointer_key(stored.delivery):
                if stored.delivery.state is DeliveryState.PENDING:
                    overdue.append(stored)
                    continue
            elif stored is not None:
                self._point(stored.delivery)
            with suppress(RowChanged):
                self._table.delete(pointer)
        return overdue

    def is_gone(self, receiver: str) -> bool:
        """Whether a receiver is disabled: it answered 410."""
        return self._table.get(_GONE, receiver) is not None

    def set_gone(self, receiver: str, *, gone: bool) -> None:
        if not gone:
            discard(self._table, _GONE, receiver)
        elif not self.is_gone(receiver):
            with suppress(RowExists):
                self._table.insert(_GONE, receiver, {})

    def _point(self, delivery: Delivery) -> None:
        if delivery.state is DeliveryState.PENDING:
            pointer: dict[str, Value] = {
                "subject": delivery.announcement.subject,
                "delivery": delivery.id,
                "target": delivery.target,
            }
            with suppress(RowExists):
                self._table.insert(_DUE, _pointer_key(delivery), pointer)


def _time(milliseconds: int) -> str:
    return f"{milliseconds:015d}"


def _pointer_key(delivery: Delivery) -> str:
    return f"{_time(delivery.due_ms)}_{as_key(delivery.id)}"


def _columns(delivery: Delivery) -> dict[str, Value]:
    announcement = delivery.announcement
    columns: dict[str, Value] = {
        "v": 1,
        "event_id": announcement.id,
        "name": announcement.name.value,
        "subject": announcement.subject,
        "at": announcement.at,
        "target": delivery.target,
        "state": delivery.state.value,
        "created_ms": delivery.created_ms,
        "due_ms": delivery.due_ms,
        "give_up_ms": delivery.give_up_ms,
        "attempts": delivery.attempts,
        "last_attempt_ms": delivery.last_attempt_ms,
        "delivered_ms": delivery.delivered_ms,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "forget": delivery.forget,
    }
    data = json.dumps(announcement.data, ensure_ascii=False)
    return columns | split_text("data", plain(data))


def _delivery(row: Row) -> Delivery:
    announcement = Announcement(
        id=row.text("event_id"),
        name=Name(row.text("name")),
        subject=row.text("subject"),
        at=row.number("at"),
        data=json.loads(join_text("data", row.values)),
    )
    return Delivery(
        announcement=announcement,
        target=row.text("target"),
        state=DeliveryState(row.text("state")),
        created_ms=row.number("created_ms"),
        due_ms=row.number("due_ms"),
        give_up_ms=row.number("give_up_ms"),
        attempts=row.number("attempts"),
        last_attempt_ms=row.optional("last_attempt_ms"),
        delivered_ms=row.optional("delivered_ms"),
        last_status=row.optional("last_status"),
        last_error=row.text("last_error") or None,
        forget=row.flag("forget"),
    )
