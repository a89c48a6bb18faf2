"""The sweep of batches: a new worker for each whose worker is silent."""

from contextlib import suppress
from dataclasses import dataclass, replace

from shared.durable.names import RunBatch
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import PAYLOAD_VERSION
from shared.storage.batches import Silent
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit

_SILENT_AFTER = 180.0
_MOST_PATIENCE = 3600.0
_MOST = 100
_MOST_RESTARTS = 16


@dataclass(frozen=True)
class BatchWorker:
    """An orchestration to start."""

    instance: str
    payload: RunBatch


def worker_of(services: Services, batch_id: str, epoch: int) -> BatchWorker:
    payload: RunBatch = {
        "v": PAYLOAD_VERSION,
        "batch_id": batch_id,
        "epoch": epoch,
        "scale": services.settings.durations.scale,
    }
    return BatchWorker(f"{batch_id}-{epoch}", payload)


def silent_batches(services: Services) -> list[BatchWorker]:
    """The workers to start."""
    before = services.clock() - services.settings.durations.of(_SILENT_AFTER)
    started = []
    for silent in services.batches.silent(before, limit=_MOST):
        with suppress(RowChanged):  # its worker is alive after all, or another sweep was first
            worker = _taken_over(services, silent)
            if worker is not None:
                started.append(worker)
    return started


def _taken_over(services: Services, silent: Silent) -> BatchWorker | None:
    stored = services.batches.get(silent.batch_id)
    if stored is None:  # its create died before anybody had an answer
        services.batches.close(silent.batch_id)
        return None
    batch = replace(
        stored.batch,
        epoch=stored.batch.epoch + 1,
        restarts=min(stored.batch.restarts + 1, _MOST_RESTARTS),
    )
    services.batches.replace(stored, batch)
    durations, now = services.settings.durations, services.clock()
    patience = min(_MOST_PATIENCE, _SILENT_AFTER * (2.0**batch.restarts - 1))
    services.batches.touch(batch.id, now + durations.of(patience))
    emit(
        Event.BATCH_RESUMED,
        batch_id=batch.id,
        epoch=batch.epoch,
        silent_seconds=now - silent.heartbeat_at,
    )
    return worker_of(services, batch.id, batch.epoch)
