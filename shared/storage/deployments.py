"""The table `deployments`: one row for each upstream, the authority over its quota.

Limits are settings; the row holds what changes (who runs, who submits, pauses, health) and is only
ever swapped against the version it was decided on. The rows of the partition `line` are snapshots
for callers to look at (`shared.storage.snapshots`); nothing is decided by them.
"""

import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.outage import Outage
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

    def all(self, limits: Iterable[Lane]) -> list[StoredLane]:
        """The lanes of several deployments, in their order: one query."""
        rows = {row.key: row for row in self._table.range(_PARTITION)}
        return [
            StoredLane(lane if row is None else _lane(lane, row), row)
            for lane in limits
            for row in [rows.get(lane.deployment)]
        ]

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

    def change(
        self, limits: Lane, how: Callable[[Lane], Lane], *, read: StoredLane | None = None
    ) -> StoredLane:
        """Apply `how` to the current lane, first as it was `read`, again after every conflict."""
        for attempt in range(_CONFLICTS):
            stored = read or self.get(limits)
            changed = how(stored.lane)
            if changed == stored.lane:
                return stored
            try:
                return self.replace(stored, changed)
            except RowChanged:
                read = None
                time.sleep(random.uniform(0, 0.01 * min(attempt, 10)))  # noqa: S311
        raise RowChanged(f"{limits.deployment} changes too often")


def _columns(lane: Lane) -> dict[str, Value]:
    running = {
        video_id: {
            "until": until,
            "caller": lane.callers.get(video_id, ""),
            "ends": lane.ends.get(video_id, until),
        }
        for video_id, until in lane.running.items()
    }
    return {
        "v": 1,
        "running": json.dumps(running),
        "creates": json.dumps(lane.creates),
        "submitting": lane.submitting,
        "sending": lane.sending,
        "served": lane.served,
        "turns": json.dumps(lane.turns, separators=(",", ":")),
        "paused_until": lane.paused_until,
        "throttled": lane.throttled,
        "held": lane.held,
        **_outage_columns(lane.outage),
    }


def _outage_columns(outage: Outage | None) -> dict[str, Value]:
    if outage is None:
        return {}
    return {
        "outage_status": outage.status,
        "outage_message": outage.message,
        "outage_since": outage.since,
        "outage_failures": outage.failures,
        "outage_final": outage.final,
        "outage_probes": json.dumps(outage.probes),
    }


def _outage(row: Row) -> Outage | None:
    if row.values.get("outage_since") is None:
        return _outage_of_0_1(row.text("out"))
    return Outage(
        status=row.optional("outage_status"),
        message=row.text("outage_message"),
        since=row.decimal("outage_since"),
        failures=row.number("outage_failures"),
        final=row.flag("outage_final"),
        probes=tuple(json.loads(row.text("outage_probes", "[]"))),
    )


def _outage_of_0_1(out: str) -> Outage | None:
    """A row that nobody has written since release 0.1.0: the status, a space, and words. What was
    taken for final then, and is not, is tried again."""
    status, _, message = out.partition(" ")
    if not status.isdigit():
        return None
    return Outage(status=int(status), message=message, since=0.0, final=status == "410")


def _lane(limits: Lane, row: Row) -> Lane:
    running: dict[str, Any] = json.loads(row.text("running", "{}"))
    return replace(
        limits,
        running={video_id: float(slot["until"]) for video_id, slot in running.items()},
        callers={video_id: str(slot["caller"]) for video_id, slot in running.items()},
        ends={
            video_id: float(slot.get("ends", slot["until"])) for video_id, slot in running.items()
        },
        creates=tuple(float(at) for at in json.loads(row.text("creates", "[]"))),
        submitting=row.text("submitting") or None,
        sending=row.flag("sending"),
        served=row.number("served"),
        turns={str(who): int(turn) for who, turn in json.loads(row.text("turns", "{}")).items()},
        paused_until=row.decimal("paused_until"),
        throttled=row.number("throttled"),
        held=row.flag("held"),
        outage=_outage(row),
    )
