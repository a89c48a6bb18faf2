"""`/mcp` called in this process, by a client that says what each version says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from local.stack import API_KEY
from shared.lifecycle.services import Services
from tests.support.surface import Answer, Durable, send
from triggers.mcp import tools

MODERN = "2026-07-28"
HANDSHAKE = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
EVERY = [MODERN, *HANDSHAKE]
NEWEST_HANDSHAKE = HANDSHAKE[0]
BOSS_KEY, OTHER_KEY = "key-of-the-boss", "key-of-somebody-else"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def callers(**of_local: Any) -> str:
    """CALLERS: `local` with these limits, `boss` who approves its requests, and `other`."""
    return json.dumps(
        {
            "local": {"key_sha256": [digest(API_KEY)], **of_local},
            "boss": {"key_sha256": [digest(BOSS_KEY)], "approves": ["local"]},
            "other": {"key_sha256": [digest(OTHER_KEY)]},
        }
    )


def post(
    body: Any,
    *,
    headers: Mapping[str, str] | None = None,
    key: str | None = API_KEY,
    query: str = "",
) -> Answer:
    path = f"/mcp{query}"
    return send("POST", path, base="", body=body, headers=headers, key=key, client=Durable())


def request(
    method: str, params: Mapping[str, Any] | None = None, version: str = NEWEST_HANDSHAKE
) -> Answer:
    """A request as a client of that version sends it."""
    sent = dict(params or {})
    headers = {"mcp-protocol-version": version, "accept": "application/json, text/event-stream"}
    if version == MODERN:
        sent["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers["mcp-method"] = method
        if method == "tools/call":
            headers["mcp-name"] = str(sent["name"])
    return post({"jsonrpc": "2.0", "id": 1, "method": method, "params": sent}, headers=headers)


@dataclass(frozen=True)
class Told:
    """What a tool answered."""

    failed: bool
    answer: dict[str, Any]
    content: list[dict[str, Any]]


def call(name: str, key: str = API_KEY, **arguments: Any) -> Told:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }
    answer = post(body, headers={"mcp-protocol-version": NEWEST_HANDSHAKE}, key=key)
    assert answer.status == 200, answer.body
    result = answer.json["result"]
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    return Told(result["isError"], result["structuredContent"], result["content"])


@pytest.fixture
def mcp(app: Callable[..., Services]) -> Callable[..., Services]:
    """Make the app with limits of the caller `local`."""

    def make(**of_local: Any) -> Services:
        tools.listed.cache_clear()
        return app(CALLERS=callers(**of_local))

    return make
