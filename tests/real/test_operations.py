"""Every operation of the OpenAPI document, and what the host answers in our stead."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from local.stack import API_KEY
from shared.domain.limits import LARGEST_BODY
from tests.conftest import Simulator
from tests.real.conftest import AGENT_KEY, RealStack
from tests.support.media import played
from tests.support.stacks import Client, client

MCP = {"mcp-protocol-version": "2025-11-25", "accept": "application/json, text/event-stream"}
ENDED = ("completed", "failed", "expired", "cancelled")


def _parameter(any_id: re.Match[str]) -> str:
    """What stands for an id in the document."""
    return f"{{{any_id[1]}_id}}"


@pytest.fixture(scope="module")
def asked() -> set[tuple[str, str]]:
    """Method and path template of what was answered as the document promises."""
    return set()


@pytest.fixture
def caller(api: Client, asked: set[tuple[str, str]]) -> Client:
    """The local caller, whose successes are noted."""

    def note(answer: httpx.Response) -> None:
        path = answer.request.url.path.removeprefix("/openai/v1")
        template = re.sub("(video|file|batch)[_-][0-9a-f]{32}", _parameter, path)
        template = re.sub("approval_[0-9a-f]{40}", "{approval_id}", template)
        template = template.replace("callbacks/sora-2", "callbacks/{deployment}")
        template = template.replace("deployments/sora-2", "deployments/{deployment}")
        template = template.replace("/sora-2", "/{model}")
        if answer.status_code < 400:
            asked.add((answer.request.method.lower(), template))

    api.http.event_hooks["response"].append(note)
    return api


def ask(api: Client, method: str, path: str, status: int, **more: Any) -> httpx.Response:
    answer = api.http.request(method, f"{api.stack.api}{path}", **more)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
    if status >= 400 and method != "HEAD":
        assert set(answer.json()["error"]) >= {"message", "type", "param", "code", "charged"}
    return answer


def test_the_life_of_a_video_by_every_operation(caller: Client, simulator: Simulator) -> None:
    for path in ("/health", "/health/ready", "/openapi.json", "/docs", "/models", "/models/sora-2"):
        ask(caller, "GET", path, 200)
    order = {"model": "sora-2", "prompt": "a fox in the snow", "webhook": "mine"}
    assert ask(caller, "POST", "/quotes", 200, json=order).json()["admitted"] is True
    made = caller.create(**order)
    video = caller.wait(made["id"])
    assert (video["status"], video["error"]) == ("completed", None)
    place = f"/videos/{video['id']}"
    (called,) = simulator.journal()["callbacks"]
    assert called["status"] == 204
    about = {"data": {"id": called["job"]}}
    ask(caller, "POST", "/callbacks/sora-2", 204, json=about)
    listed = ask(caller, "GET", "/videos", 200, params={"limit": 5}).json()
    assert listed["data"][0]["id"] == video["id"]
    length = ask(caller, "HEAD", f"{place}/content", 200).headers["content-length"]
    content = ask(caller, "GET", f"{place}/content", 200, params={"stream": "true"}).content
    assert len(content) == int(length) == video["outputs"][0]["size_bytes"]
    assert played(content)[:2] == (720, 1280)
    away = ask(caller, "GET", f"{place}/content", 302).headers["location"]
    assert httpx.get(away, trust_env=False).content == content
    part = ask(
        caller,
        "GET",
        f"{place}/content?stream=true",
        206,
        headers={"range": "bytes=0-99"},
    )
    assert (part.content, part.headers["content-range"]) == (
        content[:100],
        f"bytes 0-99/{len(content)}",
    )
    remixed = ask(caller, "POST", f"{place}/remix", 200, json={"prompt": "in the rain"}).json()
    assert caller.wait(remixed["id"])["status"] == "completed"
    ask(caller, "GET", f"{place}/deliveries", 200)
    ask(caller, "POST", f"{place}/redeliver", 200)
    simulator.script({"operation": "create", "action": {"type": "stuck"}})
    stuck = caller.create(prompt="a fox that stands still")
    caller.wait(stuck["id"], until=lambda video: video["stage"] == "rendering")
    cancelled = ask(caller, "POST", f"/videos/{stuck['id']}/cancel", 200).json()
    assert cancelled["status"] == "cancelled"
    ask(caller, "GET", "/usage", 200)
    gone = ask(caller, "DELETE", f"/videos/{remixed['id']}", 200).json()
    assert gone == {"id": remixed["id"], "object": "video.deleted", "deleted": True}
    ask(caller, "GET", f"/videos/{remixed['id']}", 404)


def test_the_life_of_a_file_by_every_operation(caller: Client) -> None:
    """One that is larger than any other body may be."""
    data = b'{"custom_id": "fox"}\n' * (LARGEST_BODY // 20)
    sent = {"file": ("requests.jsonl", data)}
    made = ask(caller, "POST", "/files", 200, data={"purpose": "batch"}, files=sent).json()
    place = f"/files/{made['id']}"
    assert ask(caller, "GET", place, 200).json() == made
    assert made in ask(caller, "GET", "/files", 200).json()["data"]
    content = ask(caller, "GET", f"{place}/content", 200)
    assert content.content == data
    assert content.headers["content-disposition"].startswith("attachment; ")
    gone = ask(caller, "DELETE", place, 200).json()
    assert gone == {"id": made["id"], "object": "file", "deleted": True}
    ask(caller, "GET", place, 404)


def test_the_life_of_a_batch_by_every_operation(caller: Client, simulator: Simulator) -> None:
    """Of two lines, of which its budget takes one; a retry makes the other."""
    lines = [{"custom_id": f"fox-{n}", "body": {"prompt": f"fox {n}"}} for n in (1, 2)]
    data = "\n".join(map(json.dumps, lines)).encode()
    sent = {"file": ("film.jsonl", data)}
    file = ask(caller, "POST", "/files", 200, data={"purpose": "batch"}, files=sent).json()
    new = {
        "input_file_id": file["id"],
        "endpoint": "/v1/videos",
        "completion_window": "24h",
        "budget_usd": "0.50",
    }
    made = ask(caller, "POST", "/batches", 200, json=new).json()
    place = f"/batches/{made['id']}"
    assert ask(caller, "POST", f"{place}/pause", 200).json()["paused"] is True
    assert ask(caller, "POST", f"{place}/resume", 200).json()["paused"] is False
    batch = ended(caller, place)
    assert (batch["status"], batch["stopped"]) == ("completed", "stopped_by_budget")
    assert batch["cost"]["settled"] == "0.40"
    table = ask(caller, "GET", f"/files/{batch['table_file_id']}/content", 200).text
    assert [row.split(",")[1] for row in table.splitlines()] == ["custom_id", "fox-1", "fox-2"]
    listed = ask(caller, "GET", "/batches", 200).json()["data"]
    assert batch["id"] in [each["id"] for each in listed]
    rest = ask(caller, "POST", f"{place}/retry", 200).json()
    assert ended(caller, f"/batches/{rest['id']}")["request_counts"]["completed"] == 1
    assert len(simulator.journal()["jobs"]) == 2
    another = ask(caller, "POST", "/batches", 200, json={**new, "max_running": 1}).json()
    ask(caller, "POST", f"/batches/{another['id']}/cancel", 200)
    assert ended(caller, f"/batches/{another['id']}")["status"] == "cancelled"


def test_a_deployment_is_paused_and_resumed(caller: Client) -> None:
    paused = ask(caller, "POST", "/deployments/sora-2/pause", 200).json()
    assert paused["paused"] is True
    made = caller.create(prompt="a fox that waits")
    caller.wait(made["id"], until=lambda video: video["stage"] == "waiting_for_quota")
    listed = ask(caller, "GET", "/deployments", 200).json()
    assert paused["name"] in [each["name"] for each in listed["data"] if each["paused"]]
    resumed = ask(caller, "POST", "/deployments/sora-2/resume", 200).json()
    assert resumed["paused"] is False
    assert caller.wait(made["id"])["status"] == "completed"


def test_an_agent_asks_and_a_person_approves(caller: Client) -> None:
    origin = caller.stack.api.removesuffix("/openai/v1")
    arguments = {"prompt": "a dear fox", "seconds": "4", "request_id": "dear", "max_usd": 1}
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "create_video", "arguments": arguments},
    }
    agent = client(caller.stack, AGENT_KEY)

    def call() -> dict[str, Any]:
        answer = agent.http.post(f"{origin}/mcp", json=message, headers=MCP)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()["result"]["structuredContent"]
        return said

    with closing(agent.http):
        approval = call()["approval"]
        assert "text/html" in httpx.get(approval["url"], trust_env=False).headers["content-type"]
        path = f"/approvals/{approval['id']}"
        price = {"estimated": ask(caller, "GET", path, 200).json()["estimated"]}
        ask(caller, "POST", f"{path}/approve", 200, json=price)
        made = call()
        assert agent.wait(made["id"])["status"] == "completed"
        assert call()["id"] == made["id"]


def test_the_studio_is_served(caller: Client) -> None:
    origin = caller.stack.api.removesuffix("/openai/v1")
    led = httpx.get(origin, headers={"accept": "text/html"}, trust_env=False)
    assert (led.status_code, led.headers["location"]) == (302, "/studio")
    page = httpx.get(f"{origin}/studio", trust_env=False)
    (script,) = re.findall(r'<script type="module" src="([^"]+)"', page.text)
    assert httpx.get(f"{origin}{script}", trust_env=False).status_code == 200


def ended(caller: Client, place: str) -> dict[str, Any]:
    """A batch once it is over."""
    limit = time.monotonic() + 90
    while (batch := ask(caller, "GET", place, 200).json())["status"] not in ENDED:
        assert time.monotonic() < limit, batch
        time.sleep(0.2)
    return dict(batch)


def test_a_video_of_the_other_dialect_with_variants(caller: Client) -> None:
    made = caller.create(model="sora", prompt="a fox", size="480x480", seconds="5", n_variants=2)
    video = caller.wait(made["id"])
    assert (video["status"], len(video["outputs"])) == ("completed", 2)


def test_a_video_that_is_deleted_while_it_renders_is_gone(
    caller: Client, simulator: Simulator
) -> None:
    simulator.script({"operation": "create", "action": {"type": "stuck"}})
    made = caller.create(prompt="a fox that stands still")
    caller.wait(made["id"], until=lambda video: video["stage"] == "rendering")
    ask(caller, "DELETE", f"/videos/{made['id']}", 200)
    ask(caller, "GET", f"/videos/{made['id']}", 404)


def test_nothing_of_the_document_was_left_out(caller: Client, asked: set[tuple[str, str]]) -> None:
    document = ask(caller, "GET", "/openapi.json", 200).json()
    described = {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }
    assert described - asked == set()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/videos/video_nothing", 404, "not_found"),
        ("GET", "/nothing", 404, "unknown_route"),
        ("PUT", "/videos", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("POST", "/videos/edits", 400, "unsupported_operation"),
        ("GET", "/videos?LIMIT=500", 400, "invalid_value"),
        ("GET", "/videos?limit=5&limit=6", 400, "invalid_value"),
    ],
)
def test_what_is_wrong_gets_the_envelope(
    api: Client, method: str, path: str, status: int, code: str
) -> None:
    assert ask(api, method, path, status).json()["error"]["code"] == code


def test_a_stranger_is_turned_away(real: RealStack) -> None:
    for key in (None, "wrong"):
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        answer = httpx.get(f"{real.api}/videos", headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_body_in_chunks_is_told_what_to_do(api: Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"prompt": '
        yield b'"a fox in pieces"}'

    headers = {"content-type": "application/json"}
    answer = ask(api, "POST", "/videos", 411, content=chunks(), headers=headers)
    assert "Content-Length" in answer.json()["error"]["message"]
    before = ask(api, "GET", "/videos", 200, params={"limit": 1}).json()["data"]
    assert [video for video in before if video["prompt"] == "a fox in pieces"] == []


def test_what_is_too_long_is_the_hosts_own_answer(real: RealStack) -> None:
    with httpx.Client(trust_env=False, headers={"authorization": f"Bearer {API_KEY}"}) as http:
        assert http.get(f"{real.api}/videos?after={'x' * 9000}").status_code == 414
        assert http.get(f"{real.api}/videos", headers={"x": "y" * 40_000}).status_code == 431


def test_a_preflight_and_a_browser_at_the_root_are_answered_by_the_app(real: RealStack) -> None:
    origin = f"http://127.0.0.1:{real.ports.functions}"
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{real.api}/videos", headers=asked, trust_env=False)
    assert "access-control-allow-origin" not in answer.headers
    for method in ("GET", "POST", "HEAD"):
        answer = httpx.request(method, f"{origin}/", trust_env=False)
        assert (answer.status_code, answer.headers["content-type"][:16]) == (
            404,
            "application/json",
        )
