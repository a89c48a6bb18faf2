"""The main job once: a prompt in, a checked MP4 and its cost out.

It does not trust the API's answer: it reads the file, the row in Table Storage, the manifest in
Blob Storage and the simulator's journal, and compares them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from local.loopback import BRIEFLY
from local.processes import StackError
from local.stack import API_KEY, Stack
from shared.domain.money import usd
from shared.storage.accounts import Account
from shared.storage.videos import row_key

_POLL = 0.3


@dataclass(frozen=True)
class Order:
    """What to ask for; None is the model's default."""

    prompt: str
    model: str
    size: str | None = None
    seconds: int | None = None
    variants: int = 1

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"prompt": self.prompt, "model": self.model}
        if self.size:
            body["size"] = self.size
        if self.seconds is not None:
            body["seconds"] = str(self.seconds)
        if self.variants != 1:
            body["n_variants"] = self.variants
        return body


class DemoFailed(Exception):
    """The job did not end with its MP4; the message says why."""


def run(stack: Stack, order: Order, out: Path, console: Console) -> None:
    """Order a video from a running stack, show its progress, check and report the result. Raises
    DemoFailed or StackError."""
    with httpx.Client(
        headers={"Authorization": f"Bearer {API_KEY}"}, timeout=60, trust_env=False, limits=BRIEFLY
    ) as http:
        video = _create(http, stack, order)
        console.print(f"[bold]{video['id']}[/bold]  {order.model}, “{order.prompt}”")
        video = _follow(http, stack, video, console)
        if video["status"] != "completed":
            raise DemoFailed(_why(video))
        files = [_download(http, output, video["id"], out) for output in video["outputs"]]
    _report(stack, video, files, console)


def _create(http: httpx.Client, stack: Stack, order: Order) -> dict[str, Any]:
    answer = http.post(f"{stack.api}/videos", json=order.body())
    body: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        raise DemoFailed(f"the request was refused: {body['error']['message']}")
    return body


def _follow(
    http: httpx.Client, stack: Stack, video: dict[str, Any], console: Console
) -> dict[str, Any]:
    """Poll until the video ends, with a bar: its stage, its progress, its expected finish."""
    warned: set[str] = set()
    with _bar(console) as (progress, task):
        while video["status"] in ("queued", "in_progress"):
            for child in stack.ended():
                if child.name not in warned:
                    warned.add(child.name)
                    _say_ended(stack, child.name, console)
            progress.update(
                task,
                completed=video["progress"],
                stage=(video["stage"] or "").replace("_", " "),
                finish=_expected(video),
            )
            time.sleep(_POLL)
            video = http.get(f"{stack.api}/videos/{video['id']}").json()
        progress.update(task, completed=video["progress"], stage=video["status"], finish="")
    return video


def _say_ended(stack: Stack, name: str, console: Console) -> None:
    if name != "simulator":
        raise StackError(f"{name} ended:\n{stack.child(name).last_lines()}")
    scale = float(stack.settings["TIME_SCALE"])
    render = float(stack.settings.get("JOB_DEADLINE_MINUTES", 60)) * 60 / scale
    queue = float(stack.settings.get("QUEUE_DEADLINE_HOURS", 24)) * 3600 / scale
    console.print(
        "[yellow]The simulator has ended. The app keeps trying to reach it and gives up "
        f"{render:.0f} s after the submission (or {queue:.0f} s after the request without one)."
    )


@contextmanager
def _bar(console: Console) -> Iterator[tuple[Progress, TaskID]]:
    columns = (
        TextColumn("{task.fields[stage]:<17}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[finish]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield progress, progress.add_task("video", total=100, stage="accepted", finish="")


def _expected(video: dict[str, Any]) -> str:
    at = video["estimated_completion_at"]
    return "" if at is None else f"expected {datetime.fromtimestamp(at):%H:%M:%S}"  # noqa: DTZ006


def _why(video: dict[str, Any]) -> str:
    error = video["error"] or {"code": video["status"], "message": "no reason given"}
    cost = video["cost"]
    return (
        f"the video {video['status']} ({error['code']}): {error['message']} "
        f"Cost: {cost['state']}, estimated ${cost['estimated']}."
    )


def _download(http: httpx.Client, output: dict[str, Any], video_id: str, out: Path) -> Path:
    """Download an output through the API, as a client does: along the redirect to its blob."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{video_id}-{output['index']}.mp4"
    with (
        http.stream("GET", output["url"], follow_redirects=True) as answer,
        path.open("wb") as file,
    ):
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            file.write(piece)
    return path


def _report(stack: Stack, video: dict[str, Any], files: list[Path], console: Console) -> None:
    account = Account(connection=stack.settings["STORAGE_CONNECTION"])
    row = account.tables.get_table_client("videos").get_entity("key:local", row_key(video["id"]))
    manifest = json.loads(
        account.container("videos").download_blob(f"{video['id']}/manifest.json").readall()
    )
    journal = httpx.get(f"{stack.simulator_url}/_sim/journal", trust_env=False).json()
    job = next(job for job in journal["jobs"] if job["id"] == row["job_id"])
    sources = {
        "row": _hashes(json.loads(row["outputs"])),
        "manifest": _hashes(manifest["outputs"]),
        "simulator's journal": _hashes(
            {"index": output["index"], **output["files"]["video"]} for output in job["outputs"]
        ),
    }
    for index, path in enumerate(files):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        for source, hashes in sources.items():
            if hashes.get(index) != digest:
                raise DemoFailed(
                    f"sha256 of {path} is {digest}, but {hashes.get(index)} in {source}"
                )
        resolution, duration = _played(path)
        console.print(f"file    {path}")
        console.print(f"        {resolution}, {duration}, {len(data):,} bytes")
        console.print(f"        sha256 {digest}")
    micro = row["cost_actual_micro_usd"].value
    console.print(
        f"cost    [bold]${usd(micro)}[/bold] {row['cost_state']} "
        f"({micro} micro-USD by {row['cost_price_version']}, {row['cost_basis']}), "
        f"as the row in Table Storage has it"
    )
    console.print(
        "[green]checked[/green] sha256 of each file = row = manifest = the simulator's journal"
    )


def _played(path: Path) -> tuple[str, str]:
    """Resolution and duration, measured by decoding every frame."""
    import av

    with av.open(path) as container:
        picture = container.streams.video[0]
        frames = sum(1 for _ in container.decode(picture))
        assert picture.average_rate is not None, "a decoded picture has a frame rate"
        seconds = float(frames / picture.average_rate)
        silent = "" if container.streams.audio else ", silent"
        return f"{picture.width}x{picture.height}", f"{seconds:.2f} s{silent}"


def _hashes(outputs: Any) -> dict[int, str]:
    return {int(output["index"]): str(output["sha256"]) for output in outputs}
