"""What a turn asks of storage while 100, 10,000 and 100,000 wait: requests of the app's own steps.

One deployment with both its slots taken. A video joins the line; a render ends, which frees a slot
and calls the next; that one takes its turn and submits; and somebody far back is asked for its
place. The rest of the line is written straight into Azurite, so that what is counted are the steps
themselves. Beside it: what a forecast of the whole line takes, and one round of the sweep.
"""

import json
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import httpx
from azure.core.pipeline.transport import RequestsTransport

from bench.app import app_on
from local.stack import Ports, Stack
from shared.domain.ids import created_ms, new_video_id
from shared.domain.request import VideoRequest
from shared.lifecycle import line, slots
from shared.lifecycle.background.sweep import suspects, sweep
from shared.lifecycle.line import Line
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.services import Services
from shared.lifecycle.steps import follow_job, submit_job, take_turn
from shared.storage.names import DEPLOYMENTS, WORK

DEPTHS = (100, 10_000, 100_000)
_LATER = 900.0
"""Seconds by which those who join are younger than the whole line."""
_CALLER = "key:local"
_REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)

Row = dict[str, Any]


def run(folder: Path) -> list[Row]:
    """Two minutes, most of it writing 200,000 rows."""
    config = folder / "simulator.json"
    unlimited = {"name": "sora-2", "dialect": "sora-2", "max_creates_per_minute": 100}
    config.write_text(json.dumps({"deployments": [unlimited]}))
    overrides = {"TIME_SCALE": "1"}
    stack = Stack(folder, Ports.any_free(), overrides=overrides, simulator_config=config)
    try:
        stack.start_azurite()
        stack.start_simulator()
        one = json.loads(stack.settings["UPSTREAMS"])[:1]
        one[0]["max_creates_per_minute"] = 100
        with app_on(stack, BUDGET_USD_PER_DAY="-1", UPSTREAMS=json.dumps(one)) as app:
            return _measured(app, stack)
    finally:
        stack.stop()


def _measured(app: Services, stack: Stack) -> list[Row]:
    each = len(DEPTHS)
    ids = sorted(admit(app, _CALLER, _REQUEST).video.id for _ in range(3 + each))
    running, called, like = ids[:2], ids[2 : 2 + each], ids[2 + each]
    later = replace(app, clock=lambda: time.time() + _LATER)
    joining = [admit(later, _CALLER, _REQUEST).video.id for _ in range(each)]
    for video_id in running:
        _start(app, video_id)
    for video_id in (*called, like):
        _take_turn(app, video_id, "waiting")
    rows, behind, joined = [], list[str](), list[str]()
    for depth in DEPTHS:
        before = len(called) + 1 + len(joined)
        behind += _seed(app, like, len(behind), depth - before - len(behind))
        # what was written past the app is in no forecast of the line
        forecast, peak = _forecast(app, depth)
        with counted() as asked:
            _take_turn(app, joining[len(joined)], "waiting")
            _end(app, stack, running.pop(0))
            running.append(_start(app, called.pop(0)))
        with counted() as looked:
            off = _position(app, like, behind[-1]) - (depth - len(joined) - 1)
        joined.append(joining[len(joined)])
        with counted() as swept:
            suspects(app)
            sweep(app)
            slots.free_orphans(app)
            line.call_next(app)
        rows.append(
            {
                "depth": depth,
                "requests": dict(asked),
                "position": sum(looked.values()),
                "off": off,
                "sweep": sum(swept.values()),
                "forecast": forecast,
                "forecast_mb": peak,
            }
        )
    return rows


def _forecast(app: Services, depth: int) -> tuple[int, float]:
    """Write a new forecast of the whole line: its requests, and the most memory at once, in MB."""
    tracemalloc.start()
    with counted() as asked:
        before = app.snapshots.get(_REQUEST.model)
        seen = Line(line.deployments(app))
        written = line.refresh(app, _REQUEST.model, seen, before, joined=depth)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if written is None or written.waiting != depth:
        raise RuntimeError(f"the forecast is not of {depth} videos: {written and written.waiting}")
    return sum(asked.values()), round(peak / 1e6, 1)


def _position(app: Services, like: str, video_id: str) -> int:
    """Where a video stands, as its caller is told."""
    stored = app.videos.get(_CALLER, like)
    assert stored is not None
    place = line.position_of(app, replace(stored.video, id=video_id))
    assert place is not None
    return place.position


def _take_turn(app: Services, video_id: str, expected: Literal["waiting", "granted"]) -> None:
    outcome = take_turn.take_turn(app, video_id, 1, f"hint-{video_id}").result["outcome"]
    if outcome != expected:
        raise RuntimeError(f"{video_id} is {outcome}, not {expected}")


def _start(app: Services, video_id: str) -> str:
    _take_turn(app, video_id, "granted")
    outcome = submit_job.submit_job(app, video_id, 1).result["outcome"]
    if outcome != "submitted":
        raise RuntimeError(f"{video_id} is {outcome}, not submitted")
    return video_id


def _end(app: Services, stack: Stack, video_id: str) -> None:
    """The render of a video is over, and its worker sees it."""
    work = app.work.get(video_id)
    assert work is not None
    url = f"{stack.simulator_url}/_sim/jobs/{work.job_id}"
    answer = httpx.post(url, json={"state": "completed"}, trust_env=False)
    if answer.status_code != httpx.codes.CONFLICT:  # it has ended by itself meanwhile
        answer.raise_for_status()
    outcome = follow_job.follow_job(app, video_id, 1).result["outcome"]
    if outcome != "rendered":
        raise RuntimeError(f"{video_id} is {outcome}, not rendered")


def _seed(app: Services, like: str, held: int, more: int) -> list[str]:
    """More in line: copies of one who waits, each admitted a millisecond after the other."""
    table = app.account.tables.get_table_client(WORK)
    work = dict(table.get_entity("open", like))
    (place,) = (
        dict(row)
        for row in table.query_entities("RowKey lt 'video_'")
        if row["RowKey"].endswith(like)
    )
    prefix = str(place["RowKey"]).removesuffix(like)
    base = created_ms(like) + 60_000
    ids = [new_video_id(base + number, number.to_bytes(10)) for number in range(held, held + more)]
    for start in range(0, len(ids), 50):
        some = ids[start : start + 50]
        fresh = {"heartbeat_at": time.time() + 3600}  # asleep, as those far back are
        works = [{**work, **fresh, "RowKey": each, "hint": f"h{each}"} for each in some]
        places = [{**place, "RowKey": prefix + each} for each in some]
        table.submit_transaction([("create", row) for row in (*works, *places)])
    return ids


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """The storage requests of this process: how many by table and kind."""
    asked: Counter[str] = Counter()
    send = RequestsTransport.send

    def counting(self: Any, request: Any, **options: Any) -> Any:
        asked[_kind(request.method, request.url)] += 1
        return send(self, request, **options)

    with patch.object(RequestsTransport, "send", counting):
        yield asked


def _kind(method: str, url: str) -> str:
    path = unquote(urlsplit(url).path).split("/", 2)[-1]
    table = path.split("(")[0]
    if method == "GET":
        return f"{table}: {'point read' if re.search(r'PartitionKey=', path) else 'range page'}"
    return f"{table}: write"


def of_authority(requests: Mapping[str, int]) -> int:
    """Requests to the rows that decide who may submit."""
    return sum(count for kind, count in requests.items() if kind.startswith(f"{DEPLOYMENTS}:"))
