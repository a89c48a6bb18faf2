"""MCP's messages, as each version has them: what is a request, what is not, and what is answered.

What is expected is written down from the specification; results are also held against the official
package's types.
"""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from mcp_types.methods import validate_server_result

from local.stack import API_KEY, ROOT, local_settings
from shared.domain.limits import LARGEST_BODY, MOST_MESSAGES
from shared.settings import app as module
from tests.support.surface import send
from tests.triggers.mcp.conftest import EVERY, HANDSHAKE, MODERN, post, request

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
META = "io.modelcontextprotocol/"


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


def modern(method: str = "tools/list", meta: Mapping[str, Any] | None = None) -> dict[str, Any]:
    known = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}, **(meta or {})}
    said = {name: value for name, value in known.items() if value is not None}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": said}}


MIRRORED = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}


# --- the handshake, and what goes without one


@pytest.mark.parametrize("version", HANDSHAKE)
def test_a_version_that_is_spoken_is_agreed_on(version: str) -> None:
    asked = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c"}}
    answer = post({**PING, "method": "initialize", "params": asked})
    result = answer.json["result"]
    validate_server_result("initialize", version, result)
    assert answer.status == 200
    assert (result["protocolVersion"], result["capabilities"]) == (version, {"tools": {}})
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize("asked", ["2024-10-07", "2099-01-01", "", 7, None, ["2025-11-25"], MODERN])
def test_any_other_is_answered_with_the_newest_that_has_a_handshake(asked: Any) -> None:
    answer = post({**PING, "method": "initialize", "params": {"protocolVersion": asked}})
    assert answer.json["result"]["protocolVersion"] == "2025-11-25"


def test_a_client_without_a_handshake_learns_what_is_spoken_here() -> None:
    result = request("server/discover", version=MODERN).json["result"]
    validate_server_result("server/discover", MODERN, result)
    assert result["supportedVersions"] == EVERY
    assert result["_meta"][f"{META}serverInfo"]["name"] == "durable-video"
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")


def test_the_server_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    result = request("server/discover", version=MODERN).json["result"]
    assert result["_meta"][f"{META}serverInfo"]["version"] == project["version"]


@pytest.mark.parametrize("version", EVERY)
def test_the_tools_are_listed_in_every_version(version: str) -> None:
    result = request("tools/list", version=version).json["result"]
    validate_server_result("tools/list", version, result)
    assert [tool["name"] for tool in result["tools"]] == [
        "list_models",
        "quote_video",
        "create_video",
        "get_video",
        "wait_for_video",
        "list_videos",
        "remix_video",
        "cancel_video",
        "get_usage",
    ]
    assert ("resultType" in result) is (version == MODERN)


def test_ping_is_answered_where_there_is_a_ping() -> None:
    assert request("ping").json == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert request("ping", version=MODERN).status == 404


@pytest.mark.parametrize(
    "method", ["resources/list", "logging/setLevel", "tools/", "", "TOOLS/LIST"]
)
def test_an_unknown_method_is_said_to_be_unknown(method: str) -> None:
    answer = request(method)
    assert (answer.status, answer.json["id"], answer.json["error"]["code"]) == (200, 1, -32601)
    answer = request(method, version=MODERN)
    assert (answer.status, answer.json["error"]["code"]) == (404, -32601)


def test_a_version_that_nobody_speaks_is_refused_with_those_that_are() -> None:
    """Of a header, and of a request without a handshake."""
    mirrored = {"mcp-protocol-version": "2031-01-01", "mcp-method": "tools/list"}
    later = modern(meta={f"{META}protocolVersion": "2031-01-01"})
    for body, headers in ((PING, mirrored), (later, mirrored)):
        answer = post(body, headers=headers)
        error = answer.json["error"]
        assert (answer.status, answer.json["id"], error["code"]) == (400, 1, -32022)
        assert error["data"] == {"supported": EVERY, "requested": "2031-01-01"}


