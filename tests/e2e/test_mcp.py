"""The official MCP client against the running app: from the list of tools to the MP4, once, and
never for more than was said."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from typing import Any, TypeVar

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ResourceLink, TextContent

from local.loopback import NO_TLS
from local.stack import ROOT
from shared.storage.accounts import Account
from shared.storage.names import IDEMPOTENCY, LEDGER, VIDEOS
from tests.support.browser import browser
from tests.support.watched import Watched

T = TypeVar("T")

AT_ONCE = 10


def origin(watched: Watched) -> str:
    return watched.stack.api.removesuffix("/openai/v1")


def talk(
    watched: Watched, key: str, work: Callable[[Client], Awaitable[T]], mode: str = "auto"
) -> T:
    """What an agent with this key does, as the official client does it."""

    async def talking() -> T:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
            transport = streamable_http_client(f"{origin(watched)}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                return await work(client)

    return asyncio.run(talking())


def answer(result: CallToolResult) -> dict[str, Any]:
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def code(result: CallToolResult) -> str:
    assert result.is_error
    return str(answer(result)["error"]["code"])


def jobs(watched: Watched, key: str, prompt: str) -> list[str]:
    """The upstream's jobs of a caller's videos with this prompt: for each, the video's id."""
    mine = watched.client(key).http.get(f"{watched.stack.api}/videos", params={"limit": 100}).json()
    videos = {each["id"] for each in mine["data"] if each["prompt"] == prompt}
    journal = httpx.get(f"{watched.stack.simulator_url}/_sim/journal", trust_env=False).json()
    sent = [job["request"]["headers"]["x-ms-client-request-id"] for job in journal["jobs"]]
    of_mine = [each[:38] for each in sent if each[:38] in videos]
    assert set(of_mine) == videos
    return of_mine


def booked(watched: Watched, caller: str) -> list[dict[str, Any]]:
    """What there is of a caller in the ledger, among the videos, and of claims."""
    with closing(Account(connection=watched.stack.settings["STORAGE_CONNECTION"])) as account:
        rows = [
            dict(row)
            for table in (LEDGER, VIDEOS, IDEMPOTENCY)
            for row in account.tables.get_table_client(table).list_entities()
        ]
    return [row for row in rows if caller in (row["PartitionKey"], row.get("caller"))]


async def to_the_end(client: Client, video_id: str) -> CallToolResult:
    while True:
        waited = await client.call_tool("wait_for_video", {"video_id": video_id})
        if answer(waited)["retry_after"] is None:
            return waited


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_makes_a_video_end_to_end(watched: Watched, mode: str) -> None:
    """Ten calls at once, one whose answer is lost, and a repeat of it are one job."""
    fox: dict[str, Any] = {"prompt": f"a fox for an agent of the era {mode}", "seconds": 4}
    paid = {**fox, "request_id": f"fox-{mode}", "max_usd": 0.4}

    async def work(client: Client) -> CallToolResult:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert {"create_video", "wait_for_video", "quote_video", "get_usage"} <= listed
        quoted = answer(await client.call_tool("quote_video", fox))
        assert (quoted["admitted"], quoted["cost"]["estimated"]) == (True, "0.40")
        made = await asyncio.gather(
            *(client.call_tool("create_video", paid) for _ in range(AT_ONCE))
        )
        (video_id,) = {answer(each)["id"] for each in made}
        again = await client.call_tool("create_video", paid)
        assert answer(again)["id"] == video_id
        return await to_the_end(client, video_id)

    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "create_video", "arguments": paid},
    }
    with suppress(httpx.ReadTimeout):  # the answer is lost, and the request may have come or not
        httpx.post(
            f"{origin(watched)}/mcp",
            json=body,
            headers={"authorization": f"Bearer {watched.owner}"},
            timeout=httpx.Timeout(30, read=0.001),
            trust_env=False,
            verify=NO_TLS,
        )
    ended = talk(watched, watched.owner, work, mode)
    video = answer(ended)
    assert video["status"] == "completed"
    assert jobs(watched, watched.owner, fox["prompt"]) == [video["id"]]
    text, link = ended.content
    assert isinstance(text, TextContent)
    assert isinstance(link, ResourceLink)
    got = watched.client(watched.owner).http.get(str(link.uri), follow_redirects=True)
    assert (got.status_code, got.headers["content-type"]) == (200, link.mime_type)
    assert hashlib.sha256(got.content).hexdigest() == video["outputs"][0]["sha256"]


