"""Browsers on other origins: closed by default, and then as far open as the setting says."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import azure.functions as func
import pytest

from local.stack import ROOT, local_settings
from shared.settings import app as module
from shared.settings.app import SettingsError, settings
from tests.support.surface import http_functions, send

OURS, OTHER = "https://app.example.com", "https://evil.example.com"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f'["{OURS}", "http://localhost:3000"]')
    module.settings.cache_clear()


def cors(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control")}


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_closed_by_default(method: str) -> None:
    answer = send(method, "/health", headers={"origin": OURS, **PREFLIGHT})
    assert cors(answer.headers) == {}
    assert answer.status == (200 if method == "GET" else 405)


def test_a_listed_origin_may_read_answers_and_their_headers(listed: None) -> None:
    answer = send("GET", "/health", key=None, headers={"origin": OURS})
    assert answer.headers["access-control-allow-origin"] == OURS
    exposed = answer.headers["access-control-expose-headers"]
    for name in ("x-request-id", "retry-after", "openai-poll-after-ms", "content-range"):
        assert name in exposed.split(", ")
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


def test_another_origin_may_not(listed: None) -> None:
    for headers in ({"origin": OTHER}, {"origin": f"{OURS}.evil.com"}, {"origin": "null"}, {}):
        answer = send("GET", "/health", headers=headers)
        assert cors(answer.headers) == {}
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/videos", "/videos/video_1", "/usage", "/nothing/here"])
def test_a_preflight_needs_no_key(listed: None, path: str) -> None:
    answer = send("OPTIONS", path, key=None, headers={"origin": OURS, **PREFLIGHT})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key", "prefer", "range"} <= set(allowed)


def test_a_preflight_allows_what_openais_client_sends(listed: None) -> None:
    """What it sets of its own (6.49); Firefox and Safari ask for `user-agent` as well
    (openai/openai-node#1694)."""
    answer = send("OPTIONS", "/videos", key=None, headers={"origin": OURS, **PREFLIGHT})
    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    code = (ROOT / "node_modules/openai/client.js").read_text()
    platform = (ROOT / "node_modules/openai/internal/detect-platform.js").read_text()
    named = re.findall(r"'(User-Agent|OpenAI-[A-Z]\w+|X-Stainless-[\w-]+)'", code + platform)
    assert {"User-Agent", "X-Stainless-Retry-Count", "X-Stainless-OS"} <= set(named)
    assert {name.lower() for name in named} <= allowed


def test_a_preflight_of_another_origin_is_no_more_than_a_wrong_method(listed: None) -> None:
    answer = send("OPTIONS", "/videos", headers={"origin": OTHER, **PREFLIGHT})
    assert (answer.status, cors(answer.headers)) == (405, {})


def test_an_error_may_be_read_too(listed: None) -> None:
    answer = send("GET", "/models", key="wrong", headers={"origin": OURS})
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == OURS


def test_any_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", '["*"]')
    assert (
        send("GET", "/health", headers={"origin": OTHER}).headers["access-control-allow-origin"]
        == "*"
    )


@pytest.mark.parametrize("origin", ["app.example.com", "https://a.com/", "https://*.a.com", ""])
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f'["{origin}"]')
    with pytest.raises(SettingsError, match="CORS_ORIGINS"):
        settings()


@pytest.mark.parametrize("function", http_functions(), ids=lambda each: each.name)
def test_every_function_of_the_app_answers_a_listed_origin(listed: None, function: Any) -> None:
    """Also one that is added tomorrow: without a key each of them fails early, and readably."""
    request = func.HttpRequest(
        function.methods[0],
        "http://x/",
        headers={"origin": OURS},
        route_params={"path": "x"},
        body=b"",
    )
    call = function.call
    client = getattr(call, "client_function", None)
    answered = (client or call)(request, *([None] if client else []))
    if asyncio.iscoroutine(answered):
        answered = asyncio.run(answered)
    assert answered.headers["access-control-allow-origin"] == OURS