# --- requests that say their version themselves


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (modern(), {}, -32020),
        (modern(), {**MIRRORED, "mcp-protocol-version": "2025-11-25"}, -32020),
        (modern(), {"mcp-protocol-version": MODERN}, -32020),
        (modern(), {**MIRRORED, "mcp-method": "tools/call"}, -32020),
        # a version of the other era, whose headers nobody compares
        (modern(meta={f"{META}protocolVersion": "2025-11-25"}), MIRRORED, -32020),
        (
            modern(meta={f"{META}protocolVersion": "2025-11-25"}),
            {"mcp-protocol-version": MODERN},
            -32020,
        ),
        # and one that nobody speaks: what does not fit is said first
        (modern(meta={f"{META}protocolVersion": "2031-01-01"}), MIRRORED, -32020),
        (modern(meta={f"{META}clientCapabilities": None}), MIRRORED, -32602),
        (modern(meta={f"{META}protocolVersion": 7}), MIRRORED, -32602),
        ({**PING, "method": "tools/list"}, MIRRORED, -32602),
    ],
)
def test_one_that_is_not_whole_is_refused(
    body: dict[str, Any], headers: dict[str, str], code: int
) -> None:
    answer = post(body, headers=headers)
    assert (answer.status, answer.json["error"]["code"], answer.json["id"]) == (400, code, 1)


def test_the_name_of_a_tool_is_mirrored_and_may_be_encoded() -> None:
    body = modern("tools/call")
    body["params"] |= {"name": "nothing", "arguments": {}}
    headers = {**MIRRORED, "mcp-method": "tools/call"}
    encoded = f"=?base64?{base64.b64encode(b'nothing').decode()}?="
    for name, status, code in (
        (None, 400, -32020),
        ("list_models", 400, -32020),
        ("=?base64?!!?=", 400, -32020),
        ("nothing", 200, -32602),
        (encoded, 200, -32602),
    ):
        answer = post(body, headers={**headers, **({"mcp-name": name} if name else {})})
        assert (answer.status, answer.json["error"]["code"]) == (status, code), name


# --- what is no request


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", None),
        (b"{", -32700),
        (b"nothing", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping"', -32700),
        (b"[" * 100_000, -32700),
        (b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b"}", -32700),
        (b"\xff\xfe\xfd", -32700),
        (b"7", -32600),
        (b'"ping"', -32600),
        (b"null", -32600),
        (b"{}", -32600),
        (b'{"id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": 2.0, "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": "\\ud83d", "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": "' + b"x" * 300 + b'", "method": "ping"}', -32600),
    ],
)
def test_it_is_refused_in_the_words_of_json_rpc(body: bytes, code: int | None) -> None:
    answer = post(body, headers={"content-length": str(len(body))})
    assert answer.status == 400
    assert answer.json["error"]["code"] == (code or -32700)
    assert "id" not in answer.json


@pytest.mark.parametrize("params", [[], "x", "", 7, 0, False])
def test_params_are_an_object(params: Any) -> None:
    answer = post({**PING, "params": params})
    assert (answer.json["id"], answer.json["error"]["code"]) == (1, -32602)


def test_null_is_as_good_as_no_params() -> None:
    """As clients write it that have none, such as Emacs' until June 2026 (mcp.el#85)."""
    listed = {**PING, "method": "tools/list"}
    assert post({**listed, "params": None}).json == post(listed).json
    assert post({**PING, "params": None}).json == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.parametrize(
    "body",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "create_video"}},
        {"jsonrpc": "2.0", "id": 7, "result": {}},
        {"jsonrpc": "2.0", "id": 7, "error": {"code": 1, "message": "m"}},
    ],
)
def test_what_asks_for_nothing_is_taken_without_a_word(body: dict[str, Any]) -> None:
    answer = post(body)
    assert (answer.status, answer.body) == (202, b"")
    refused = post(body, headers={"mcp-protocol-version": "2031-01-01"})
    assert (refused.status, refused.json["error"]["code"]) == (400, -32022)
    assert "id" not in refused.json


