"""The tools, as an agent uses them: schemas that hold, answers that fit, errors it can repair."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp_types.methods import validate_server_result

from shared.answers.videos import Video
from shared.domain.limits import MOST_WAITING
from shared.lifecycle.requests.admit import payload
from shared.lifecycle.services import Services
from tests.conftest import Simulator
from tests.support.driver import drive
from tests.support.media import picture
from tests.support.surface import Durable, send
from tests.triggers.mcp.conftest import (
    EVERY,
    NEWEST_HANDSHAKE,
    OTHER_KEY,
    Told,
    call,
    post,
    request,
)
from triggers.web import prefer

pytestmark = pytest.mark.real_storage

Mcp = Callable[..., Services]

FOX: dict[str, Any] = {"prompt": "a fox"}
PAID: dict[str, Any] = {"request_id": "once", "max_usd": 1}


def schemas() -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool for tool in request("tools/list").json["result"]["tools"]}


def committed(services: Services) -> list[Any]:
    """Everything in the ledger, the claims and the videos."""
    return [
        dict(row)
        for table in ("ledger", "idempotency", "videos", "work")
        for row in services.account.tables.get_table_client(table).list_entities()
    ]


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
        for each in value.values():
            yield from inside(each)
    elif isinstance(value, list):
        for each in value:
            yield from inside(each)


def problem(told: Told) -> tuple[str, str | None]:
    assert told.failed
    return told.answer["error"]["code"], told.answer["error"]["param"]


# --- what is listed


def test_every_schema_is_one_and_refers_to_nothing(mcp: Mcp) -> None:
    mcp()
    for name, tool in schemas().items():
        for which in ("inputSchema", "outputSchema"):
            Draft202012Validator.check_schema(tool[which])
            assert tool[which]["type"] == "object"
            assert not [key for key, _ in inside(tool[which]) if key in ("$ref", "$defs")], name
        # a client validates by it, and every client is sent it
        explained = [key for key, _ in inside(tool["outputSchema"])]
        assert not {"title", "description", "examples"} & set(explained), name
        assert tool["inputSchema"]["additionalProperties"] is False
        for argument, schema in tool["inputSchema"]["properties"].items():
            assert schema.get("description"), f"{name} does not say what {argument} is"


def test_what_costs_money_needs_a_request_id_and_a_ceiling(mcp: Mcp) -> None:
    mcp()
    spending = {
        name
        for name, tool in schemas().items()
        if {"request_id", "max_usd"} <= set(tool["inputSchema"].get("required", []))
    }
    assert spending == {"create_video", "remix_video"}


def test_the_hints_say_what_is_safe(mcp: Mcp) -> None:
    mcp()
    hints = {name: tool["annotations"] for name, tool in schemas().items()}
    assert {name for name, each in hints.items() if not each["readOnlyHint"]} == {
        "create_video",
        "remix_video",
        "cancel_video",
    }
    assert {name for name, each in hints.items() if each["destructiveHint"]} == {"cancel_video"}
    assert all(each["idempotentHint"] for each in hints.values())


# --- what is answered


@pytest.mark.parametrize("version", EVERY)
def test_an_answer_fits_its_schema_in_every_version(mcp: Mcp, version: str) -> None:
    services = mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    drive(services, payload(services, made, "key:local", 1))
    asked: dict[str, dict[str, Any]] = {
        "list_models": {},
        "quote_video": FOX,
        "create_video": {**FOX, **PAID},
        "get_video": {"video_id": made},
        "wait_for_video": {"video_id": made, "seconds": 0},
        "list_videos": {"limit": 1, "order": "asc", "status": "completed"},
        "remix_video": {"video_id": made, **FOX, **PAID},
        "get_usage": {"from": "2026-11-01", "to": "2026-11-30", "group_by": "model"},
        "cancel_video": {"video_id": made},
    }
    listed = schemas()
    assert asked.keys() == listed.keys()
    for name, arguments in asked.items():
        answered = request("tools/call", {"name": name, "arguments": arguments}, version)
        result = answered.json["result"]
        validate_server_result("tools/call", version, result)
        Draft202012Validator(listed[name]["outputSchema"]).validate(result["structuredContent"])
        Draft202012Validator(listed[name]["inputSchema"]).validate(arguments)
        # the video has ended, so that is how cancelling it fails; and clients validate that too
        assert result["isError"] is (name == "cancel_video"), name
        links = [each for each in result["content"] if each["type"] == "resource_link"]
        expected = name in ("get_video", "create_video", "wait_for_video")
        assert len(links) == (expected and version >= "2025-06-18"), name


@pytest.mark.parametrize(("query", "links"), [("", 1), ("?links=true", 1), ("?links=false", 0)])
def test_a_framework_that_cannot_take_links_gets_none(mcp: Mcp, query: str, links: int) -> None:
    """It would end the agent's run, once the video is paid for."""
    services = mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    drive(services, payload(services, made, "key:local", 1))
    params = {"name": "get_video", "arguments": {"video_id": made}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    version = {"mcp-protocol-version": NEWEST_HANDSHAKE}
    result = post(body, headers=version, query=query).json["result"]
    assert [each["type"] for each in result["content"]] == ["text"] + ["resource_link"] * links
    assert result["structuredContent"]["outputs"][0]["url"]


def test_an_agent_takes_a_video_from_a_quote_to_its_mp4(mcp: Mcp) -> None:
    services = mcp()
    price = call("quote_video", **FOX).answer["cost"]["estimated"]
    made = call("create_video", **FOX, request_id="fox-1", max_usd=price)
    assert (made.failed, made.answer["status"], price) == (False, "queued", "0.40")
    video_id = made.answer["id"]
    waited = call("wait_for_video", video_id=video_id, seconds=0)
    assert waited.answer["retry_after"] >= 1
    drive(services, payload(services, video_id, "key:local", 1))
    ended = call("wait_for_video", video_id=video_id)
    assert (ended.answer["status"], ended.answer["retry_after"]) == ("completed", None)
    link = ended.content[1]
    assert (link["type"], link["mimeType"]) == ("resource_link", "video/mp4")
    assert link["uri"] == ended.answer["outputs"][0]["url"]
    assert [each["id"] for each in call("list_videos").answer["data"]] == [video_id]
    assert call("get_usage").answer["total"]["settled"] == "0.40"


def test_an_image_comes_as_a_data_url(mcp: Mcp) -> None:
    import base64

    services = mcp()
    image = base64.b64encode(picture(720, 1280, "PNG", seed=1)).decode()
    reference = {"image_url": f"data:image/png;base64,{image}"}
    made = call("create_video", **FOX, **PAID, input_reference=reference).answer["id"]
    stored = services.videos.get("key:local", made)
    assert stored is not None
    assert [each.content_type for each in stored.video.request.inputs] == ["image/png"]


def test_it_is_the_video_of_the_api(mcp: Mcp) -> None:
    """Also under the key: a program may go on where an agent began, and the other way round."""
    mcp()
    made = call("create_video", **FOX, **PAID).answer
    assert send("GET", f"/videos/{made['id']}").json["id"] == made["id"]
    again = send("POST", "/videos", body=FOX, headers={"idempotency-key": "once"}, client=Durable())
    assert again.json["id"] == made["id"]
    assert again.headers["idempotent-replayed"] == "true"


def test_null_is_as_good_as_no_argument(mcp: Mcp) -> None:
    """As frameworks send it that fill in every property of a schema, such as mcpadapt."""
    mcp()
    for tool, known in (("create_video", {**FOX, **PAID}), ("list_videos", {}), ("get_usage", {})):
        schema = schemas()[tool]["inputSchema"]
        empty = dict.fromkeys(schema["properties"])
        assert not call(tool, **{**empty, **known}).failed, tool
    made = call("create_video", **FOX, **PAID).answer["id"]
    assert not call("wait_for_video", video_id=made, seconds=None).failed
    assert problem(call("get_video", video_id=None)) == ("invalid_value", "video_id")


@pytest.mark.parametrize("kind", [int, float, str])
def test_a_whole_number_is_one_however_it_is_written(
    mcp: Mcp, kind: Callable[[int], object]
) -> None:
    """Some clients have one kind of number, and JSON Schema counts 4.0 among the integers."""
    mcp()
    made = call("create_video", **FOX, **PAID, seconds=kind(4), n_variants=kind(1))
    assert (made.failed, made.answer.get("seconds")) == (False, "4")
    if kind is not str:
        assert not call("list_videos", limit=kind(1)).failed
        assert not call("wait_for_video", video_id=made.answer["id"], seconds=kind(0)).failed


# --- once


def test_ten_at_once_make_one_video(mcp: Mcp, simulator: Simulator) -> None:
    services = mcp()
    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(lambda _: call("create_video", **FOX, **PAID).answer["id"], range(10)))
    (made,) = ids
    drive(services, payload(services, made, "key:local", 1))
    assert call("create_video", **FOX, **PAID).answer["status"] == "completed"
    assert len(simulator.journal()["jobs"]) == 1


