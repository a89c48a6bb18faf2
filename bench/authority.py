"""What a turn asks of storage while 100, 1,000 and 10,000 wait: requests of the app's own steps.

One deployment with both its slots taken. A video joins the line; a render ends, which frees a slot
and calls the next; that one takes its turn and submits. The rest of the line is written straight
into Azurite, so that what is counted are the steps themselves.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import httpx
from azure.core.pipeline.transport import RequestsTransport

from local.stack import Ports, Stack
from shared.domain.ids import created_ms, new_video_id
from shared.domain.request import VideoRequest
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.services import Services, build
from shared.lifecycle.steps import follow_job, submit_job, take_turn
from shared.settings.app import settings
from shared.storage.names import DEPLOYMENTS, WORK

DEPTHS = (100, 1000, 10_000)
_CALLER = "key:local"
_REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)

Row = dict[str, Any]


def run(folder: Path) -> list[Row]:
    """Half a minute, most of it writing 10,000 rows."""
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
        changes = {"BUDGET_USD_PER_DAY": "-1", "UPSTREAMS": json.dumps(one)}
        with patch.dict(os.environ, stack.settings | changes):
            settings.cache_clear()
            app = build(settings())
            rows = _measured(app, stack)
            app.close()
        return rows
    finally:
        settings.cache_clear()
        stack.stop()


def _measured(app: Services, stack: Stack) -> list[Row]:
    each = len(DEPTHS)
    ids = sorted(admit(app, _CALLER, _REQUEST).video.id for _ in range(3 + 3 * each))
    running, called, like, joining = ids[:2], ids[2 : 2 + each], ids[2 + each], ids[3 + each :]
    for video_id in running:
        _start(app, video_id)
    for video_id in (*called, like):
        _take_turn(app, video_id, "waiting")
    rows, held = [], 1 + each
    for depth in DEPTHS:
        _seed(app, like, held, depth)
        held = depth
        # what was written past the app is not in its snapshot of the line: let it take one
        _take_turn(app, joining.pop(0), "waiting")
        with counted() as asked:
            _take_turn(app, joining.pop(0), "waiting")
            _end(app, stack, running.pop(0))
            running.append(_start(app, called.pop(0)))
        rows.append({"depth": depth, "requests": dict(asked)})
    return rows


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
    httpx.post(url, json={"state": "completed"}, trust_env=False).raise_for_status()
    outcome = follow_job.follow_job(app, video_id, 1).result["outcome"]
    if outcome != "rendered":
        raise RuntimeError(f"{video_id} is {outcome}, not rendered")


def _seed(app: Services, like: str, held: int, depth: int) -> None:
    """More in line: copies of one who waits, each admitted a millisecond after the other."""
    table = app.account.tables.get_table_client(WORK)
    columns = dict(table.get_entity("open", like))
    base = created_ms(like) + 60_000
    rows = [
        {
            **columns,
            "RowKey": new_video_id(base + number, number.to_bytes(10)),
            "hint": f"h{number}",
        }
        for number in range(held, depth)
    ]
    for start in range(0, len(rows), 100):
        table.submit_transaction([("create", row) for row in rows[start : start + 100]])


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
