"""The table `deployments`: one row for each upstream, the authority over its quota.

Limits are settings. The row holds what changes (who runs, who submits, pauses, health); a write
must match the version it was decided on. Rows of the partition `line` are snapshots that callers
read (`shared.storage.snapshots`); no decision uses them.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.outage import Outage
from shared.domain.quota import DeploymentState, Submit
from shared.storage.kept import Kept
from shared.storage.rows import Row, RowChanged, RowExists, Table, Value
from shared.storage.videos import join_text, split_text

_PARTITION = "d"
_CONFLICTS = 50


@dataclass(frozen=True)
class StoredDeployment:
    """A deployment and the version of its row; `row` is None if it never ran anything."""

    state: DeploymentState
    row: Row | None


class Deployments:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept: Kept[dict[str, int]] = Kept()
        self._recent: Kept[list[StoredDeployment]] = Kept()

    def served(self, names: Iterable[str]) -> int:
        """How many turns deployments have given, as of half a second ago at most."""
        counts = self._kept.get(
            _PARTITION,
            lambda: {
                row.key: row.number("served")
                for row in self._table.range(_PARTITION, columns=("served",))
            },
        )
        return sum(counts.get(name, 0) for name in names)

    def get(self, limits: DeploymentState) -> StoredDeployment:
        """One deployment: `limits` as configured, the rest from its row."""
        return _stored(limits, self._table.get(_PARTITION, limits.deployment))

    def all(self, limits: Iterable[DeploymentState]) -> list[StoredDeployment]:
        """Several deployments, in the order of `limits`: one query."""
        rows = {row.key: row for row in self._table.range(_PARTITION)}
        return [_stored(state, rows.get(state.deployment)) for state in limits]

    def recent(self, limits: Sequence[DeploymentState]) -> list[StoredDeployment]:
        """The same, at most half a second old: one read serves many requests."""
        name = "\n".join(state.deployment for state in limits)
        return self._recent.get(name, lambda: self.all(limits))

    def replace(self, stored: StoredDeployment, state: DeploymentState) -> StoredDeployment:
        """Write the changed deployment. Raises RowChanged if somebody else changed it first."""
        columns = _columns(state)
        if stored.row is None:
            try:
                row = self._table.insert(_PARTITION, state.deployment, columns)
            except RowExists:
                raise RowChanged(state.deployment) from None
        else:
            row = self._table.replace(stored.row, columns)
        return StoredDeployment(state, row)

    def change(
        self,
        limits: DeploymentState,
        how: Callable[[DeploymentState], DeploymentState],
        *,
        read: StoredDeployment | None = None,
    ) -> StoredDeployment:
        """Apply `how` to the deployment: first to `read`, and to a fresh one after a conflict."""
        for attempt in range(_CONFLICTS):
            stored = read or self.get(limits)
            changed = how(stored.state)
            if changed == stored.state:
                return stored
            try:
                return self.replace(stored, changed)
            except RowChanged:
                read = None
                time.sleep(random.uniform(0, 0.01 * min(attempt, 10)))  # noqa: S311
        raise RowChanged(f"{limits.deployment} changes too often")


def _columns(state: DeploymentState) -> dict[str, Value]:
    running = {
        video_id: {
            "until": round(until, 3),
            "caller": state.callers.get(video_id, ""),
            "ends": round(state.ends.get(video_id, until), 3),
        }
        for video_id, until in state.running.items()
    }
    return {
        "v": 2,
        **split_text("running", _dumps(running)),
        **split_text("creates", _dumps(state.creates)),
        "submits": _dumps({key: _packed(submit) for key, submit in state.submitting.items()}),
        # release 0.1 knew one submit only: it waits while there is any
        "submitting": next(iter(state.submitting), None),
        "unanswered": _dumps(state.unanswered) if state.unanswered else None,
        "served": state.served,
        "turns": _dumps(state.turns),
        "paused_until": state.paused_until,
        "throttled": state.throttled,
        "held": state.paused,
        "held_since": state.paused_since or None,
        **_outage_columns(state.outage),
    }


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _packed(submit: Submit) -> list[Any]:
    return [submit.likeness, submit.sending]


def _submits(row: Row) -> dict[str, Submit]:
    """Those on record; one that release 0.1 wrote may be confused with any other."""
    stored: dict[str, list[Any]] = json.loads(row.text("submits", "{}"))
    found = {
        video_id: Submit(likeness=str(like), sending=bool(sending))
        for video_id, (like, sending) in stored.items()
    }
    alone = row.text("submitting")
    if alone and alone not in found:
        found[alone] = Submit(sending=row.flag("sending"))
    return found


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
    """A row last written by release 0.1.0: the status, a space, and a message. Only a 410 is still
    final; anything else that release gave up on is tried again."""
    status, _, message = out.partition(" ")
    if not status.isdigit():
        return None
    return Outage(status=int(status), message=message, since=0.0, final=status == "410")


def _stored(limits: DeploymentState, row: Row | None) -> StoredDeployment:
    if row is None:
        return StoredDeployment(limits, None)
    running: dict[str, Any] = json.loads(join_text("running", row.values) or "{}")
    state = replace(
        limits,
        running={video_id: float(slot["until"]) for video_id, slot in running.items()},
        callers={video_id: str(slot["caller"]) for video_id, slot in running.items()},
        ends={
            video_id: float(slot.get("ends", slot["until"])) for video_id, slot in running.items()
        },
        creates=tuple(float(at) for at in json.loads(join_text("creates", row.values) or "[]")),
        submitting=_submits(row),
        unanswered={
            str(like): float(at) for like, at in json.loads(row.text("unanswered", "{}")).items()
        },
        served=row.number("served"),
        turns={str(who): int(turn) for who, turn in json.loads(row.text("turns", "{}")).items()},
        paused_until=row.decimal("paused_until"),
        throttled=row.number("throttled"),
        paused=row.flag("held"),
        paused_since=row.decimal("held_since") if row.flag("held") else 0.0,
        outage=_outage(row),
    )
    return StoredDeployment(state, row)
