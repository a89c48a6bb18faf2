"""Admission: what a create costs beside the bare storage requests that it is made of, and how many
get through in a second.

Everything that is compared is measured in turns in the same run, because the machine is shared. A
create through the host also starts its worker, and the next one meets that worker's requests; both
stand apart.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from bench.app import app_on
from bench.authority import counted
from bench.bare import CALLER, Creates, OneAfterTheOther
from bench.emulator import creates_a_second
from bench.gated import NEVER
from bench.report import Table, targets
from local.stack import API_KEY, HOST, Ports, Stack
from shared.domain.request import VideoRequest
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services

ROUNDS = 40
CLIENTS = 64
COUNT = 192
RATES = 3
_QUIET = 0.15
_SETTINGS = {"TIME_SCALE": "1", "BUDGET_USD_PER_DAY": "-1", "SWEEP_SCHEDULE": NEVER}
_REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """A minute and a half."""
    with tempfile.TemporaryDirectory() as name, _bed(Path(name)) as bed:
        requests, alone = _requests(bed), _alone(bed)
        at_once = _at_once(bed)
    found = {"requests": requests, "alone": alone, "at_once": at_once}
    return {**found, "targets": _targets(alone, requests)}


@dataclass
class _Bed:
    """The stack, the same app in this process, and what sends the bare requests."""

    stack: Stack
    app: Services
    http: httpx.Client
    video_id: str
    """The first video: the others are like it."""
    bare: OneAfterTheOther

    def by_api(self) -> None:
        answer = self.http.post(f"{self.stack.api}/videos", json={"prompt": "a fox"})
        answer.raise_for_status()

    def in_process(self) -> None:
        admit(self.app, CALLER, _REQUEST)


@contextmanager
def _bed(folder: Path) -> Iterator[_Bed]:
    stack = Stack(folder, Ports.any_free(), overrides={"PURGE_SCHEDULE": NEVER, **_SETTINGS})
    headers = {"Authorization": f"Bearer {API_KEY}"}
    client = httpx.Client(headers=headers, timeout=60, trust_env=False)
    with stack, client as http, app_on(stack) as app:
        video_id = admit(app, CALLER, _REQUEST).video.id
        bare = OneAfterTheOther(app.account, Creates(app.account, video_id))
        yield _Bed(stack, app, http, video_id, bare)


def _requests(bed: _Bed) -> list[Row]:
    """The storage requests of a create, once its process is warm."""
    rows = []
    for name, repeatable in (("without a key", Repeatable()), ("with one", Repeatable(key="k"))):
        with counted() as asked:
            admit(bed.app, CALLER, _REQUEST, repeatable)
        rows += [{"create": name, "request": what, "count": n} for what, n in asked.items()]
    return rows


def _alone(bed: _Bed) -> list[Row]:
    """One client with pauses. This process and the host take no turns with each other, because each
    would find the totals of the ledger changed by the other."""
    bare, rows = bed.bare.create, list[Row]()
    ways: dict[str, Callable[[], None]] = {"admit": bed.in_process, "POST /videos": bed.by_api}
    for name, way in ways.items():
        (least, least_cpu), (wall, cpu) = _in_turns(bare, way)
        row = {"call": name, "ms": wall, "bare": least, "over": round(wall / least, 2)}
        if way == bed.in_process:
            row |= {"cpu": cpu, "bare_cpu": least_cpu, "cpu_over": round(cpu / least_cpu, 2)}
        rows.append(row)
    return rows


def _in_turns(*calls: Callable[[], None]) -> list[tuple[float, float]]:
    """The median of each in ms: by the clock, and of this process's CPU."""
    taken: list[list[tuple[float, float]]] = [[] for _ in calls]
    for number in range(ROUNDS + 3):
        for call, times in zip(calls, taken, strict=True):
            time.sleep(_QUIET)
            began, cpu = time.perf_counter(), time.process_time()
            call()
            if number >= 3:
                times.append((time.perf_counter() - began, time.process_time() - cpu))
    return [
        (
            round(1000 * statistics.median(wall for wall, _ in times), 1),
            round(1000 * statistics.median(cpu for _, cpu in times), 1),
        )
        for times in taken
    ]


def _at_once(bed: _Bed) -> list[Row]:
    """Creates by many clients: the medians of a few turns, with the CPU that each create took."""
    ways: dict[str, Callable[[], float]] = {
        "Azurite alone": lambda: creates_a_second(
            bed.stack.settings["STORAGE_CONNECTION"],
            Creates(bed.app.account, bed.video_id),
            CLIENTS,
            COUNT,
        ),
        "POST /videos": lambda: asyncio.run(_by_api(bed.stack)),
    }
    pids = [bed.stack.child(name).pid for name in ("Azurite", HOST)]
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    for _ in range(RATES):
        for name, way in ways.items():
            time.sleep(3)  # the workers of what was created before get in line
            before = [_cpu_ms(pid) for pid in pids]
            rate = way()
            spent = [(_cpu_ms(pid) - ms) / COUNT for pid, ms in zip(pids, before, strict=True)]
            found[name].append((rate, *spent))
    rows: list[Row] = []
    for name, turns in found.items():
        rate, azurite, host = (statistics.median(each) for each in zip(*turns, strict=True))
        rows.append({"way": name, "rate": round(rate), "azurite": round(azurite, 1)})
        rows[-1]["host"] = round(host, 1) if name != "Azurite alone" else None
    return rows


async def _by_api(stack: Stack) -> float:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
        todo = iter(range(COUNT))

        async def client() -> None:
            for _ in todo:
                body = {"prompt": "a fox"}
                async with http.post(f"{stack.api}/videos", json=body) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return COUNT / (time.perf_counter() - began)


def _cpu_ms(pid: int) -> float:
    """The CPU that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _targets(alone: list[Row], requests: list[Row]) -> list[Row]:
    admission = alone[0]
    writes = sum(row["count"] for row in requests if row["create"] == "without a key")
    return [
        {"target": "storage requests of a create", "limit": 4, "reached": writes}
        | {"met": writes <= 4},
        *(
            {"target": f"admit over its bare requests, one client: {what}", "limit": 1.3}
            | {"reached": admission[of], "met": admission[of] <= 1.3}
            for what, of in (("time", "over"), ("CPU", "cpu_over"))
        ),
    ]


def tables(results: dict[str, Any]) -> list[Table]:
    requests = Table("Storage requests of a create", ("create", "request", "count"), words=2)
    for row in results["requests"]:
        requests.add(row["create"], row["request"], row["count"])
    alone = Table(
        "A create alone",
        ("", "ms", "its requests bare, ms", "over", "CPU, ms", "bare", "over it"),
    )
    for row in results["alone"]:
        cpu = (row.get(name) for name in ("cpu", "bare_cpu", "cpu_over"))
        alone.add(row["call"], row["ms"], row["bare"], row["over"], *cpu)
    at_once = Table(
        f"Creates by {CLIENTS} clients",
        ("", "creates a second", "CPU of Azurite each, ms", "CPU of the host each, ms"),
    )
    for row in results["at_once"]:
        at_once.add(row["way"], row["rate"], row["azurite"], row["host"])
    return [requests, alone, at_once, targets("admission", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # tables say it
    return {}
