"""The table `deployments`: one row for each upstream, the authority over its quota.

Limits are settings; the row holds what changes (who runs, who submits, pauses, health) and is only
ever swapped against the version it was decided on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.quota import Lane
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value

_PARTITION = "d"
_CONFLICTS = 50


@dataclass(frozen=True)
class StoredLane:
    """A lane and the version of its row; `row` is None for one that never ran anything."""

    lane: Lane
    row: Row | None


class Deployments:
    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, limits: Lane) -> StoredLane:
        """The lane of a deployment: `limits` as configured, the rest from its row."""
        row = self._table.get(_PARTITION, limits.deployment)
        return StoredLane(limits if row is None else _lane(limits, row), row)

    def replace(self, stored: StoredLane, lane: Lane) -> StoredLane:
        """The changed lane, if nobody changed it meanwhile; RowChanged otherwise."""
        columns = _columns(lane)
        if stored.row is None:
            try:
                row = self._table.insert(_PARTITION, lane.deployment, columns)
            except RowExists:
                raise RowChanged(lane.deployment) from None
        else:
            row = self._table.replace(stored.row, columns)
        return StoredLane(lane, row)

    def change(self, limits: Lane, how: Callable[[Lane], Lane]) -> StoredLane:
        """Apply `how` to the current lane, again after every conflict."""
        for _ in range(_CONFLICTS):
            stored = self.get(limits)
            changed = how(stored.lane)
            if changed == stored.lane:
                return stored
            try:
                return self.replace(stored, changed)
            except RowChanged:
                continue
        raise RowChanged(f"{limits.deployment} changes too often")


def _columns(lane: Lane) -> dict[str, Value]:
    running = {
        video_id: {"until": until, "caller": lane.callers.get(video_id, "")}
        for video_id, until in lane.running.items()
    }
    return {
        "v": 1,
        "running": json.dumps(running),
        "creates": json.dumps(lane.creates),
        "submitting": lane.submitting,
        "paused_until": lane.paused_until,
        "out": lane.out,
    }


def _lane(limits: Lane, row: Row) -> Lane:
    running: dict[str, Any] = json.loads(row.text("running", "{}"))
    return replace(
        limits,
        running={video_id: float(slot["until"]) for video_id, slot in running.items()},
        callers={video_id: str(slot["caller"]) for video_id, slot in running.items()},
        creates=tuple(float(at) for at in json.loads(row.text("creates", "[]"))),
        submitting=row.text("submitting") or None,
        paused_until=row.decimal("paused_until"),
        out=row.text("out") or None,
    )
