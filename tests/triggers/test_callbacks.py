"""The route where upstreams call back: open to the world, and of no use to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from shared.durable import names
from shared.lifecycle.services import Services
from shared.lifecycle.steps import submit_job, take_turn
from tests.support.surface import http_functions, send

PATH = "/callbacks/sora-2"
FOX = {"model": "sora-2", "prompt": "a fox"}


class Durable:
    """Notes what is raised."""

    def __init__(self) -> None:
        self.raised: list[tuple[str, str]] = []

    async def start_new(self, *_: Any) -> None: ...

    async def raise_event(self, instance: str, event: str, _: Any) -> None:
        self.raised.append((instance, event))


@pytest.fixture
def calls_back(app: Callable[..., Services], upstreams: Callable[..., str]) -> Services:
    """Deployments of which one calls back without a signature."""
    entries = json.loads(upstreams())
    for entry in entries:
        if entry["model"] == "sora-2":
            entry |= {"callback": {}, "wire": {"calls_back": "openrouter"}}
    return app(UPSTREAMS=json.dumps(entries))


def test_a_call_wakes_the_worker_whoever_sends_it(calls_back: Services) -> None:
    durable = Durable()
    video = send("POST", "/videos", body=FOX, client=durable).json["id"]
    take_turn.take_turn(calls_back, video, 1, "hint")
    submitted = submit_job.submit_job(calls_back, video, 1).result
    work = calls_back.work.get(video)
    assert work is not None
    answer = send("POST", PATH, key=None, body={"data": {"id": work.job_id}}, client=durable)
    assert (answer.status, answer.body) == (204, b"")
    assert durable.raised == [(f"{video}-1", submitted["hint"])]


def test_a_job_that_is_not_known_is_answered_no_differently(calls_back: Services) -> None:
    durable = Durable()
    for found in ("video_nobody", "x" * 900, "../../work", "a/b?c#d"):
        answer = send("POST", PATH, key=None, body={"data": {"id": found}}, client=durable)
        assert (answer.status, answer.body) == (204, b"")
    assert durable.raised == []


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (PATH, {}, (400, "invalid_value")),
        (PATH, {"data": {"id": "x" * 70_000}}, (413, "body_too_large")),
        ("/callbacks/another", {"data": {"id": "x"}}, (404, "unknown_callback")),
        ("/callbacks/sora-1", {"data": {"id": "x"}}, (404, "unknown_callback")),
    ],
)
def test_what_makes_no_sense_is_refused(
    calls_back: Services, path: str, body: Any, expected: tuple[int, str]
) -> None:
    answer = send("POST", path, key=None, body=body, client=Durable())
    assert (answer.status, answer.json["error"]["code"]) == expected


def test_its_path_is_where_upstreams_are_asked_to_call() -> None:
    (found,) = [each for each in http_functions() if each.name == "receive_callback"]
    assert found.route == f"{names.CALLBACKS_PATH}/{{deployment}}"
    assert [str(method) for method in found.methods] == ["POST"]


def test_a_body_that_is_announced_as_too_large_is_not_read(calls_back: Services) -> None:
    (found,) = [each for each in http_functions() if each.name == "receive_callback"]
    assert calls_back.settings.upstream("sora-2") is not None
    request = func.HttpRequest(
        "POST",
        "http://x/openai/v1/callbacks/sora-2",
        headers={"content-length": "70000"},
        route_params={"deployment": "sora-2"},
        body=b"{}",
    )
    answered = asyncio.run(found.call.client_function(request, Durable()))
    assert answered.status_code == 413
