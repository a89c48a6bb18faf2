"""The task hub's tables, in SQLite: a file that survives ``kill -9``, or memory.

Everything that is owed to somebody is a row (messages, activities, timers, operations on
entities), so taking up work after a crash is reading the tables. History rows are appended, and
rewritten by a rewind only. One thread uses a store; every change happens inside ``transaction``.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from . import schema
from .engine import Instance, InstanceQuery, RuntimeStatus

_INSTANCE_COLUMNS = (
    "instance_id, execution_id, name, version, status, input, output, custom_status, created_at,"
    " updated_at, parent_instance_id, parent_execution_id, parent_sequence, generation"
)


class Queue(StrEnum):
    """The tables that are queues."""

    INBOX = "inbox"
    ACTIVITIES = "activities"
    OPERATIONS = "operations"


class StoreError(Exception):
    """The state directory cannot be used: in use by another host, or of another version."""


class Store:
    """SQL and nothing else: what rows mean is the task hub's business."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the database; None keeps it in memory.

        Raises ``StoreError``.
        """
        self.outlives = path is not None
        """Whether what is stored is still there after the process has ended."""
        # Opened where the host starts, used by the engine's thread only.
        self._db = sqlite3.connect(
            str(path) if path else ":memory:",
            isolation_level=None,
            check_same_thread=False,
            timeout=0.2,
            cached_statements=256,
        )
        try:
            # Exclusive: a second host on the same directory fails at once instead of interleaving.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # Without a power cut nothing committed is lost; a killed process loses nothing at all.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            self._create_tables()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db.close()
            raise StoreError(f"cannot use {path}: {error} (is another host using it?)") from error
        except StoreError:
            self._db.close()
            raise

    def _create_tables(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == schema.VERSION:
            return
        if version != 0:
            raise StoreError(
                f"the state is of version {version}, this host writes version {schema.VERSION}:"
                " use an empty state directory"
            )
        for statement in schema.TABLES.split(";"):
            if statement.strip():
                self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {schema.VERSION}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block changes, or nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Within a transaction: undo only this block when it raises."""
        self._db.execute("SAVEPOINT command")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO command")
            self._db.execute("RELEASE command")
            raise
        self._db.execute("RELEASE command")

    # instances

    def instance(self, instance_id: str) -> Instance | None:
        row = self._db.execute(
            f"SELECT {_INSTANCE_COLUMNS} FROM instances WHERE instance_id = ?",  # noqa: S608
            (instance_id,),
        ).fetchone()
        return _instance(row) if row else None

    def instances(self, query: InstanceQuery) -> list[Instance]:
        """One page, ordered by id."""
        where: list[str] = ["instance_id > ?"]
        values: list[str | int] = [query.after]
        if query.id_prefix:
            where.append("substr(instance_id, 1, ?) = ?")
            values += [len(query.id_prefix), query.id_prefix]
        if query.created_from:
            where.append("created_at >= ?")
            values.append(query.created_from)
        if query.created_to:
            where.append("created_at <= ?")
            values.append(query.created_to)
        if query.statuses:
            where.append(f"status IN ({', '.join('?' * len(query.statuses))})")
            values += [str(status) for status in query.statuses]
        rows = self._db.execute(
            f"SELECT {_INSTANCE_COLUMNS} FROM instances WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY instance_id LIMIT ?",
            (*values, query.page_size),
        )
        return [_instance(row) for row in rows]

    def put_instance(self, instance: Instance) -> None:
        """Insert the instance or replace it."""
        marks = ", ".join("?" * 14)
        self._db.execute(
            f"INSERT OR REPLACE INTO instances ({_INSTANCE_COLUMNS}) VALUES ({marks})",  # noqa: S608
            (
                instance.instance_id,
                instance.execution_id,
                instance.name,
                instance.version,
                str(instance.status),
                instance.input,
                instance.output,
                instance.custom_status,
                instance.created_at,
                instance.updated_at,
                instance.parent_instance_id,
                instance.parent_execution_id,
                instance.parent_sequence,
                instance.generation,
            ),
        )

    def delete_instance(self, instance_id: str) -> None:
        """Forget the instance and what was taken for it; what is on its way still arrives."""
        self.clear_history(instance_id)
        self.clear_inbox(instance_id)
        self.clear_timers(instance_id)
        self._db.execute("DELETE FROM instances WHERE instance_id = ?", (instance_id,))

    # history

    def history(self, instance_id: str) -> list[str]:
        rows = self._db.execute(
            "SELECT event FROM history WHERE instance_id = ? ORDER BY position", (instance_id,)
        )
        return [event for (event,) in rows]

    def append_history(self, instance_id: str, length: int, events: Sequence[str]) -> None:
        """Append after the ``length`` events that are there."""
        self._db.executemany(
            "INSERT INTO history (instance_id, position, event) VALUES (?, ?, ?)",
            [(instance_id, length + offset, event) for offset, event in enumerate(events)],
        )

    def replace_event(self, instance_id: str, position: int, event: str) -> None:
        self._db.execute(
            "UPDATE history SET event = ? WHERE instance_id = ? AND position = ?",
            (event, instance_id, position),
        )

    def clear_history(self, instance_id: str) -> None:
        self._db.execute("DELETE FROM history WHERE instance_id = ?", (instance_id,))

    # queues

    def take(self, queue: Queue, row: int, until: str) -> None:
        """Hide a row from other hosts until then."""
        self._db.execute(
            f"UPDATE {queue} SET taken = 1, visible_at = ? WHERE id = ?",  # noqa: S608
            (until, row),
        )

    def renew(self, queue: Queue, until: str) -> None:
        """Hide all that was taken for longer."""
        self._db.execute(f"UPDATE {queue} SET visible_at = ? WHERE taken", (until,))  # noqa: S608

    def left_behind(self, queue: Queue) -> list[tuple[str, int]]:
        """What a former host left, as (visible at, id); nothing of it is taken any more."""
        self._db.execute(f"UPDATE {queue} SET taken = 0")  # noqa: S608
        return self._db.execute(f"SELECT visible_at, id FROM {queue}").fetchall()  # noqa: S608

    def owner(self, queue: Queue, row: int) -> str | None:
        """The instance or entity that a message or operation is for; None if it is gone."""
        column = "instance_id" if queue is Queue.INBOX else "entity_id"
        found = self._db.execute(
            f"SELECT {column} FROM {queue} WHERE id = ?",  # noqa: S608
            (row,),
        ).fetchone()
        return found[0] if found else None

    # messages to instances

    def inbox(self, instance_id: str) -> list[tuple[int, str | None, str]]:
        """What was taken, in rows of (id, execution id, event), oldest first."""
        return self._db.execute(
            "SELECT id, execution_id, event FROM inbox WHERE instance_id = ? AND taken ORDER BY id",
            (instance_id,),
        ).fetchall()

    def has_messages(self, instance_id: str) -> bool:
        query = "SELECT 1 FROM inbox WHERE instance_id = ? AND taken LIMIT 1"
        return self._db.execute(query, (instance_id,)).fetchone() is not None

    def put_message(
        self,
        instance_id: str,
        execution_id: str | None,
        event: str,
        visible_at: str = "",
        *,
        is_taken: bool = False,
    ) -> int:
        cursor = self._db.execute(
            "INSERT INTO inbox (instance_id, execution_id, event, visible_at, taken)"
            " VALUES (?, ?, ?, ?, ?)",
            (instance_id, execution_id, event, visible_at, is_taken),
        )
        return _inserted(cursor)

    def delete_messages(self, ids: Iterable[int]) -> None:
        self._db.executemany("DELETE FROM inbox WHERE id = ?", [(row,) for row in ids])

    def clear_inbox(self, instance_id: str) -> None:
        """Drop what was taken."""
        self._db.execute("DELETE FROM inbox WHERE instance_id = ? AND taken", (instance_id,))

    # activities

    def put_activity(
        self, instance_id: str, execution_id: str, sequence: int, name: str, arguments: str | None
    ) -> int:
        cursor = self._db.execute(
            "INSERT INTO activities"
            " (instance_id, execution_id, sequence, name, input, visible_at, taken)"
            " VALUES (?, ?, ?, ?, ?, '', 0)",
            (instance_id, execution_id, sequence, name, arguments),
        )
        return _inserted(cursor)

    def activity(self, work_id: int) -> tuple[str, str, int, str, str | None] | None:
        """(instance id, execution id, sequence, name, input), or None when it is no longer owed."""
        row: tuple[str, str, int, str, str | None] | None = self._db.execute(
            "SELECT instance_id, execution_id, sequence, name, input FROM activities WHERE id = ?",
            (work_id,),
        ).fetchone()
        return row

    def delete_activity(self, work_id: int) -> None:
        self._db.execute("DELETE FROM activities WHERE id = ?", (work_id,))

    # timers

    def put_timer(self, instance_id: str, execution_id: str, sequence: int, fire_at: str) -> int:
        cursor = self._db.execute(
            "INSERT INTO timers (instance_id, execution_id, sequence, fire_at) VALUES (?, ?, ?, ?)",
            (instance_id, execution_id, sequence, fire_at),
        )
        return _inserted(cursor)

    def take_timer(self, timer_id: int) -> tuple[str, str, int, str] | None:
        """Delete the timer: (instance id, execution id, sequence, fire at), or None if gone."""
        row: tuple[str, str, int, str] | None = self._db.execute(
            "DELETE FROM timers WHERE id = ?"
            " RETURNING instance_id, execution_id, sequence, fire_at",
            (timer_id,),
        ).fetchone()
        return row

    def timers(self) -> list[tuple[str, int]]:
        """All timers as (fire at, id)."""
        return self._db.execute("SELECT fire_at, id FROM timers").fetchall()

    def clear_timers(self, instance_id: str) -> None:
        self._db.execute("DELETE FROM timers WHERE instance_id = ?", (instance_id,))

    # operations on entities

    def put_operation(
        self,
        entity_id: str,
        name: str,
        data: str | None,
        request_id: str,
        caller_id: str | None,
        caller_execution_id: str | None,
        visible_at: str,
        *,
        is_taken: bool,
    ) -> int:
        cursor = self._db.execute(
            "INSERT INTO operations (entity_id, name, input, request_id, caller_id,"
            " caller_execution_id, visible_at, taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entity_id,
                name,
                data,
                request_id,
                caller_id,
                caller_execution_id,
                visible_at,
                is_taken,
            ),
        )
        return _inserted(cursor)

    def operations(
        self, entity_id: str
    ) -> list[tuple[int, str, str | None, str, str | None, str | None]]:
        """What was taken, in rows of (id, name, input, request id, caller id, caller execution id),
        oldest first."""
        return self._db.execute(
            "SELECT id, name, input, request_id, caller_id, caller_execution_id FROM operations"
            " WHERE entity_id = ? AND taken ORDER BY id",
            (entity_id,),
        ).fetchall()

    def delete_operations(self, ids: Iterable[int]) -> None:
        self._db.executemany("DELETE FROM operations WHERE id = ?", [(row,) for row in ids])


def _instance(row: Sequence[Any]) -> Instance:
    instance_id, execution_id, name, version, status, *rest = row
    return Instance(instance_id, execution_id, name, version, RuntimeStatus(status), *rest)


def _inserted(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None
    return cursor.lastrowid
