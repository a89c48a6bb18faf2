"""A batch of two lines, whose host is killed at one of its effects."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any, get_args

import httpx

from tests.faults.gate import When
from tests.faults.rig import HANGS, Rig, Sweeps, TookTooLong
from tests.faults.scenarios import Outcome, killed

_EVERY = 12
"""One effect in so many: a batch's own writes are each tried without a host, in
`tests/shared/lifecycle/batches/test_deaths.py`."""
_PROMPTS = ("a fox", "an owl")
_ENDED = ("completed", "failed", "expired", "cancelled")
_BODY = {"model": "sora", "size": "480x480", "seconds": "2"}
_BUDGET = "0.05"
"""Exactly what both lines cost."""
_PATIENCE = 2.0
"""Seconds after which the sweep runs, which is work for the gate as well."""


@dataclass(frozen=True)
class BatchScenario:
    """The host is killed at effect `number` of the batch, before it is sent or after it was
    answered. The client repeats what is not answered."""

    number: int
    when: When

    @property
    def name(self) -> str:
        return f"batch killed {self.when} effect {self.number}"

    def run(self, rig: Rig) -> Outcome:
        return killed(rig, self.name, self.number, self.when, play)


def batch_scenarios(effects: int) -> list[BatchScenario]:
    """Some of the effects of a clean batch, others before than after."""
    return [
        BatchScenario(number, when)
        for start, when in zip((1, 1 + _EVERY // 2), get_args(When), strict=True)
        for number in range(start, effects + 1, _EVERY)
    ]


def effects_of_a_clean_batch(rig: Rig) -> int:
    """How many effects a batch has when nothing goes wrong."""
    rig.ensure_host()
    rig.clear()
    assert play(rig) == []
    assert rig.breaches() == []
    return len(rig.gate.effects)


def play(rig: Rig) -> list[str]:
    """Run a batch to its end; what is wrong with it."""
    lines = [
        {"custom_id": prompt, "method": "POST", "url": "/v1/videos"}
        | {"body": {"prompt": prompt, **_BODY}}
        for prompt in _PROMPTS
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    sent = {"data": {"purpose": "batch"}, "files": {"file": ("film.jsonl", data)}}
    file = _asked(rig, "POST", "/files", key="file", **sent)
    asked = {
        "input_file_id": file["id"],
        "endpoint": "/v1/videos",
        "completion_window": "30d",
        "budget_usd": _BUDGET,
    }
    batch = _asked(rig, "POST", "/batches", key="batch", json=asked)
    until, sweeps = time.monotonic() + HANGS, Sweeps(_PATIENCE)
    while batch["status"] not in _ENDED:
        if time.monotonic() > until:
            raise TookTooLong(f"the batch is {batch['status']}: {batch['request_counts']}")
        if rig.ensure_host():
            sweeps.now()
        if sweeps.due():
            rig.sweep()
        time.sleep(0.3)
        batch = _asked(rig, "GET", f"/batches/{batch['id']}")
    rig.settle()
    return _wrong_with(rig, batch)


def _wrong_with(rig: Rig, batch: dict[str, Any]) -> list[str]:
    wrong = []
    counts, cost = batch["request_counts"], batch["cost"]
    if (batch["status"], counts["completed"], counts["total"]) != ("completed", 2, 2):
        wrong.append(f"the batch is {batch['status']}: {counts}")
    if (cost["committed"], cost["settled"]) != (_BUDGET, _BUDGET):
        wrong.append(f"the batch has cost {cost}")
    jobs = sorted(job["spec"]["prompt"] for job in rig.simulator("GET", "/_sim/journal")["jobs"])
    if jobs != sorted(_PROMPTS):
        wrong.append(f"the upstream made {jobs}")
    files = _asked(rig, "GET", "/files")["data"]
    if len(files) != 3:
        wrong.append(f"{len(files)} files: {[each['filename'] for each in files]}")
    return wrong


def _asked(rig: Rig, method: str, path: str, *, key: str | None = None, **sent: Any) -> Any:
    """The answer to a client that repeats what is not answered."""
    headers = {} if key is None else {"Idempotency-Key": key}
    until = time.monotonic() + HANGS
    while True:
        rig.ensure_host()
        with contextlib.suppress(httpx.TransportError):
            answer = rig.http.request(method, f"{rig.stack.api}{path}", headers=headers, **sent)
            if answer.status_code == 200:
                return answer.json()
            assert answer.status_code >= 500, answer.text
        if time.monotonic() > until:
            raise TookTooLong(f"{method} {path} was never answered")
