"""The worker of a batch keeps the time: it calls one activity until the batch is over, with a
bounded history, and leaves the batch to the sweep when the activity stays broken."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from orchestrators.run_batch import run_batch
from shared.durable import names
from shared.durable.names import RunBatch
from tests.support.driver import orchestrator
from tests.support.scripted import Script, out

BATCH: RunBatch = {"v": 1, "batch_id": "batch_" + "0" * 32, "epoch": 3, "scale": 1.0}
ADVANCE = names.ADVANCE_BATCH


def script(*answers: dict[str, Any] | str, payload: RunBatch | None = None) -> Script:
    """A string is an error to raise."""
    asked = deque((ADVANCE, answer) for answer in answers)
    return Script(orchestrator(run_batch), payload or {**BATCH}, asked)


def test_it_advances_until_the_batch_is_over() -> None:
    run = script(out("again"), out("again", wait=10.0), out("again", wait=300.0), out("done"))
    assert run.run() == "done"
    assert run.waits() == [10.0, 300.0]
    activities = [task for task in run.tasks if task.kind == "activity"]
    whose = {"v": 1, "batch_id": BATCH["batch_id"], "epoch": 3}
    assert [task.input for task in activities] == [whose] * 4


def test_a_superseded_worker_ends_at_once() -> None:
    run = script(out("superseded"), out("again"))
    assert run.run() == "superseded"
    assert len(run.answers) == 1
    assert run.again is None


def test_a_broken_activity_is_called_again_with_growing_pauses() -> None:
    run = script("storage is down", "storage is down", out("again", wait=10.0), out("done"))
    assert run.run() == "done"
    assert run.waits() == [2.0, 4.0, 10.0]


def test_an_activity_that_stays_broken_leaves_the_batch_to_the_sweep() -> None:
    run = script(*["broken"] * 5)
    assert run.run() == "abandoned: advance_batch"
    assert run.again is None


def test_pauses_of_our_own_follow_the_time_scale() -> None:
    run = script("broken", out("done"), payload={**BATCH, "scale": 20.0})
    run.run()
    assert run.waits() == [0.1]


@pytest.mark.parametrize("wait", [0.0, 10.0])
def test_history_is_bounded_however_many_lines_there_are(wait: float) -> None:
    payload: RunBatch = {**BATCH}
    steps = 0
    for generation in range(50):
        run = script(*[out("again", wait=wait)] * 40, payload=payload)
        assert run.run() == "continued"
        assert run.again == {**BATCH, "generation": generation + 1}
        assert len(run.tasks) * 4 <= 60  # an activity or a timer is four history events
        steps += 40 - len(run.answers)
        payload = run.again
    assert steps >= 200


def test_failures_count_into_the_bound() -> None:
    """A generation that had to try again is not longer for it."""
    run = script(*["broken"] * 4, out("again", wait=1.0), *[out("again", wait=1.0)] * 5)
    assert run.run() == "continued"
    assert len(run.tasks) * 4 <= 60