def test_a_repeat_is_answered_when_the_money_is_gone_or_the_price_has_risen(mcp: Mcp) -> None:
    mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    mcp(budget_usd_per_month=0.4)
    assert problem(call("create_video", **FOX, request_id="2", max_usd=1))[0] == (
        "insufficient_quota"
    )
    assert call("create_video", **FOX, **PAID).answer["id"] == made
    # a ceiling below the price, which is what a price that has risen looks like
    assert call("create_video", **FOX, request_id="once", max_usd=0.01).answer["id"] == made
    mcp(approval_above_usd=0)
    assert call("create_video", **FOX, **PAID).answer["id"] == made


def test_a_remix_is_repeated_after_its_source_can_no_longer_be_remixed(mcp: Mcp) -> None:
    services = mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    drive(services, payload(services, made, "key:local", 1))
    night = {"video_id": made, "prompt": "at night", **PAID}
    remixed = call("remix_video", **night).answer["id"]
    stored = services.videos.get("key:local", made)
    assert stored is not None
    assert stored.video.job_id is not None
    for row in services.account.tables.get_table_client("jobs").list_entities():
        services.account.tables.get_table_client("jobs").delete_entity(row)
    assert call("remix_video", **night).answer["id"] == remixed
    other = call("remix_video", **{**night, "request_id": "2"})
    assert problem(other) == ("remix_not_possible", "video_id")


