"""The day on which a model retires, on the whole stack: what renders is collected, what waits moves
to the successor, and no caller has changed a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from local import audit
from local.stack import Ports, Stack
from tests.support.stacks import Client, client

Videos = list[dict[str, Any]]

WAITING, RENDERING = 20, 2
DATE = "2026-10-15"
LONG = {"type": "render_time", "seconds": 36_000}
GONE = {"type": "status", "status": 410}


def deployment(name: str, model: str, **more: Any) -> dict[str, Any]:
    """An entry of UPSTREAMS, at {simulator}."""
    return {
        "name": name,
        "dialect": "sora-2",
        "deployment": name,
        "model": model,
        "auth": {"type": "header", "name": "api-key", "secret_setting": "SIMULATOR_KEY"},
        "max_creates_per_minute": 600,
        **more,
    }


OF_HEIR = {
    "max_running": 10,
    "prices": {"version": "ltx@1", "usd_per_second": "0.05"},
    "capabilities": {"sizes": ["720x1280"], "seconds": [4]},
}
OF_OLD = {
    "retires_at": f"{DATE}T00:00:00Z",
    "prices": {"version": "old@1", "usd_per_second": "0.10"},
    "capabilities": {"sizes": ["720x1280"], "seconds": [4]},
}
UPSTREAMS = (
    deployment("sora-2", "sora-2", successor={"model": "ltx-2"}),
    deployment("ltx", "ltx-2", **OF_HEIR),
    deployment("old", "old-1", **OF_OLD),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data, ports = tmp_path_factory.mktemp("succession"), Ports.any_free()
    limits = {"dialect": "sora-2", "max_creates_per_minute": None}
    config = {
        "deployments": [
            {**limits, "name": "sora-2"},
            {**limits, "name": "old"},
            {**limits, "name": "ltx", "max_running": None},
        ],
        "render_times": [{"distribution": {"type": "fixed", "seconds": 40}}],
    }
    (data / "simulator.json").write_text(json.dumps(config))
    entries = [{**each, "endpoint": f"http://127.0.0.1:{ports.simulator}"} for each in UPSTREAMS]
    overrides = {
        "TIME_SCALE": "60",
        "BUDGET_USD_PER_DAY": "-1",
        "UPSTREAMS": json.dumps(entries),
    }
    running = Stack(data, ports, overrides=overrides, simulator_config=data / "simulator.json")
    with running:
        yield running
        account, breaches = read_books(running)
    assert breaches == []
    assert account.entries


def read_books(running: Stack) -> tuple[audit.Account, list[str]]:
    connection = running.settings["STORAGE_CONNECTION"]
    with TableServiceClient.from_connection_string(connection) as tables:
        return audit.persistent(tables)


@pytest.fixture
def api(stack: Stack) -> Iterator[Client]:
    caller = client(stack)
    caller.patience = 300
    yield caller
    caller.http.close()


def retired(
    api: Client, model: str, name: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two videos that rendered and twenty that waited when the model was retired, as they ended."""
    script(api, {"operation": "create", "deployment": name, "times": RENDERING, "action": LONG})
    first = [api.create(model=model, prompt=f"{model} {n}")["id"] for n in range(RENDERING)]
    for video_id in first:
        api.wait(video_id, until=lambda video: video["stage"] == "rendering")
    with ThreadPoolExecutor(4) as threads:
        waiting = list(
            threads.map(
                lambda n: api.create(model=model, prompt=f"{model} waits {n}")["id"], range(WAITING)
            )
        )
    for video_id in waiting:
        api.wait(video_id, until=lambda video: video["stage"] == "waiting_for_quota")
    script(api, {"operation": "create", "deployment": name, "times": "unlimited", "action": GONE})
    for job in journal(api)["jobs"]:
        if job["deployment"] == name:
            post(api, f"/_sim/jobs/{job['id']}", {"state": "completed"})
    return [api.wait(each) for each in first], [api.wait(each) for each in waiting]


def script(api: Client, *rules: dict[str, Any]) -> None:
    post(api, "/_sim/faults", list(rules))


def post(api: Client, path: str, body: Any) -> None:
    answer = api.http.post(f"{api.stack.simulator_url}{path}", json=body)
    assert answer.is_success, answer.text


def journal(api: Client) -> dict[str, Any]:
    found: dict[str, Any] = api.http.get(f"{api.stack.simulator_url}/_sim/journal").json()
    return found


def test_what_renders_is_collected_and_what_waits_ends_on_the_successor(api: Client) -> None:
    rendered, moved = retired(api, "sora-2", "sora-2")
    for video in rendered:
        assert (video["status"], video["rendered_by"]) == ("completed", "sora-2"), video
        assert video["cost"]["actual"] == "0.40"
    for video in moved:
        assert (video["status"], video["model"]) == ("completed", "sora-2"), video["error"]
        assert (video["rendered_by"], video["deployment"]) == ("ltx-2", "ltx")
        assert (video["size"], video["seconds"], video["asked"]) == ("720x1280", "4", None)
        assert video["cost"] == {
            "currency": "USD", "estimated": "0.20", "actual": "0.20", "state": "settled",
        }  # fmt: skip
    made = Counter(job["deployment"] for job in journal(api)["jobs"])
    assert made == {"sora-2": RENDERING, "ltx": WAITING}

    usage = api.http.get(f"{api.stack.api}/usage", params={"group_by": "rendered_by"}).json()
    sums = {row["group"]: (row["videos"], Decimal(row["settled"])) for row in usage["data"]}
    assert sums == {"sora-2": (2, Decimal("0.8")), "ltx-2": (20, Decimal(4))}
    by_model = api.http.get(f"{api.stack.api}/usage", params={"group_by": "model"}).json()
    assert [(row["group"], row["videos"]) for row in by_model["data"]] == [("sora-2", 22)]

    model = api.http.get(f"{api.stack.api}/models/sora-2").json()
    assert (model["lifecycle"], model["successor"]["renders"]) == ("retired", True)
    later = api.wait(api.create(model="sora-2", prompt="the day after")["id"])
    assert (later["status"], later["rendered_by"]) == ("completed", "ltx-2")


def test_without_a_successor_what_waits_fails_uncharged_with_the_date(api: Client) -> None:
    rendered, failed = retired(api, "old-1", "old")
    assert {video["status"] for video in rendered} == {"completed"}
    for video in failed:
        assert video["status"] == "failed"
        assert (video["error"]["code"], video["error"]["charged"]) == ("no_deployment", False)
        assert f"was retired on {DATE}" in video["error"]["message"]
        assert (video["cost"]["actual"], video["cost"]["state"]) == ("0.00", "released")
    assert [job["deployment"] for job in journal(api)["jobs"]].count("old") == RENDERING


def test_a_create_of_a_retiring_model_says_so(api: Client) -> None:
    body = {"model": "old-1", "prompt": "a fox"}
    for path in ("quotes", "videos"):
        answer = api.http.post(f"{api.stack.api}/{path}", json=body)
        assert answer.headers["deprecation"] == "@1792022400"
        assert answer.headers["sunset"] == "Thu, 15 Oct 2026 00:00:00 GMT"
    plain = api.http.post(f"{api.stack.api}/quotes", json={**body, "model": "ltx-2"})
    assert "sunset" not in plain.headers
