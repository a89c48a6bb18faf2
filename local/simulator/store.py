"""State that survives a restart, even `kill -9`: SQLite, in memory if there is no folder."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from local.simulator.faults.script import RuleState
from local.simulator.jobs import Job

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (ordinal INTEGER PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rule (position INTEGER PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tally (
    operation TEXT NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (operation, status)
);
CREATE TABLE IF NOT EXISTS note (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, document TEXT NOT NULL);
"""  # noqa: E501


class Store:
    """Rows of JSON. Every call is one transaction; all calls come from one thread."""

    def __init__(self, folder: Path | None) -> None:
        """Open or create `simulator.sqlite3` in `folder`; in memory without one."""
        place = ":memory:" if folder is None else str(folder / "simulator.sqlite3")
        self._db = sqlite3.connect(place, isolation_level=None, timeout=0.5)
        # A killed process loses no writes; only a power cut could, which a development tool may
        # accept.
        # The exclusive lock keeps a second simulator out of the folder.
        self._db.executescript(
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            + _SCHEMA
        )

    def save_job(self, job: Job) -> None:
        """Insert or replace."""
        self._db.execute(
            "INSERT OR REPLACE INTO job VALUES (?, ?)", (job.ordinal, job.model_dump_json())
        )

    def jobs(self) -> list[Job]:
        """All jobs in order of creation."""
        rows = self._db.execute("SELECT document FROM job ORDER BY ordinal")
        return [Job.model_validate_json(document) for (document,) in rows]

    def save_rules(self, states: list[RuleState]) -> None:
        """Replace all rules."""
        rows = [(position, state.model_dump_json()) for position, state in enumerate(states)]
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM rule")
            self._db.executemany("INSERT INTO rule VALUES (?, ?)", rows)

    def rules(self) -> list[RuleState]:
        """All rules in order."""
        rows = self._db.execute("SELECT document FROM rule ORDER BY position")
        return [RuleState.model_validate_json(document) for (document,) in rows]

    def count(self, operation: str, status: str) -> None:
        """Count one more answer of this status to this operation."""
        self._db.execute(
            "INSERT INTO tally VALUES (?, ?, 1) "
            "ON CONFLICT (operation, status) DO UPDATE SET count = count + 1",
            (operation, status),
        )

    def tally(self) -> dict[str, dict[str, int]]:
        """Operation -> status (`dropped` for no answer) -> count."""
        counts: dict[str, dict[str, int]] = {}
        for operation, status, count in self._db.execute("SELECT * FROM tally"):
            counts.setdefault(operation, {})[status] = count
        return counts

    def note(self, kind: str, document: dict[str, Any]) -> None:
        """Append an entry to one of the journal's lists."""
        self._db.execute(
            "INSERT INTO note (kind, document) VALUES (?, ?)", (kind, json.dumps(document))
        )

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """All entries of a list, oldest first."""
        rows = self._db.execute("SELECT document FROM note WHERE kind = ? ORDER BY number", (kind,))
        return [json.loads(document) for (document,) in rows]

    def clear(self) -> None:
        """Forget everything."""
        self._db.executescript(
            "DELETE FROM job; DELETE FROM rule; DELETE FROM tally; DELETE FROM note;"
        )

    def close(self) -> None:
        """Close the database."""
        self._db.close()