def test_a_request_id_is_for_one_request(mcp: Mcp) -> None:
    mcp()
    call("create_video", **FOX, **PAID)
    refused = call("create_video", prompt="a hare", **PAID)
    assert problem(refused)[0] == "idempotency_key_reused"
    assert "request_id" in refused.answer["error"]["message"]
    assert "Idempotency-Key" not in refused.answer["error"]["message"]


# --- never more than was said


def test_above_max_usd_nothing_is_spent_and_the_price_is_said(mcp: Mcp) -> None:
    services = mcp()
    for most in (0, 0.39, "0.399999", 0.000001):
        refused = call("create_video", **FOX, request_id="r", max_usd=most)
        assert problem(refused) == ("above_max_usd", "max_usd")
        assert "$0.40" in refused.answer["error"]["message"]
        assert (refused.answer["charged"], refused.answer["retryable"]) == (False, False)
    assert committed(services) == []
    assert not call("create_video", **FOX, request_id="r", max_usd="0.40").failed


def test_above_the_callers_budget_nothing_is_spent(mcp: Mcp) -> None:
    services = mcp(budget_usd_per_month=0.39)
    refused = call("create_video", **FOX, **PAID)
    assert problem(refused)[0] == "insufficient_quota"
    assert committed(services) == []


AMOUNTS: list[Any] = [-1, "-0.01", "NaN", "Infinity", float("nan"), float("inf"), 1e300]
AMOUNTS += [0.1 + 0.2, "", "$5", True, None, [5]]
NAMES: list[Any] = ["", "x" * 256, "é", "a\nb", "\ud83d", "a\x00b", 7, None, ["a"]]


def test_what_is_no_amount_and_no_name_spends_nothing(mcp: Mcp) -> None:
    """JSON has no NaN, but Python writes and reads one."""
    services = mcp()
    for most in AMOUNTS:
        refused = call("create_video", **FOX, request_id="r", max_usd=most)
        assert problem(refused) == ("invalid_value", "max_usd"), most
    for name in NAMES:
        refused = call("create_video", **FOX, request_id=name, max_usd=1)
        assert problem(refused) == ("invalid_value", "request_id"), name
    assert committed(services) == []


