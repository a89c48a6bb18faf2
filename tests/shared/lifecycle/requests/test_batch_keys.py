"""How long the key of a batch is remembered: as long as any, and while the batch is unfinished."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from shared.domain.batch import Status
from shared.domain.limits import KEYS_KEPT
from shared.lifecycle.requests import batches, files
from shared.lifecycle.requests.batches import NewBatch
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services

CALLER = "key:local"


@pytest.mark.parametrize(("status", "again"), [(Status.IN_PROGRESS, True), (Status.FAILED, False)])
def test_a_batch_that_runs_for_days_is_not_made_twice(
    services: Services, status: Status, again: bool
) -> None:
    file = files.upload(
        services,
        CALLER,
        filename="a.jsonl",
        purpose="batch",
        data=b"{}",
        repeatable=Repeatable("files"),
    )
    new, key = NewBatch(input_file_id=file.id), Repeatable("batches", "film-1")
    first = batches.create(services, CALLER, new, key).batch
    stored = services.batches.get(first.id)
    assert stored is not None
    services.batches.replace(stored, replace(first, status=status))
    days = services.settings.durations.of(3 * KEYS_KEPT)
    later = replace(services, clock=lambda: time.time() + days)
    assert (batches.create(later, CALLER, new, key).batch.id == first.id) is again