@pytest.mark.parametrize("named", [0, -1, 2**53, "a", "", "ü", "'; DROP TABLE videos; --"])
def test_an_id_comes_back_as_it_came(named: Any) -> None:
    assert post({**PING, "id": named}).json == {"jsonrpc": "2.0", "id": named, "result": {}}


# --- batches


def test_only_the_version_that_has_batches_takes_one() -> None:
    both = [PING, {**PING, "id": 2, "method": "nothing"}, {"jsonrpc": "2.0", "method": "n"}]
    for headers in ({}, {"mcp-protocol-version": "2025-03-26"}):
        answer = post(both, headers=headers)
        assert answer.status == 200
        assert [(each["id"], "result" in each) for each in answer.json] == [(1, True), (2, False)]
    for version in set(EVERY) - {"2025-03-26"}:
        answer = post(both, headers={"mcp-protocol-version": version})
        assert (answer.status, answer.json["error"]["code"]) == (400, -32600)


def test_a_batch_has_an_end() -> None:
    for many in ([], [PING] * (MOST_MESSAGES + 1)):
        answer = post(many)
        assert (answer.status, answer.json["error"]["code"]) == (400, -32600)
    assert post([{"jsonrpc": "2.0", "method": "n"}]).status == 202


def test_in_a_batch_every_message_is_answered_for_itself() -> None:
    twice = post([PING, PING, 7, {**PING, "id": 2, "method": "initialize"}]).json
    assert [each.get("id") for each in twice] == [1, None, None, 2]
    assert [each.get("error", {}).get("code") for each in twice] == [None, -32600, -32600, -32600]


# --- HTTP


def test_there_is_no_stream_and_no_session_to_end() -> None:
    for method in ("GET", "DELETE", "PUT"):
        answer = send(method, "/mcp", base="")
        assert (answer.status, answer.headers["allow"]) == (405, "POST"), method


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, text/event-stream", 200),
        ("application/json", 200),
        ("APPLICATION/*;q=0.5", 200),
        ("*/*", 200),
        ("", 200),
        ("text/event-stream", 406),
        ("text/html, application/json;q=0", 406),
    ],
)
def test_json_is_what_there_is(accept: str, status: int) -> None:
    assert post(PING, headers={"accept": accept}).status == status


def test_and_what_is_taken() -> None:
    for kind, status in (
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("text/plain", 415),
        ("multipart/form-data; boundary=b", 415),
    ):
        request = json.dumps(PING).encode()
        assert post_as(kind, request) == status, kind


def post_as(kind: str, body: bytes) -> int:
    import asyncio

    import azure.functions as func

    from triggers.mcp.endpoint import mcp

    built: Any = mcp
    request = func.HttpRequest(
        "POST",
        "http://x/mcp",
        headers={"content-type": kind, "authorization": f"Bearer {API_KEY}"},
        body=body,
    )
    answered = asyncio.run(built._function._func.client_function(request, None))
    return int(answered.status_code)


def test_a_body_may_be_25_mebibytes() -> None:
    answer = post(b" " * (LARGEST_BODY + 1))
    assert (answer.status, answer.json["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:7071", 200),
        ("https://app.example.com", 200),
        ("http://127.0.0.1:7072", 403),
        ("http://localhost:7071", 403),
        ("https://127.0.0.1:7071", 403),
        ("https://app.example.com.evil.com", 403),
        ("null", 403),
        ("http://127.0.0.1:7071, https://evil.com", 403),
    ],
)
def test_pages_of_other_origins_get_nothing(
    monkeypatch: pytest.MonkeyPatch, origin: str | None, status: int
) -> None:
    """Not even with a key: against DNS rebinding, as the specification demands."""
    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:7071")
    monkeypatch.setenv("CORS_ORIGINS", '["https://app.example.com"]')
    module.settings.cache_clear()
    answer = post(PING, headers={} if origin is None else {"origin": origin})
    assert answer.status == status
    if status == 403:
        assert "id" not in answer.json


def test_a_stranger_is_told_how_to_prove_himself() -> None:
    for key in (None, "wrong"):
        answer = post(b"{ not json", key=key)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
