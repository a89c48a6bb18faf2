"""The table `work`: only what is unfinished, in one partition.

The sweep reads it; a video's row here is written first and deleted last. While a video is in line,
a second row says so (`shared.storage.places`), written in the same transaction.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from shared.domain.job import Part
from shared.domain.verdict import Verdict
from shared.domain.work import (
    Attempt,
    Intent,
    Move,
    Phase,
    RunningJob,
    Work,
    instance_id,
    phase,
)
from shared.storage import places
from shared.storage.places import WORK_FROM
from shared.storage.rows import Row, RowChanged, Table, Value, Write

_CONFLICTS = 8


@dataclass(frozen=True)
class Quiet:
    """A video whose worker has been silent for a while, or was never started."""

    instance: str
    stage: Phase


class WorkTable:
    """Every `Work` read here has its version, and every write needs it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, video_id: str) -> Work | None:
        """One point read; None if the video is finished."""
        row = self._table.get(_OPEN, video_id)
        return None if row is None else _work(row)

    def insert(self, work: Work) -> Work:
        """Write a new row. Raises RowExists."""
        return _versioned(work, self._table.insert(_OPEN, work.video_id, _columns(work)))

    def replace(self, work: Work) -> Work:
        """Write the changed state, and its place in line. Raises RowChanged if somebody else
        changed it first."""
        in_line = phase(work) is Phase.WAITING and work.hint is not None
        if in_line == work.placed:
            return _versioned(work, self._table.replace(_row(work), _columns(work)))
        changed = replace(work, placed=in_line)
        write = Write("replace", work.video_id, _columns(changed), _row(work))
        place = places.taken(work) if in_line else places.left(work)
        try:
            written = self._table.transact(_OPEN, [write, place])
        except RowChanged:
            if in_line or self._table.get(_OPEN, place.key) is not None:
                raise
            return _versioned(changed, self._table.replace(_row(work), _columns(changed)))
        row = written[0] if written else self._table.get(_OPEN, work.video_id)
        if row is None:
            raise RowChanged(work.video_id)
        return _versioned(changed, row)

    def change(self, work: Work, how: Callable[[Work], Work | None]) -> Work | None:
        """Apply `how` to `work`, and after a conflict to the row as it is then.

        None if the row is gone or belongs to another epoch. `how` returns None for no change.
        """
        current: Work | None = work
        for _ in range(_CONFLICTS):
            if current is None or current.epoch != work.epoch:
                return None
            changed = how(current)
            if changed is None:
                return current
            try:
                return self.replace(changed)
            except RowChanged:
                current = self.get(work.video_id)
        raise RowChanged(f"{_OPEN}/{work.video_id} changes too often")

    def delete(self, work: Work) -> None:
        """The last step for a video. Raises RowChanged if somebody else changed it first."""
        if work.placed:
            write = Write("delete", work.video_id, {}, _row(work))
            self._table.transact(_OPEN, [write, places.left(work)])
        else:
            self._table.delete(_row(work))

    def without_place(self, *, limit: int) -> list[Work]:
        """Videos in line without a place: those that release 0.1 left waiting."""
        where = f"stage eq '{Phase.WAITING}' and v eq 1L"
        rows = self._table.range(_OPEN, start=WORK_FROM, where=where, limit=limit)
        return [_work(row) for row in rows if row.text("hint")]

    def unanswered(self) -> list[Work]:
        """Videos with a POST that has no known job."""
        return [_work(row) for row in self._table.range(_OPEN, start=WORK_FROM, where=_UNANSWERED)]

    def silent(self, before: Mapping[Phase, float], *, limit: int) -> list[Work]:
        """Work with a heartbeat older than its stage allows, in the order of admission."""
        where = " or ".join(
            f"(stage eq '{stage}' and heartbeat_at lt {heartbeat:.6f})"
            for stage, heartbeat in before.items()
        )
        rows = self._table.range(_OPEN, start=WORK_FROM, where=where, limit=limit)
        return [_work(row) for row in rows]

    def quiet(
        self, before: float, *, waiting: bool, start: str = WORK_FROM, limit: int | None = None
    ) -> list[Quiet]:
        """Videos in line, or all others, with a heartbeat older than `before`, or restarted and
        silent since, in the order of admission: a few columns."""
        stages = f"stage eq '{Phase.WAITING}'" if waiting else f"stage ne '{Phase.WAITING}'"
        where = f"{stages} and (heartbeat_at lt {before:.6f} or restarts gt 0L)"
        rows = self._table.range(
            _OPEN, start=start, where=where, limit=limit, columns=("stage", "epoch")
        )
        return [
            Quiet(instance_id(row.key, row.number("epoch")), Phase(row.text("stage")))
            for row in rows
        ]

    def stages(self, *, limit: int | None = None) -> list[tuple[Phase, float]]:
        """Stage and time of admission of everything unfinished: two columns."""
        rows = self._table.range(
            _OPEN, start=WORK_FROM, limit=limit, columns=("stage", "created_at")
        )
        return [(Phase(row.text("stage")), row.decimal("created_at")) for row in rows]

    def between(self, first: str, last: str, *, limit: int) -> dict[str, Phase]:
        """The phases of up to `limit` unfinished videos, from one id to another, in order."""
        rows = self._table.range(
            _OPEN, start=first, before=last + "~", limit=limit, columns=("stage",)
        )
        return {row.key: Phase(row.text("stage")) for row in rows}

    def working(self) -> frozenset[str]:
        """The videos that are in no line: their ids."""
        where = f"stage ne '{Phase.WAITING}'"
        rows = self._table.range(_OPEN, start=WORK_FROM, where=where, columns=())
        return frozenset(row.key for row in rows)

    def all(self) -> list[Work]:
        """Everything unfinished. For tools and tests: the app asks for less."""
        return [_work(row) for row in self._table.range(_OPEN, start=WORK_FROM)]


