"""One copy in a process of its own, as `bench.copying` starts it: MODE CONNECTION MB OUTPUTS.

Prints JSON: seconds, and by how many bytes the process's memory grew at its peak. MODE is `ours`,
which is the app's own activity; `read_all`, the code that samples show; or `pipe`, the half of
`curl | upload` that uploads: it says `ready`, then stores what comes from its standard input.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from azure.storage.blob import ContainerClient

from bench.processes import memory
from shared.domain.job import Part
from shared.domain.work import Attempt, RunningJob, Work
from shared.lifecycle.services import Services, services
from shared.lifecycle.steps import collect_output
from shared.storage.names import OUTPUTS_CONTAINER

CONTENT = "{endpoint}/openai/v1/videos/mb-{megabytes}/content"


def main() -> None:
    mode, connection, megabytes, outputs = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5])
    if mode == "pipe":
        _pipe(connection)
        return
    copy = _ours if mode == "ours" else _read_all
    app = services()
    copy(app, 0, 1)  # imports and connections are not what is measured
    before = memory("self", "VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    seconds = copy(app, megabytes, outputs)
    print(json.dumps({"seconds": seconds, "grew": memory("self", "VmHWM") - before}))


def _ours(app: Services, megabytes: int, outputs: int) -> float:
    """Seconds of the activities, from the reading of the row to the commit of the blob."""
    now = time.time()
    video_id = f"video_{time.monotonic_ns()}"
    job = RunningJob(
        id="job",
        created_at=now,
        expires_at=now + 86400,
        deadline=now + 3600,
        parts=tuple(Part(f"mb-{megabytes}", 1) for _ in range(outputs)),
        collecting=True,
        slot_freed=True,
    )
    work = Work(
        video_id=video_id,
        caller="key:local",
        model="sora-2",
        epoch=1,
        created_at=now,
        heartbeat_at=now,
        queue_deadline=now + 3600,
        deployments=("source",),
        day="2026-11-21",
        reserved=0,
        expected=1.0,
        posts=1,
        attempt=Attempt(deployment="source", job=job),
    )
    app.work.insert(work)

    def one(index: int) -> None:
        outcome = collect_output.collect_output(app, video_id, 1, index).result["outcome"]
        assert outcome == "stored", outcome

    seconds = _at_once(one, outputs)
    app.outputs.delete_all(f"{video_id}/")
    return seconds


def _read_all(app: Services, megabytes: int, outputs: int) -> float:
    (upstream,) = app.settings.upstreams
    url = CONTENT.format(endpoint=upstream.endpoint, megabytes=megabytes)
    container = app.account.container(OUTPUTS_CONTAINER)

    def one(index: int) -> None:
        data = httpx.get(url, timeout=120, trust_env=False).content
        hashlib.sha256(data).hexdigest()
        container.upload_blob(f"read-all-{index}", data, overwrite=True)

    return _at_once(one, outputs)


def _pipe(connection: str) -> None:
    client = ContainerClient.from_connection_string(connection, OUTPUTS_CONTAINER)
    name = f"pipe-{time.monotonic_ns()}"
    client.upload_blob(f"{name}-first", b"-")
    print("ready", flush=True)
    client.upload_blob(name, sys.stdin.buffer)
    print(time.monotonic())


def _at_once(one: Callable[[int], None], outputs: int) -> float:
    """Seconds until the last of them is done."""
    began = time.monotonic()
    with ThreadPoolExecutor(outputs) as pool:
        list(pool.map(one, range(outputs)))
    return time.monotonic() - began


if __name__ == "__main__":
    main()
