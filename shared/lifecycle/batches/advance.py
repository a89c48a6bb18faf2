"""One step of a batch's worker: whatever its batch needs next."""

from dataclasses import dataclass, replace

from shared.domain import batch as rules
from shared.domain.batch import Batch, Status, Stop, Wrong
from shared.domain.errors import InvalidRequest
from shared.durable.names import BatchOutcome, BatchResult, Hint
from shared.lifecycle.background import announce
from shared.lifecycle.batches import check, compose, lines, results
from shared.lifecycle.batches.spool import Spool
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import PAYLOAD_VERSION
from shared.storage.batches import StoredBatch
from shared.storage.outputs import BlobGone
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit


@dataclass(frozen=True)
class Advanced:
    """The activity's result, the videos whose workers are to be started, and hints to raise."""

    result: BatchResult
    admitted: tuple[Admitted, ...] = ()
    hints: tuple[Hint, ...] = ()


def advance_batch(services: Services, batch_id: str, epoch: int) -> Advanced:
    """Validate the batch, go on with its lines, or end it. Can be repeated at any point."""
    stored = services.batches.get(batch_id)
    if stored is None:
        services.batches.close(batch_id)
        return _result("done")
    if stored.batch.epoch != epoch:
        return _result("superseded")
    if stored.batch.status in (Status.VALIDATING, Status.FINALIZING):  # which takes long
        services.batches.touch(batch_id, services.clock())
    try:
        return _advance(services, stored)
    except RowChanged:  # its caller has paused or cancelled it: look again
        return _result("again")


def _advance(services: Services, stored: StoredBatch) -> Advanced:
    batch = stored.batch
    if batch.terminal:
        return _end(services, batch)
    if batch.status is Status.VALIDATING and services.clock() >= batch.expires_at:
        now = int(services.clock())
        services.batches.replace(stored, replace(batch, status=Status.EXPIRED, ended_at=now))
        return _result("again")
    if batch.status is Status.VALIDATING:
        _validate(services, stored)
        return _result("again")
    if batch.status is Status.FINALIZING:
        written = results.write(services, batch)
        status = rules.final_status(batch)
        ended = replace(written, status=status, ended_at=int(services.clock()))
        services.batches.replace(stored, ended)
        return _result("again")
    return _go_on(services, stored)


def _go_on(services: Services, stored: StoredBatch) -> Advanced:
    turn = lines.begin(services, stored)
    try:
        lines.go_on(services, turn)
        if rules.is_over(turn.batch):
            now = int(services.clock())
            services.batches.replace(
                turn.stored, replace(turn.batch, status=Status.FINALIZING, finalizing_at=now)
            )
            turn.wait = 0.0
    except RowChanged:
        turn.wait = 0.0
    except BlobGone:
        services.batches.replace(turn.stored, rules.stopped(turn.batch, Stop.INPUT_GONE))
        turn.wait = 0.0
    # until its worker wakes, it is not silent
    services.batches.touch(stored.batch.id, services.clock() + turn.wait)
    return Advanced(_result("again", turn.wait).result, tuple(turn.admitted), tuple(turn.hints))


def _validate(services: Services, stored: StoredBatch) -> None:
    batch = stored.batch
    with Spool() as errors:
        try:
            compose.compose(services, batch)
            # either may take a while with a large file
            services.batches.touch(batch.id, services.clock())
            after = check.checked(services, batch, errors)
        except InvalidRequest as error:  # of the dropped file; what is wrong with lines is noted
            after = _failed(services, batch, Wrong(error.code, error.message, error.param))
        except BlobGone:
            gone = Wrong("input_file_deleted", "The input file was deleted.")
            after = _failed(services, batch, gone)
        if errors.lines:
            file_id = results.keep(services, batch, "errors.jsonl", errors)
            after = replace(after, error_file_id=file_id)
    services.batches.replace(stored, after)
    emit(
        Event.BATCH_VALIDATED,
        batch_id=batch.id,
        status=after.status,
        lines=after.total,
        estimated_micro_usd=after.estimated,
    )


def _failed(services: Services, batch: Batch, why: Wrong) -> Batch:
    now = int(services.clock())
    return replace(batch, status=Status.FAILED, wrong=(why,), ended_at=now)


def _end(services: Services, batch: Batch) -> Advanced:
    announce.batch_ended(services, batch)
    services.batches.close(batch.id)
    emit(
        Event.BATCH_ENDED,
        batch_id=batch.id,
        caller=batch.caller,
        status=batch.status,
        stop=batch.stop,
        completed=batch.completed,
        failed=batch.failed,
        not_started=batch.not_started,
        settled_micro_usd=batch.settled,
        unknown_micro_usd=batch.unknown,
    )
    return _result("done")


def _result(outcome: BatchOutcome, wait: float = 0.0) -> Advanced:
    result: BatchResult = {"v": PAYLOAD_VERSION, "outcome": outcome}
    if wait > 0:
        result["wait"] = round(wait, 3)
    return Advanced(result)
