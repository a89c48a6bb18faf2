"""The API through the local stack: how long a call takes, what part is ours, and what it asks of
storage with 1,000 and with 20,000 videos.

`health` runs through the same client, host and worker and does nothing, so what a call takes beyond
it is ours: authentication, storage and JSON. Beside that stands the same storage request made with
nothing around it. Client, host, simulator and Azurite share the machine.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from azure.data.tables import TableClient

from bench.gated import NEVER, gated, shapes
from bench.report import Table, targets
from bench.schedules import SEED
from local.stack import API_KEY, Ports, Stack
from shared.domain.ids import new_video_id
from shared.storage.accounts import Account
from shared.storage.names import VIDEOS
from shared.storage.videos import row_key
from tests.faults.gate import Gate

CLIENTS = (1, 16, 64)
CALLS = {1: 200, 16: 480, 64: 960}
CREATES = {1: 40, 16: 64, 64: 128}
FEW, MANY = 1000, 20_000
CALLER = "key:local"
_AGES_AGO = 1_700_000_000_000
_SETTINGS = {"TIME_SCALE": "1", "BUDGET_USD_PER_DAY": "-1", "SWEEP_SCHEDULE": NEVER}
_HEADERS = {"Authorization": f"Bearer {API_KEY}"}

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """Two minutes."""
    with tempfile.TemporaryDirectory() as name:
        requests, videos = _requests(Path(name) / "gated")
        latencies = _latencies(Path(name) / "plain")
    return {
        "requests": requests,
        "videos": videos,
        "latencies": latencies,
        "targets": _targets(requests),
    }


def _requests(folder: Path) -> tuple[list[Row], list[Row]]:
    """What each call asks of storage, and how long it takes beside the bare request."""
    rows: list[Row] = []
    times: list[Row] = []
    client = httpx.Client(headers=_HEADERS, timeout=60, trust_env=False)
    with gated(folder, _SETTINGS) as (stack, gate), client as http:
        made = [_create(http, stack) for _ in range(2)]  # the first connects
        table = _table(stack)
        calls: dict[str, Callable[[], httpx.Response]] = {
            "create": lambda: http.post(f"{stack.api}/videos", json={"prompt": "a fox"}),
            "get": lambda: http.get(f"{stack.api}/videos/{made[1]}"),
            "list": lambda: http.get(f"{stack.api}/videos", params={"limit": 20}),
        }
        bare: dict[str, Callable[[], object]] = {
            "get": lambda: table.get_entity(CALLER, row_key(made[1])),
            "list": lambda: _page(table),
        }
        held = 0
        for videos in (FEW, MANY):
            seed(table, made[1], held, videos - held)
            held = videos
            for name, call in calls.items():
                rows += _counted(gate, videos, name, call)
            for name, request in bare.items():
                times.append(
                    {
                        "videos": videos,
                        "call": name,
                        "ours": _median_ms(calls[name]),
                        "bare": _median_ms(request),
                    }
                )
        table.close()
    return rows, times


def _counted(gate: Gate, videos: int, name: str, call: Callable[[], httpx.Response]) -> list[Row]:
    call().raise_for_status()  # the first in a minute also reads how long such renders take
    _quiet(gate)
    gate.reset()
    call().raise_for_status()
    if name == "create":
        # what its orchestration does is counted elsewhere: the answer comes when it is started
        started = next(i for i, each in enumerate(gate.effects) if each.target == "durable")
        asked = shapes(gate.effects[:started])
    else:
        asked = shapes(gate.effects)
    return [
        {"videos": videos, "call": name, "request": shape, "count": count}
        for shape, count in sorted(asked.items())
    ]


def _quiet(gate: Gate, *, seconds: float = 1.0, patience: float = 60.0) -> None:
    """Wait until nothing has passed the gate for a while."""
    until, seen = time.monotonic() + patience, -1
    while seen != len(gate.effects) and time.monotonic() < until:
        seen = len(gate.effects)
        time.sleep(seconds)


def _create(http: httpx.Client, stack: Stack) -> str:
    answer = http.post(f"{stack.api}/videos", json={"prompt": "a fox"})
    return str(answer.raise_for_status().json()["id"])


def _table(stack: Stack) -> TableClient:
    """The table of videos, past the gate."""
    blob, _, table = stack.ports.azurite
    connection = Stack(stack.data, stack.ports).settings["STORAGE_CONNECTION"]
    assert f":{table}/" in connection, blob
    return Account(connection=connection).tables.get_table_client(VIDEOS)


def seed(table: TableClient, like: str, first: int, count: int) -> None:
    """So many older videos of the caller, each a copy of one that is there."""
    columns = dict(table.get_entity(CALLER, row_key(like)))
    noise = random.Random(SEED)
    for start in range(first, first + count, 50):
        operations: list[tuple[str, dict[str, Any]]] = []
        for number in range(start, min(start + 50, first + count)):
            video_id = new_video_id(_AGES_AGO + number, noise.randbytes(10))
            operations.append(("create", {**columns, "RowKey": row_key(video_id)}))
            pointer = {"PartitionKey": CALLER, "RowKey": f"a_{video_id}"}
            operations.append(("create", pointer))
        table.submit_transaction(operations)


def _page(table: TableClient) -> int:
    """The bare request of a list."""
    pages = table.query_entities(
        "PartitionKey eq @pk and RowKey ge @s and RowKey lt @b",
        parameters={"pk": CALLER, "s": "d_", "b": "d`"},
        results_per_page=21,
    )
    return len(list(next(pages.by_page())))


def _median_ms(call: Callable[[], object], times: int = 25) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return round(1000 * statistics.median(taken), 1)


def _latencies(folder: Path) -> list[Row]:
    with Stack(folder, Ports.any_free(), overrides=_SETTINGS) as stack:
        with httpx.Client(headers=_HEADERS, timeout=60, trust_env=False) as http:
            video_id = _create(http, stack)
            table = _table(stack)
            seed(table, video_id, 0, FEW)
            table.close()
        return asyncio.run(_load(stack, video_id))


async def _load(stack: Stack, video_id: str) -> list[Row]:
    """Calls by so many clients at once; those that leave work behind come last."""
    rows: list[Row] = []
    # shorter than the host keeps a connection: it must not close one that is about to be used
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
    async with aiohttp.ClientSession(headers=_HEADERS, connector=connector) as http:

        async def fetch(path: str) -> None:
            async with http.get(f"{stack.api}{path}") as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

        async def create() -> None:
            body = {"prompt": "a fox"}
            async with http.post(f"{stack.api}/videos", json=body) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

        reads: dict[str, Callable[[], Awaitable[None]]] = {
            "health": lambda: fetch("/health"),
            "get": lambda: fetch(f"/videos/{video_id}"),
            "list": lambda: fetch("/videos?limit=20"),
        }
        for clients in CLIENTS:
            rows += [await _calls(n, call, clients, CALLS[clients]) for n, call in reads.items()]
        rows += [await _calls("create", create, clients, CREATES[clients]) for clients in CLIENTS]
    hosts = {row["clients"]: row["p50"] for row in rows if row["call"] == "health"}
    for row in rows:
        row["ours"] = round(max(0.0, row["p50"] - hosts[row["clients"]]), 1)
    return rows


async def _calls(name: str, call: Callable[[], Awaitable[None]], clients: int, count: int) -> Row:
    taken: list[float] = []

    async def client(calls: int) -> None:
        for _ in range(calls):
            began = time.perf_counter()
            await call()
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(client(2) for _ in range(clients)))  # connections
    taken.clear()
    began = time.perf_counter()
    await asyncio.gather(*(client(count // clients) for _ in range(clients)))
    seconds = time.perf_counter() - began
    cuts = statistics.quantiles(taken, n=100)
    return {
        "call": name,
        "clients": clients,
        "p50": round(1000 * cuts[49], 1),
        "p95": round(1000 * cuts[94], 1),
        "p99": round(1000 * cuts[98], 1),
        "rate": round(len(taken) / seconds),
    }


def _targets(requests: list[Row]) -> list[Row]:
    asked: dict[int, dict[tuple[str, str], int]] = {FEW: {}, MANY: {}}
    for row in requests:
        asked[row["videos"]][row["call"], row["request"]] = row["count"]
    same = asked[FEW] == asked[MANY]
    rows: list[Row] = [
        {"target": f"requests with {MANY:,} videos as with {FEW:,}", "limit": "identical"}
        | {"reached": "identical" if same else "different", "met": same}
    ]
    for name in ("get", "list"):
        count = sum(n for (call, _), n in asked[MANY].items() if call == name)
        rows.append(
            {"target": f"storage requests of a {name}", "limit": 1, "reached": count}
            | {"met": count <= 1}
        )
    return rows


def tables(results: dict[str, Any]) -> list[Table]:
    calls = Table(
        "Calls by clients",
        ("call", "clients", "p50, ms", "p95", "p99", "of p50 ours", "calls a second"),
    )
    for row in results["latencies"]:
        ours = "" if row["call"] == "health" else f"{row['ours']:.1f}"
        figures = (f"{row[cut]:.1f}" for cut in ("p50", "p95", "p99"))
        calls.add(row["call"], row["clients"], *figures, ours, row["rate"])
    requests = Table(
        "Storage requests of a call",
        ("call", "request", f"with {FEW:,} videos", f"with {MANY:,}"),
        words=2,
    )
    counts = {(r["call"], r["request"], r["videos"]): r["count"] for r in results["requests"]}
    for call, request in dict.fromkeys((r["call"], r["request"]) for r in results["requests"]):
        requests.add(call, request, *(counts.get((call, request, n), 0) for n in (FEW, MANY)))
    scale = Table("The same request bare", ("call", "videos", "the call, ms", "Azurite alone, ms"))
    for row in results["videos"]:
        scale.add(row["call"], f"{row['videos']:,}", f"{row['ours']:.1f}", f"{row['bare']:.1f}")
    return [calls, requests, scale, targets("the API", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # tables say it
    return {}
