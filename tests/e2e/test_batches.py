"""A batch from file to output, with OpenAI's own client and nothing but a base URL and a key."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import ConflictError, OpenAI
from openai.types import Batch

from local.stack import API_KEY
from tests.conftest import Simulator
from tests.support.media import picture
from tests.support.stacks import Client

ENDED = ("completed", "failed", "expired", "cancelled")
PRICE = 400_000
"""Micro-USD of four seconds."""


@pytest.fixture
def openai(api: Client) -> Iterator[OpenAI]:
    with OpenAI(base_url=api.stack.api, api_key=API_KEY, max_retries=0) as client:
        yield client


def asked(number: int, **body: Any) -> dict[str, Any]:
    return {
        "custom_id": f"clip-{number}",
        "method": "POST",
        "url": "/v1/videos",
        "body": {"model": "sora-2", "prompt": f"clip {number}", "seconds": "4", **body},
    }


def file_of(openai: OpenAI, *lines: dict[str, Any]) -> str:
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return openai.files.create(file=("film.jsonl", data), purpose="batch").id


def batch_of(openai: OpenAI, file_id: str, **ours: Any) -> Batch:
    return openai.batches.create(
        input_file_id=file_id,
        endpoint="/v1/videos",
        completion_window="24h",
        extra_body=ours,
    )


def ended(openai: OpenAI, batch: Batch, patience: float = 180) -> Any:
    until = time.monotonic() + patience
    while (batch := openai.batches.retrieve(batch.id)).status not in ENDED:
        assert time.monotonic() < until, batch
        time.sleep(0.2)
    return batch


def lines_of(openai: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(line) for line in openai.files.content(file_id).text.splitlines()]


def test_a_file_becomes_videos_and_their_results_a_file(
    openai: OpenAI, simulator: Simulator
) -> None:
    image = openai.files.create(file=("a.png", picture(1280, 720)), purpose="vision")
    start = {"input_reference": {"file_id": image.id}, "size": "1280x720"}
    batch = batch_of(openai, file_of(openai, asked(1), asked(2, **start), asked(3)))
    assert (batch.object, batch.status) == ("batch", "validating")

    done = ended(openai, batch)
    assert (done.status, done.errors, done.error_file_id) == ("completed", None, None)
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 3, 0)
    assert done.cost["settled"] == "1.20"

    results = lines_of(openai, done.output_file_id)
    assert [line["custom_id"] for line in results] == ["clip-1", "clip-2", "clip-3"]
    videos = [line["response"]["body"] for line in results]
    assert [video["status"] for video in videos] == ["completed"] * 3
    assert {video["prompt"] for video in videos} == {"clip 1", "clip 2", "clip 3"}
    table = list(csv.DictReader(io.StringIO(openai.files.content(done.table_file_id).text)))
    assert [(row["custom_id"], row["video_id"], row["cost_usd"]) for row in table] == [
        (line["custom_id"], video["id"], "0.40")
        for line, video in zip(results, videos, strict=True)
    ]
    assert len(simulator.journal()["jobs"]) == 3
    assert openai.batches.list().data[0].id == batch.id


def test_a_budget_that_ends_in_the_middle_is_not_passed(
    openai: OpenAI, simulator: Simulator
) -> None:
    file_id = file_of(openai, *(asked(number) for number in range(1, 6)))
    done = ended(openai, batch_of(openai, file_id, budget_usd="1.19"))
    assert (done.status, done.stopped) == ("completed", "stopped_by_budget")
    assert done.cost["committed"] == done.cost["settled"] == "0.80"
    assert done.request_counts.completed == 2
    left = lines_of(openai, done.error_file_id)
    assert [line["error"]["code"] for line in left] == ["stopped_by_budget"] * 3
    assert [line["custom_id"] for line in left] == ["clip-3", "clip-4", "clip-5"]
    assert len(simulator.journal()["jobs"]) == 2

    again: Any = openai.post(f"/batches/{batch_id(done)}/retry", cast_to=Batch)
    rest = ended(openai, again)
    assert rest.retry_of == done.id
    assert [line["custom_id"] for line in lines_of(openai, rest.output_file_id)] == [
        "clip-3",
        "clip-4",
    ]


def batch_id(batch: Any) -> str:
    return str(batch.id)


def test_one_wrong_line_and_nothing_is_spent(openai: OpenAI, simulator: Simulator) -> None:
    file_id = file_of(openai, asked(1), asked(2, seconds="5"), asked(1), {"custom_id": "x"})
    done = ended(openai, batch_of(openai, file_id))
    assert done.status == "failed"
    wrong = [(each.line, each.param, each.code) for each in done.errors.data]
    assert wrong == [
        (2, "body.seconds", "invalid_value"),
        (3, "custom_id", "duplicate_custom_id"),
        (4, "body", "missing_required_parameter"),
    ]
    told = lines_of(openai, done.error_file_id)
    assert [line["error"]["line"] for line in told] == [2, 3, 4]
    assert simulator.journal()["jobs"] == []
    with pytest.raises(ConflictError):
        openai.batches.cancel(done.id)


def test_a_dry_run_says_the_price_and_spends_nothing(openai: OpenAI, simulator: Simulator) -> None:
    done = ended(openai, batch_of(openai, file_of(openai, asked(1), asked(2)), dry_run=True))
    assert (done.status, done.cost["estimated"], done.request_counts.total) == (
        "completed",
        "0.80",
        2,
    )
    assert simulator.journal()["jobs"] == []


def test_a_repeat_gets_the_first_batch(openai: OpenAI) -> None:
    file_id = file_of(openai, asked(1))
    made = [
        openai.batches.create(
            input_file_id=file_id,
            endpoint="/v1/videos",
            completion_window="24h",
            extra_headers={"Idempotency-Key": "film-1"},
        ).id
        for _ in range(2)
    ]
    assert made[0] == made[1]
    ended(openai, openai.batches.retrieve(made[0]))
    assert [batch.id for batch in openai.batches.list().data].count(made[0]) == 1


def test_a_cancelled_batch_collects_what_runs_and_starts_nothing_more(
    openai: OpenAI, api: Client, simulator: Simulator
) -> None:
    file_id = file_of(openai, *(asked(number) for number in range(1, 9)))
    batch = batch_of(openai, file_id, max_running=2)
    until = time.monotonic() + 120
    while not simulator.journal()["jobs"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert openai.batches.cancel(batch.id).status == "cancelling"
    done = ended(openai, batch)
    counts = done.request_counts
    assert done.status == "cancelled"
    assert counts.completed + counts.failed + counts.not_started == 8
    jobs = simulator.journal()["jobs"]
    assert counts.completed == len(jobs) < 8
    assert done.cost["reserved"] == "0.00"