_OPEN = places.PARTITION
_UNANSWERED = "submit eq 'intent'"
_NOT_PLAIN = frozenset(
    {"video_id", "version", "admitted", "deployments", "attempt", "verdict", "placed", "move"}
)
_PLAIN = {each.name: each.name for each in fields(Work) if each.name not in _NOT_PLAIN}
_RENAMED = {
    "id": "job_id",
    "created_at": "job_created_at",
    "expires_at": "job_expires_at",
    "deadline": "job_deadline",
    "cost": "job_cost_micro_usd",
}
_JOB = {
    _RENAMED.get(each.name, each.name): each.name
    for each in fields(RunningJob)
    if each.name not in ("parts", "collecting")
}
"""Column -> field."""


def _columns(work: Work) -> dict[str, Value]:
    """The row: fields of the attempt become columns too."""
    stage, intent, job = phase(work), work.intent, work.job
    columns: dict[str, Value] = {name: getattr(work, name) for name in _PLAIN}
    columns |= {
        "v": 2 if work.placed else 1,  # 2: it has a place in line
        "stage": stage.value,
        "deployments": json.dumps(work.deployments),
        "deployment": work.deployment,
        "submit": "known" if job else "intent" if intent else "nothing",
        "verdict": None if work.verdict is None else json.dumps(work.verdict.as_json()),
        "parts": json.dumps([[part.ref, part.seconds] for part in work.parts]),
        "move": None if work.move is None else json.dumps(asdict(work.move)),
    }
    if intent is not None:
        columns |= {
            "intent_at": intent.at,
            "intent_by": intent.by,
            "connection_ended_at": intent.connection_ended_at,
            "missing_since": intent.unlisted_since,
        }
    if job is not None:
        columns |= {column: getattr(job, name) for column, name in _JOB.items()}
    return columns


def _work(row: Row) -> Work:
    verdict, stage = row.text("verdict"), row.text("stage")
    return Work(
        video_id=row.key,
        version=row.etag,
        admitted=stage != Phase.ADMITTING,
        placed=row.number("v") >= 2,
        deployments=tuple(json.loads(row.text("deployments", "[]"))),
        attempt=_attempt(row),
        move=_move(row.text("move")),
        verdict=Verdict.from_json(json.loads(verdict)) if verdict else None,
        **_present(row, _PLAIN),
    )


def _move(text: str) -> Move | None:
    if not text:
        return None
    stored = json.loads(text)
    return Move(**{**stored, "deployments": tuple(stored["deployments"])})


def _attempt(row: Row) -> Attempt | None:
    deployment, submit = row.text("deployment"), row.text("submit", "nothing")
    if not deployment:
        return None
    if submit == "nothing":  # columns that earlier releases left of an old intent mean nothing
        return Attempt(deployment=deployment)
    intent = Intent(
        at=row.decimal("intent_at"),
        by=row.text("intent_by"),
        connection_ended_at=row.optional_decimal("connection_ended_at"),
        unlisted_since=row.optional_decimal("missing_since") if submit == "intent" else None,
    )
    return Attempt(deployment=deployment, intent=intent, job=_job(row, submit))


def _job(row: Row, submit: str) -> RunningJob | None:
    if submit != "known":
        return None
    parts = tuple(Part(ref, seconds) for ref, seconds in json.loads(row.text("parts", "[]")))
    collecting = row.text("stage") == Phase.COLLECTING
    return RunningJob(parts=parts, collecting=collecting, **_present(row, _JOB))


def _present(row: Row, columns: Mapping[str, str]) -> dict[str, Any]:
    """Fields from the columns that have a value."""
    return {
        name: row.values[column]
        for column, name in columns.items()
        if row.values.get(column) is not None
    }


def _row(work: Work) -> Row:
    return Row(_OPEN, work.video_id, {}, work.version)


def _versioned(work: Work, row: Row) -> Work:
    return replace(work, version=row.etag)
