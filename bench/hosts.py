"""Several hosts over one storage: how many videos a minute, and what stops them.

Renders are short and the limits as wide as the app takes them, so that only the machinery counts.
All processes share this machine: the table says how much of it each kind used, so that a figure
shows what it is, a host's throughput or the end of the machine. The task hub and Azurite stand for
a storage account, which has machines of its own.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from azure.data.tables import TableClient, TableServiceClient

from bench.counting_host import CONFLICT, WRITTEN
from bench.report import Table, targets
from bench.wide import wide_stack
from local.ports import free_ports
from local.processes import Child, threads
from local.stack import API_KEY, Stack
from shared.storage.names import WORK
from tests.faults.verdict import Facts, judge, read

HOSTS = (1, 2, 4)
VIDEOS = 60
_SCALE = 20
_RENDER = 60.0
"""Three real seconds."""
_CLIENTS = 8
_LONGEST = 300.0
_KINDS = ("hosts", "task hub", "Azurite", "simulator", "client")
_TICKS = os.sysconf("SC_CLK_TCK")

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """Two minutes on an idle machine."""
    rows = [_row(count) for count in HOSTS]
    return {"videos": VIDEOS, "rows": rows, "targets": _targets(rows)}


def _row(count: int) -> Row:
    with tempfile.TemporaryDirectory() as name, _stack(Path(name)) as stack:
        writes = Path(name) / "writes"
        writes.touch()
        stack.start_hub()
        settings = {"COUNT_TO": str(writes)}
        hosts = {
            f"host {number}": (port, stack.start_one_of(f"host {number}", port, settings))
            for number, port in enumerate(free_ports(count))
        }
        urls = [f"http://127.0.0.1:{port}/openai/v1/videos" for port, _ in hosts.values()]
        for url in urls:
            _order(url, f"warm up {url}")
        connection = stack.settings["STORAGE_CONNECTION"]
        with TableServiceClient.from_connection_string(connection) as tables:
            work = tables.get_table_client(WORK)
            _until(lambda: not _unfinished(work))
            writes.write_text("")
            before, busy, began = _cpu(stack, hosts), _busy(), time.monotonic()
            with threads(_CLIENTS) as pool:
                orders = [
                    pool.submit(_order, urls[number % count], f"fox {number}")
                    for number in range(VIDEOS)
                ]
                for order in orders:
                    order.result()
            _until(lambda: not _unfinished(work))
            took = time.monotonic() - began
        used, all_of_it = _cpu(stack, hosts), _busy() - busy
        facts = read(stack.simulator_url, connection)
        noted = Counter(writes.read_text())
    spent = {kind: used[kind] - before[kind] for kind in _KINDS}
    ours = sum(spent.values())
    return {
        "hosts": count,
        "a_minute": round(VIDEOS / took * 60, 1),
        "cpu": {kind: round(seconds / VIDEOS, 3) for kind, seconds in spent.items()},
        "ours": round(ours / took, 2),
        "neighbours": round(max(0.0, all_of_it - ours) / took, 2),
        "writes": round((noted[WRITTEN] + noted[CONFLICT]) / VIDEOS, 1),
        "conflicts": round(noted[CONFLICT] / max(1, noted[WRITTEN] + noted[CONFLICT]), 3),
        "completed": _completed(facts) - count,
        "breaches": len(judge(facts)),
    }


def _targets(rows: list[Row]) -> list[Row]:
    completed = min(row["completed"] for row in rows)
    breaches = sum(row["breaches"] for row in rows)
    return [
        {"target": "videos completed, however many hosts", "limit": VIDEOS, "reached": completed}
        | {"met": completed == VIDEOS},
        {"target": "promises broken, limits passed", "limit": 0, "reached": breaches}
        | {"met": not breaches},
    ]


def _stack(folder: Path) -> Stack:
    """Its hosts count what they write."""
    deployment = {"name": "sora-2", "dialect": "sora-2"}
    return wide_stack(
        folder, deployment, scale=_SCALE, render=_RENDER, host_module="bench.counting_host"
    )


def _order(url: str, prompt: str) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    body = {"prompt": prompt, "model": "sora-2", "seconds": "4"}
    answer = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
    answer.raise_for_status()


def _until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + _LONGEST
    while not holds():
        if time.monotonic() > limit:
            raise TimeoutError("the videos did not end")
        time.sleep(0.2)


def _unfinished(work: TableClient) -> list[object]:
    return list(work.list_entities(select=["RowKey"]))


def _completed(facts: Facts) -> int:
    return sum(video["status"] == "completed" for video in facts.videos)


def _cpu(stack: Stack, hosts: Mapping[str, tuple[int, Child]]) -> dict[str, float]:
    """CPU seconds that each kind of process has used."""
    used = dict.fromkeys(_KINDS, 0.0)
    for child in stack.children:
        used["hosts" if child.name in hosts else child.name] += _seconds(child.pid)
    used["client"] = time.process_time()
    return used


def _seconds(pid: int) -> float:
    """User and system time of a process, by Linux (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _busy() -> float:
    """CPU seconds that the whole machine has worked: all but idle and waiting for disks."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


def tables(results: dict[str, Any]) -> list[Table]:
    shown = Table(
        f"{results['videos']} videos by several hosts",
        (
            "hosts",
            "videos a minute",
            *(f"CPU s a video: {kind}" for kind in _KINDS),
            "cores used: all of these",
            "neighbours",
            "writes to the line a video",
            "of them conflicts",
        ),
        words=0,
    )
    for row in results["rows"]:
        cpu = [f"{row['cpu'][kind]:.3f}" for kind in _KINDS]
        cores = (f"{row['ours']:.2f}", f"{row['neighbours']:.2f}")
        conflicts = f"{100 * row['conflicts']:.1f} %"
        shown.add(row["hosts"], row["a_minute"], *cpu, *cores, row["writes"], conflicts)
    return [shown, targets("several hosts", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
