"""The table `work`: everything unfinished, in one partition, and nothing else.

Queue and sweep read it; a video's row here is written first and deleted last.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from shared.domain.quota import QueuedVideo
from shared.domain.work import Part, Submit, Verdict, Work, WorkStage, instance_id
from shared.storage.rows import Row, RowChanged, Table, Value

_OPEN = "open"
_CONFLICTS = 8


@dataclass(frozen=True)
class Quiet:
    """A video of whose worker nothing was heard for a while."""

    instance: str
    stage: WorkStage


class WorkTable:
    """Every `Work` that comes from here carries its version, and every write needs it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, video_id: str) -> Work | None:
        """One point read; None when nothing is left to do for this video."""
        row = self._table.get(_OPEN, video_id)
        return None if row is None else _work(row)

    def insert(self, work: Work) -> Work:
        """A new row, or RowExists."""
        return _versioned(work, self._table.insert(_OPEN, work.video_id, _columns(work)))

    def replace(self, work: Work) -> Work:
        """The changed state, if nobody changed it meanwhile; RowChanged otherwise."""
        return _versioned(work, self._table.replace(_row(work), _columns(work)))

    def change(self, work: Work, how: Callable[[Work], Work | None]) -> Work | None:
        """Apply `how` to the state as it was read, and to what is there after a conflict.

        None when the row is gone or belongs to another epoch. `how` returns None to leave it.
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
        """The last act for a video. RowChanged if somebody changed it meanwhile."""
        self._table.delete(_row(work))

    def in_line(self) -> list[QueuedVideo]:
        """Everyone whose worker waits for a hint, in the order of admission: a few columns."""
        where = f"stage eq '{WorkStage.WAITING}'"
        rows = self._table.range(_OPEN, where=where, columns=_QUEUED)
        return [_queued(row) for row in rows if row.text("hint")]

    def silent(self, before: Mapping[WorkStage, float], *, limit: int) -> list[Work]:
        """Work whose heartbeat is older than its stage allows, in the order of admission."""
        where = " or ".join(
            f"(stage eq '{stage}' and heartbeat_at lt {heartbeat:.6f})"
            for stage, heartbeat in before.items()
        )
        return [_work(row) for row in self._table.range(_OPEN, where=where, limit=limit)]

    def quiet(self, before: float) -> list[Quiet]:
        """Everything admitted whose last heartbeat is older than `before`, and whatever was
        restarted without a sign of life since, in the order of admission: a few columns."""
        where = (
            f"stage ne '{WorkStage.ADMITTING}' and (heartbeat_at lt {before:.6f} or restarts gt 0L)"
        )
        rows = self._table.range(_OPEN, where=where, columns=("stage", "epoch"))
        return [
            Quiet(instance_id(row.key, row.number("epoch")), WorkStage(row.text("stage")))
            for row in rows
        ]

    def stages(self) -> list[tuple[WorkStage, float]]:
        """Stage and time of admission of everything unfinished: two columns of one partition."""
        rows = self._table.range(_OPEN, columns=("stage", "created_at"))
        return [(WorkStage(row.text("stage")), row.decimal("created_at")) for row in rows]

    def all(self) -> list[Work]:
        """Everything unfinished. For tools and tests: the app asks for less."""
        return [_work(row) for row in self._table.range(_OPEN)]


_QUEUED = ("caller", "model", "deployments", "expected", "epoch", "hint")


def _queued(row: Row) -> QueuedVideo:
    return QueuedVideo(
        video_id=row.key,
        caller=row.text("caller"),
        deployments=tuple(json.loads(row.text("deployments", "[]"))),
        expected=row.decimal("expected"),
        model=row.text("model"),
        instance=instance_id(row.key, row.number("epoch")),
        hint=row.text("hint"),
    )


_PLAIN = tuple(
    field.name
    for field in fields(Work)
    if field.name
    not in ("video_id", "version", "stage", "submit", "deployments", "parts", "verdict")
)


def _columns(work: Work) -> dict[str, Value]:
    columns: dict[str, Value] = {name: getattr(work, name) for name in _PLAIN}
    columns["v"] = 1
    columns["stage"] = work.stage.value
    columns["submit"] = work.submit.value
    columns["deployments"] = json.dumps(work.deployments)
    columns["parts"] = json.dumps([[part.ref, part.seconds] for part in work.parts])
    columns["verdict"] = None if work.verdict is None else json.dumps(work.verdict.as_json())
    return columns


def _work(row: Row) -> Work:
    values: dict[str, Any] = {
        name: row.values[name] for name in _PLAIN if row.values.get(name) is not None
    }
    verdict = row.text("verdict")
    return replace(
        Work(
            video_id=row.key,
            version=row.etag,
            stage=WorkStage(row.text("stage")),
            submit=Submit(row.text("submit", Submit.NOTHING)),
            deployments=tuple(json.loads(row.text("deployments", "[]"))),
            **values,
        ),
        parts=tuple(Part(ref, seconds) for ref, seconds in json.loads(row.text("parts", "[]"))),
        verdict=Verdict.from_json(json.loads(verdict)) if verdict else None,
    )


def _row(work: Work) -> Row:
    return Row(_OPEN, work.video_id, {}, work.version)


def _versioned(work: Work, row: Row) -> Work:
    return replace(work, version=row.etag)
