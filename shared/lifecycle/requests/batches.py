"""What callers ask of batches: create, find, list, cancel, pause, resume, retry."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from shared.answers import batches as answers
from shared.domain.batch import Batch, Status, Stop
from shared.domain.errors import Conflict, InvalidRequest, Unavailable
from shared.domain.files import Purpose
from shared.domain.ids import created_ms, is_batch_id, new_batch_id
from shared.domain.limits import LONGEST_WINDOW
from shared.lifecycle.batches.results import file_of
from shared.lifecycle.batches.revive import BatchWorker, worker_of
from shared.lifecycle.batches.views import shown
from shared.lifecycle.requests import claims, files
from shared.lifecycle.requests.claims import Repeatable, claim_of
from shared.lifecycle.requests.prepare import check_webhook
from shared.lifecycle.services import Services
from shared.storage.inbox import Dropped
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit

_CONFLICTS = 8
_HOUR, _DAY = 3600, 86400
WINDOW = r"^[1-9][0-9]{0,2}[hd]$"
"""A completion_window: hours or days."""


@dataclass(frozen=True, kw_only=True)
class NewBatch:
    """A batch as a request asks for it; `budget` in micro-USD."""

    input_file_id: str
    completion_window: str = "24h"
    budget: int | None = None
    max_running: int | None = None
    dry_run: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook: str | None = None

    def digest(self) -> str:
        """Equal for equal requests."""
        facts = vars(self) | {"metadata": dict(self.metadata)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Again:
    """What a retry changes; None: as it was."""

    completion_window: str | None = None
    budget: int | None = None
    max_running: int | None = None


@dataclass(frozen=True)
class Created:
    """A batch on record, and its worker, which is to be started unless it is over."""

    batch: Batch
    worker: BatchWorker
    replayed: bool = False


def create(services: Services, caller: str, new: NewBatch, repeatable: Repeatable) -> Created:
    """Put a batch on record; its lines are checked by its worker. Raises InvalidRequest or
    Conflict."""
    file = files.find(services, caller, new.input_file_id)
    if file is None and claims.is_repeat(services, caller, new.digest(), repeatable):
        return _on_record(services, caller, new, repeatable)
    if file is None:
        raise InvalidRequest(
            f"input_file_id: you have no file {new.input_file_id[:80]!r}.", param="input_file_id"
        )
    if file.purpose is not Purpose.BATCH:
        raise InvalidRequest(
            f"input_file_id: the purpose of {file.id} is {file.purpose}, not batch.",
            param="input_file_id",
        )
    check_webhook(services, caller, new.webhook)
    return _on_record(services, caller, new, repeatable)


def create_of_dropped(
    services: Services, caller: str, new: NewBatch, file: Dropped, repeatable: Repeatable
) -> Created:
    """Put a batch of a file in the inbox on record; its worker reads the file. Raises
    InvalidRequest."""
    check_webhook(services, caller, new.webhook)
    return _on_record(services, caller, new, repeatable, dropped=file)


def retry(services: Services, batch: Batch, again: Again, repeatable: Repeatable) -> Created:
    """A new batch, with the same settings but for `again`, of the lines of `batch` that have no
    finished video. Raises Conflict where there are none, or not yet."""
    if not batch.terminal:
        raise Conflict(
            f"The batch is {batch.status}; it can be tried again once it has ended.",
            code="batch_not_ended",
        )
    if batch.dry_run or batch.status is Status.FAILED or batch.completed == batch.total:
        raise Conflict(
            "No line of the batch failed or was not started: there is nothing to try again."
            if batch.total and batch.completed == batch.total
            else "None of its lines was begun: create a new batch instead.",
            code="nothing_to_retry",
        )
    new = NewBatch(
        input_file_id=batch.input_file_id,
        completion_window=again.completion_window or batch.completion_window,
        budget=batch.budget if again.budget is None else again.budget,
        max_running=again.max_running or batch.max_running,
        metadata=batch.metadata,
        webhook=batch.webhook,
    )
    return _on_record(services, batch.caller, new, repeatable, retry_of=batch.id)


def _on_record(
    services: Services,
    caller: str,
    new: NewBatch,
    repeatable: Repeatable,
    *,
    retry_of: str | None = None,
    dropped: Dropped | None = None,
) -> Created:
    claim, replayed = claim_of(
        services,
        caller,
        new_batch_id,
        new.digest(),
        repeatable,
        unfinished=lambda batch_id: _is_unfinished(services, batch_id),
    )
    created_at = created_ms(claim.video_id) / 1000
    batch = Batch(
        id=claim.video_id,
        caller=caller,
        input_file_id=new.input_file_id,
        created_at=int(created_at),
        expires_at=created_at + services.settings.durations.of(seconds_of(new.completion_window)),
        completion_window=new.completion_window,
        budget=new.budget,
        max_running=new.max_running,
        dry_run=new.dry_run,
        metadata=new.metadata,
        webhook=new.webhook,
        retry_of=retry_of,
        source=None if dropped is None else dropped.name,
        source_etag=None if dropped is None else dropped.etag,
    )
    if retry_of is not None or dropped is not None:  # its worker composes it
        batch = replace(batch, input_file_id=file_of(batch, "input.jsonl"))
    known = services.batches.get(batch.id) if replayed else None
    if known is None or not known.batch.terminal:  # the first try may have died in the middle
        known = services.batches.insert(batch, services.clock())
    if not replayed:
        emit(
            Event.BATCH_CREATED,
            batch_id=batch.id,
            caller=caller,
            input_file_id=batch.input_file_id,
            budget_micro_usd=batch.budget,
        )
    worker = worker_of(services, batch.id, known.batch.epoch)
    return Created(known.batch, worker, replayed)


def _is_unfinished(services: Services, batch_id: str) -> bool:
    stored = services.batches.get(batch_id)
    return stored is not None and not stored.batch.terminal


def find(services: Services, caller: str, batch_id: str) -> Batch | None:
    """A caller's batch; None for another caller's."""
    stored = services.batches.get(batch_id) if is_batch_id(batch_id) else None
    return None if stored is None or stored.batch.caller != caller else stored.batch


def listed(services: Services, caller: str, *, after: str | None, limit: int) -> answers.BatchList:
    """A page of a caller's batches, newest first."""
    read = services.batches.page(caller, after=after, limit=limit + 1)
    batches, now = read[:limit], services.clock()
    return answers.BatchList(
        object="list",
        data=[shown(batch, now) for batch in batches],
        first_id=batches[0].id if batches else None,
        last_id=batches[-1].id if batches else None,
        has_more=len(read) > limit,
    )