# --- what an agent gets wrong


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("create_video", {**FOX, "max_usd": 1}, "missing_required_parameter", "request_id"),
    ("create_video", {**FOX, "request_id": "r"}, "missing_required_parameter", "max_usd"),
    ("create_video", PAID, "missing_required_parameter", "prompt"),
    ("create_video", {**PAID, "prompt": 7}, "invalid_value", "prompt"),
    ("create_video", {**PAID, **FOX, "size": "1x1"}, "invalid_value", "size"),
    ("create_video", {**PAID, **FOX, "seconds": 7}, "invalid_value", "seconds"),
    ("create_video", {**PAID, **FOX, "model": "veo"}, "model_not_found", "model"),
    ("create_video", {**PAID, **FOX, "style": "noir"}, "unknown_parameter", "style"),
    ("quote_video", {**FOX, **PAID}, "unknown_parameter", "request_id"),
    ("get_video", {}, "missing_required_parameter", "video_id"),
    ("get_video", {"video_id": "../usage"}, "invalid_value", "video_id"),
    ("get_video", {"video_id": "video_" + "0" * 32}, "not_found", "video_id"),
    ("wait_for_video", {"video_id": "video_" + "0" * 32}, "not_found", "video_id"),
    ("wait_for_video", {"video_id": "v", "seconds": 1}, "invalid_value", "video_id"),
    (
        "wait_for_video",
        {"video_id": "video_" + "0" * 32, "seconds": 21},
        "invalid_value",
        "seconds",
    ),
    ("remix_video", {**PAID, **FOX}, "missing_required_parameter", "video_id"),
    ("remix_video", {**PAID, "video_id": "video_" + "0" * 32}, "not_found", "video_id"),
    ("cancel_video", {"video_id": ["x"]}, "invalid_value", "video_id"),
    ("list_videos", {"limit": 0}, "invalid_value", "limit"),
    ("list_videos", {"status": "done"}, "invalid_value", "status"),
    ("list_videos", {"after": "' or 1 eq 1"}, "invalid_value", "after"),
    ("get_usage", {"from": "yesterday"}, "invalid_value", "from"),
    ("get_usage", {"to": "2026-02-30"}, "invalid_value", "to"),
    ("get_usage", {"caller": "key:other"}, "unknown_parameter", "caller"),
    ("list_models", {"x": 1}, "unknown_parameter", "x"),
]


def test_is_a_failure_of_the_tool_that_it_can_repair(mcp: Mcp) -> None:
    services, listed = mcp(), schemas()
    for tool, arguments, code, param in WRONG:
        told = call(tool, **arguments)
        assert problem(told) == (code, param), (tool, arguments)
        assert told.answer["charged"] is False
        Draft202012Validator(listed[tool]["outputSchema"]).validate(told.answer)
    assert committed(services) == []


def test_a_tool_that_is_none_is_a_fault_of_the_protocol(mcp: Mcp) -> None:
    mcp()
    for named in ({}, {"name": 7}, {"name": "rm"}, {"name": "get_video\n"}):
        error = request("tools/call", named).json["error"]
        assert error["code"] == -32602
        assert "create_video" in error["message"]


def test_what_is_not_the_callers_is_not_there(mcp: Mcp) -> None:
    mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    nowhere = made[:-1] + ("0" if made[-1] != "0" else "1")
    for tool, more in (
        ("get_video", {}),
        ("wait_for_video", {"seconds": 0}),
        ("cancel_video", {}),
        ("remix_video", {**FOX, **PAID}),
    ):
        told = [call(tool, OTHER_KEY, video_id=each, **more) for each in (made, nowhere)]
        assert json.dumps(told[0].answer).replace(made, nowhere) == json.dumps(told[1].answer)
        assert problem(told[0]) == ("not_found", "video_id")
    assert call("list_videos", OTHER_KEY).answer["data"] == []
    assert call("get_usage", OTHER_KEY).answer["total"]["videos"] == 0


def test_a_fault_of_ours_is_told_like_any_other(mcp: Mcp, monkeypatch: pytest.MonkeyPatch) -> None:
    mcp()

    def broken(*_: Any, **__: Any) -> Video:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("shared.lifecycle.requests.views.find_video", broken)
    told = call("get_video", video_id="video_" + "0" * 32)
    assert problem(told) == ("internal_error", None)
    assert "secret" not in json.dumps(told.answer)


# --- waiting


def test_a_wait_ends_with_its_video(mcp: Mcp, monkeypatch: pytest.MonkeyPatch) -> None:
    services = mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    real, slept = asyncio.sleep, list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            drive(services, payload(services, made, "key:local", 1))
        await real(0)

    monkeypatch.setattr("triggers.web.prefer.asyncio.sleep", sleep)
    told = call("wait_for_video", video_id=made)
    assert (told.answer["status"], slept) == ("completed", [2.0, 2.0])


def test_where_enough_wait_already_it_says_at_once_when_to_come_back(
    mcp: Mcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    mcp()
    made = call("create_video", **FOX, **PAID).answer["id"]
    monkeypatch.setattr(prefer, "_waiting", MOST_WAITING)
    told = call("wait_for_video", video_id=made)
    assert (told.failed, told.answer["status"]) == (False, "queued")
    assert told.answer["retry_after"] >= 1
