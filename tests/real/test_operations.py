"""Every operation of the OpenAPI document, and what the host answers in our stead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.stack import API_KEY
from tests.conftest import Simulator
from tests.real.conftest import RealStack
from tests.support.media import played
from tests.support.stacks import Client

_ID = "{video_id}"


@pytest.fixture(scope="module")
def asked() -> set[tuple[str, str]]:
    """Method and path template of what was answered as the document promises."""
    return set()


@pytest.fixture
def caller(api: Client, asked: set[tuple[str, str]]) -> Client:
    """The local caller, whose successes are noted."""

    def note(answer: httpx.Response) -> None:
        path = answer.request.url.path.removeprefix("/openai/v1")
        template = re.sub("video_[0-9a-f]{32}", _ID, path).replace("/sora-2", "/{model}")
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
