"""What a video costs the Durable engine and storage, for a render of one, five and forty minutes.

The whole stack runs with time scaled; nothing was learned yet, the sweep is silent, and every
request of the host is counted on its way.
"""

import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from bench.gated import gated
from bench.report import Table, targets
from local.stack import API_KEY, Stack
from tests.faults.gate import Gate

MINUTES = (1, 5, 40)
TIME_SCALE = 40
_MOST_EVENTS = 60
_MOST_CPU = 0.010

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """A minute and a half, of which the longest render takes one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        episodes = folder / "episodes.jsonl"
        os.environ["RECORD_TO"] = str(episodes)
        config = folder / "simulator.json"
        settings = {"TIME_SCALE": str(TIME_SCALE), "JOB_DEADLINE_MINUTES": "60"}
        config.write_text("{}")
        try:
            with gated(
                folder, settings, simulator_config=config, host_module="bench.recording_host"
            ) as (stack, gate):
                _render(stack, gate, episodes, 1)  # the first one pays for connections
                rows = [_render(stack, gate, episodes, minutes) for minutes in MINUTES]
        finally:
            del os.environ["RECORD_TO"]
    return {"time_scale": TIME_SCALE, "rows": rows, "targets": _targets(rows)}


def _render(stack: Stack, gate: Gate, episodes: Path, minutes: int) -> Row:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    fault = {
        "operation": "create",
        "action": {"type": "render_time", "seconds": 60 * minutes},
    }
    with httpx.Client(headers=headers, timeout=30, trust_env=False) as http:
        http.post(f"{stack.simulator_url}/_sim/faults", json=[fault]).raise_for_status()
        # another length for every render, so that none learns from the one before
        body = {"prompt": "a fox", "seconds": {1: "4", 5: "8", 40: "12"}[minutes]}
        gate.reset()
        began = time.monotonic()
        answer = http.post(f"{stack.api}/videos", json=body)
        video_id = str(answer.raise_for_status().json()["id"])
        until = began + 180 * minutes / TIME_SCALE + 30
        status = f"http://127.0.0.1:{stack.ports.functions}/runtime/webhooks/durabletask/instances"
        key = {"showInput": "false"}
        while True:
            state = http.get(f"{status}/{video_id}-1", params=key).json()
            if state.get("runtimeStatus") == "Completed":
                break
            if time.monotonic() > until:
                raise TimeoutError(f"{video_id}: {state}")
            time.sleep(0.1)
        ended = http.get(f"{stack.api}/videos/{video_id}").json()
        if ended["status"] != "completed":
            raise RuntimeError(f"{video_id}: {ended['error']}")
    return _row(minutes, video_id, gate, episodes)


def _row(minutes: int, video_id: str, gate: Gate, episodes: Path) -> Row:
    effects = [each for each in gate.effects if f"/instances/{video_id}" not in each.path]
    lines = [json.loads(line) for line in episodes.read_text(encoding="utf-8").splitlines()]
    mine = [line for line in lines if line["instance"].startswith(video_id)]
    generations: dict[str, list[Row]] = defaultdict(list)
    for line in mine:
        generations[line["generation"]].append(line)
    last = [each[-1] for each in generations.values()]
    cpu = sorted(line["cpu"] for line in mine)
    count = {name: sum(1 for each in effects if each.target == name) for name in gate.ports}
    polls = sum(1 for e in effects if e.target == "upstream" and e.method == "GET") - 1
    return {
        "minutes": minutes,
        "polls": polls,
        "generations": len(generations),
        "episodes": len(mine),
        "events": sum(line["events"] for line in last),
        "events_alive": max(line["events"] for line in last),
        "bytes": sum(line["bytes"] for line in last),
        "bytes_alive": max(line["bytes"] for line in last),
        "replayed": sum(line["replayed"] for line in mine),
        "cpu_median": round(1000 * cpu[len(cpu) // 2], 2),
        "cpu_most": round(1000 * cpu[-1], 2),
        "tables": count["table"],
        "blobs": count["blob"],
        "upstream": count["upstream"],
    }


def _targets(rows: Sequence[Row]) -> list[Row]:
    alive = max(row["events_alive"] for row in rows)
    cpu = max(row["cpu_median"] for row in rows) / 1000
    # a few more generations, none of them larger: what is alive does not grow with the render
    first, last = rows[0], rows[-1]
    growth = last["bytes_alive"] / max(row["bytes_alive"] for row in rows[:-1])
    per_poll = (last["tables"] - first["tables"]) / max(1, last["polls"] - first["polls"])
    asked = (
        ("events alive in a generation", _MOST_EVENTS, alive),
        ("CPU of an episode, ms, median", 1000 * _MOST_CPU, round(1000 * cpu, 2)),
        ("history alive, 40 minutes over 5", 1.3, round(growth, 2)),
        ("table requests for each further poll", 8, round(per_poll, 1)),
    )
    return [
        {"target": what, "limit": limit, "reached": reached, "met": reached <= limit}
        for what, limit, reached in asked
    ]


_COLUMNS = {
    "polls": "polls",
    "generations": "generations",
    "episodes": "episodes",
    "events": "events in all",
    "events_alive": "events alive",
    "bytes": "bytes in all",
    "bytes_alive": "bytes alive",
    "replayed": "events replayed",
    "cpu_median": "CPU of an episode, ms",
    "cpu_most": "the dearest, ms",
    "tables": "table requests",
    "blobs": "blob requests",
    "upstream": "upstream requests",
}


def tables(results: dict[str, Any]) -> list[Table]:
    rows = results["rows"]
    columns = ("of one video", *(f"{row['minutes']} min" for row in rows))
    history = Table("History, replays and requests", columns)
    for name, shown in _COLUMNS.items():
        history.add(shown, *(f"{row[name]:,}" for row in rows))
    return [history, targets("the history", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