def cancel(services: Services, batch: Batch) -> Batch:
    """Begin no more lines, cancel those that wait, and collect those that render. Raises Conflict
    where the batch has ended."""
    now = int(services.clock())

    def cancelled(current: Batch) -> Batch:
        if current.status in (Status.CANCELLING, Status.CANCELLED):
            return current
        if current.terminal or current.status is Status.FINALIZING:
            raise Conflict(
                f"The batch is {current.status}; only one that runs can be cancelled.",
                code="not_cancellable",
            )
        return replace(current, stop=Stop.CANCELLED, status=Status.CANCELLING, cancelling_at=now)

    return _changed(services, batch, cancelled)


def pause(services: Services, batch: Batch, *, paused: bool) -> Batch:
    """Begin no more lines until it is resumed. Raises Conflict where the batch has ended."""

    def changed(current: Batch) -> Batch:
        if current.status not in (Status.VALIDATING, Status.IN_PROGRESS):
            raise Conflict(
                f"The batch is {current.status}; only one that runs can be paused or resumed.",
                code="batch_ended" if current.terminal else "batch_ending",
            )
        return replace(current, paused=paused)

    return _changed(services, batch, changed)


def _changed(services: Services, batch: Batch, how: Callable[[Batch], Batch]) -> Batch:
    for _ in range(_CONFLICTS):
        stored = services.batches.get(batch.id)
        if stored is None:
            break
        try:
            return services.batches.replace(stored, how(stored.batch)).batch
        except RowChanged:
            continue
    raise Unavailable("The batch changes too often right now. Try again.")


def seconds_of(window: str) -> int:
    """A completion_window in seconds. Raises InvalidRequest."""
    seconds = 0
    if re.fullmatch(WINDOW, window):
        seconds = int(window[:-1]) * (_HOUR if window.endswith("h") else _DAY)
    if not 0 < seconds <= LONGEST_WINDOW * _DAY:
        raise InvalidRequest(
            f"completion_window {window[:20]!r} is not a number of hours or days, such as 24h or "
            f"7d, of at most {LONGEST_WINDOW} days.",
            param="completion_window",
        )
    return seconds
