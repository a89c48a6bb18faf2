"""`make film`: thousands of lines of one batch through the local stack, and what they leave behind.

Limits and ceilings are raised so far that only the machinery counts. It prints how long the batch
took, how the app's process grew, and every promise that was broken.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from azure.data.tables import TableServiceClient

from bench.processes import memory
from bench.wide import wide_stack
from local.loopback import BRIEFLY, NO_TLS
from local.ports import free_ports
from local.signals import end_on_signals
from local.stack import API_KEY, Stack
from shared.domain.limits import MIB

LINES = 10_000
_SCALE = 20
"""Not more: a worker that a busy machine holds up for seconds would be taken for dead."""
_CHEAPEST = {"model": "sora", "size": "480x480", "seconds": "1"}
_PRICE = 12_500
"""What one of these costs, in micro-USD."""
_RENDER_SECONDS = 20.0
"""One real second."""
_LIMITS = {"max_running": 40, "max_creates_per_minute": 60}
"""As many as one process keeps busy: each line that waits beyond them is looked at for nothing."""
_MOST_GROWTH = 64
_ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Shown:
    """What one run came to. Sizes are in MiB."""

    lines: int
    batch: dict[str, Any]
    seconds: float
    before: float
    largest: float
    breaches: Sequence[str]

    @property
    def growth(self) -> float:
        return self.largest - self.before


def play(lines: int, folder: Path, *, left_out: int = 0, quiet: bool = True) -> Shown:
    """Send a batch of `lines` whose budget reaches for all but the last `left_out`."""
    deployment = {"name": "sora", "dialect": "sora-1"}
    with wide_stack(
        folder, deployment, scale=_SCALE, render=_RENDER_SECONDS, limits=_LIMITS
    ) as stack:
        stack.start_hub()
        (port,) = free_ports(1)
        host = stack.start_one_of("host 1", port, {})
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/openai/v1",
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=120,
            trust_env=False,
            verify=NO_TLS,
            limits=BRIEFLY,
        ) as http:
            _run(http, 3, None)  # what is loaded once is not growth
            before, began = memory(host.pid, "VmRSS") / MIB, time.monotonic()
            batch = _run(http, lines, f"{(lines - left_out) * _PRICE / 1e6:.4f}", quiet=quiet)
            took = time.monotonic() - began
            largest = memory(host.pid, "VmHWM") / MIB
            output, errors = (
                _lines(http, batch[file]) for file in ("output_file_id", "error_file_id")
            )
        breaches = _breaches(stack, batch, output, errors, lines - left_out)
        return Shown(lines, batch, took, before, largest, breaches)


def _run(http: httpx.Client, lines: int, budget: str | None, *, quiet: bool = True) -> Any:
    data = "".join(json.dumps(_line(lines, number)) + "\n" for number in range(lines)).encode()
    file = _ok(http.post("/files", files={"file": ("film.jsonl", data)}, data={"purpose": "batch"}))
    asked = {
        "input_file_id": file["id"],
        "endpoint": "/v1/videos",
        "completion_window": "30d",
        **({} if budget is None else {"budget_usd": budget}),
    }
    batch = _ok(http.post("/batches", json=asked))
    began = said = time.monotonic()
    while batch["status"] not in _ENDED:
        time.sleep(1)
        batch = _ok(http.get(f"/batches/{batch['id']}"))
        if not quiet and time.monotonic() - said > 30:
            said = time.monotonic()
            counts = batch["request_counts"]
            print(f"{said - began:6.0f} s  {batch['status']}  {counts}", flush=True)
    return batch


def _line(lines: int, number: int) -> dict[str, Any]:
    return {
        "custom_id": f"clip-{number}",
        "method": "POST",
        "url": "/v1/videos",
        "body": {**_CHEAPEST, "prompt": f"clip {number} of {lines}"},
    }


def _ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def _lines(http: httpx.Client, file_id: str | None) -> list[Any]:
    if file_id is None:
        return []
    answer = http.get(f"/files/{file_id}/content", follow_redirects=True)
    return [json.loads(line) for line in answer.text.splitlines()]


def _breaches(
    stack: Stack, batch: dict[str, Any], output: list[Any], errors: list[Any], fit: int
) -> list[str]:
    """Every promise that was broken, by the upstream's journal, the rows and the files."""
    found: list[str] = []

    def check(holds: bool, breach: str) -> None:
        if not holds:
            found.append(breach)

    counts = batch["request_counts"]
    check(batch["status"] == "completed", f"the batch is {batch['status']}")
    failures = Counter(
        json.dumps(line["error"] or line["response"]["body"]["error"]) for line in errors
    )
    check(counts["completed"] == fit, f"{counts} of {fit} that fit: {failures.most_common(5)}")
    videos = {line["response"]["body"]["id"] for line in output}
    check(len({line["custom_id"] for line in output}) == len(videos) == fit, "results are missing")
    journal = _ok(httpx.get(f"{stack.simulator_url}/_sim/journal", timeout=300, trust_env=False))
    jobs = Counter(job["spec"]["prompt"] for job in journal["jobs"])
    total = counts["total"]
    wanted = {f"clip {number} of {total}": 1 for number in range(fit)}
    made = {prompt: count for prompt, count in jobs.items() if prompt.endswith(f"of {total}")}
    check(made == wanted, "a line has not exactly one job")
    refused = [sum(seen["refused"].values()) for seen in journal["deployments"].values()]
    check(not any(refused), "the upstream refused creates")
    with TableServiceClient.from_connection_string(stack.settings["STORAGE_CONNECTION"]) as tables:
        rows = tables.get_table_client("ledger").query_entities(f"batch eq '{batch['id']}'")
        booked = sum(
            int(row[name].value)
            for row in rows
            for name in ("reserved_micro_usd", "settled_micro_usd", "unknown_micro_usd")
        )
        left = list(tables.get_table_client("work").list_entities())
    check(booked == fit * _PRICE, f"{booked} micro-USD are booked for {fit} videos")
    check(not left, f"{len(left)} videos are unfinished")
    return found


def main() -> None:
    end_on_signals()
    parser = argparse.ArgumentParser(prog="bench.film", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        shown = play(chosen.lines, Path(name), left_out=chosen.lines // 100, quiet=False)
    print(
        f"{shown.lines} lines in {shown.seconds:.0f} s "
        f"({60 * shown.lines / shown.seconds:.0f} a minute), cost {shown.batch['cost']}"
    )
    print(
        f"the app's process: {shown.before:.0f} MiB before, {shown.largest:.0f} at most: "
        f"it grew by {shown.growth:.0f} of {_MOST_GROWTH} allowed"
    )
    for breach in shown.breaches:
        print(f"BROKEN: {breach}")
    if shown.breaches or shown.growth > _MOST_GROWTH:
        raise SystemExit(1)
    print("0 promises broken")


if __name__ == "__main__":
    main()