def test_the_example_of_the_docs_makes_its_video(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = (ROOT / "docs" / "agents.md").read_text()
    (example,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
        if "asyncio.run(main(" in block
    ]
    for local, here in (
        ("http://127.0.0.1:7071/mcp", f"{origin(watched)}/mcp"),
        ("local-dev-key", watched.owner),
    ):
        assert local in example
        example = example.replace(local, here)
    exec(compile(example, "docs/agents.md", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.startswith("completed [{")


def test_neither_max_usd_nor_a_budget_is_passed(watched: Watched) -> None:
    dear: dict[str, Any] = {"prompt": "a fox beyond all means", "seconds": 12}

    async def work(client: Client) -> list[CallToolResult]:
        return [
            await client.call_tool("create_video", {**dear, "request_id": "1", "max_usd": 1}),
            await client.call_tool("create_video", {**dear, "request_id": "2", "max_usd": 100}),
        ]

    before = booked(watched, "key:poor")
    above, broke = talk(watched, watched.poor, work)
    assert (code(above), code(broke)) == ("above_max_usd", "insufficient_quota")
    assert "$1.20" in answer(above)["error"]["message"]
    assert booked(watched, "key:poor") == before
    assert jobs(watched, watched.poor, dear["prompt"]) == []


def test_a_person_approves_on_the_page_and_the_agent_goes_on(watched: Watched) -> None:
    dear: dict[str, Any] = {"prompt": "<b>a fox</b> that is worth it", "seconds": 8}
    paid = {**dear, "request_id": "worth-it", "max_usd": 2}

    async def create(client: Client) -> CallToolResult:
        return await client.call_tool("create_video", paid)

    async def create_and_wait(client: Client) -> CallToolResult:
        made = await create(client)
        return await to_the_end(client, answer(made)["id"])

    refused = talk(watched, watched.asking, create)
    assert code(refused) == "approval_required"
    approval = answer(refused)["approval"]
    assert jobs(watched, watched.asking, dear["prompt"]) == []
    with browser() as page:
        page.open(approval["url"])
        assert page.problems == []
        for key, said in (
            ("wrong", "not known"),
            (watched.other, "no such approval"),
            (watched.asking, "your own request"),
        ):
            page.fill("#key", key)
            page.click("#who button")
            page.until(f"document.getElementById('said').textContent.includes('{said}')")
            assert not page.call("isVisible", "#approve")
        page.problems.clear()  # the browser itself reports what was refused
        page.fill("#key", watched.owner)
        page.press("#key", "Enter")
        page.until("!document.getElementById('decide').hidden")
        assert page.text("#prompt") == dear["prompt"]
        assert page.text("#price") == "$0.80"
        assert page.text("#caller") == "key:asking"
        page.click("#approve")
        page.until("document.getElementById('said').textContent.includes('Approved by key:owner')")
        assert not page.call("isVisible", "#approve")
        assert watched.owner not in page.run("document.documentElement.outerHTML")
        assert page.problems == []
    ended = answer(talk(watched, watched.asking, create_and_wait))
    assert (ended["status"], ended["cost"]["actual"]) == ("completed", "0.80")
    other = {**paid, "request_id": "another"}
    again = talk(watched, watched.asking, lambda client: client.call_tool("create_video", other))
    assert code(again) == "approval_required"
