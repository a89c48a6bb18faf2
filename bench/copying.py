"""Copy an output from the upstream to Blob Storage: how fast, and in how much memory.

Both ends are on loopback: a source that only sends, and Azurite or a store that throws everything
away (which no real one can beat, so it shows what our own code costs). Beside ours stands the plain
pipe, `curl URL | upload`, two processes that check nothing; and reading everything before
uploading it, as samples do. Every copy runs in a process of its own that has copied once before.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobBlock, BlobClient, ContainerClient

from bench.copier import CONTENT
from bench.figure import Line, chart
from bench.report import Table, targets
from bench.source import size_of
from local.ports import free_ports, listens
from local.processes import Child
from local.stack import ROOT, Ports, Stack
from shared.storage.names import OUTPUTS_CONTAINER

SIZES = (5, 50, 500)
"""Megabytes."""
TURNS = {5: 9, 50: 5, 500: 2}
"""How often each way is measured: the smaller, the more noise."""
AT_ONCE = 4
BLOCK_SIZES = (0.5, 1, 2, 4, 8)
"""Mebibytes."""
OURS, PIPE, READ_ALL = "ours", "pipe", "read_all"
_NAMES = {OURS: "ours", PIPE: "curl | upload", READ_ALL: "read all, then upload"}
STORES = ("Azurite", "nothing stored")
_LEAST_SHARE = 0.9
_MOST_MEMORY = 32 * 1024 * 1024
_CURL_STARTS = 0.2
"""Seconds in which a curl has started for certain and waits for its URL."""

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """About two minutes."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, _ends(Path(folder)) as (environment, stores):
        for store in STORES:
            for megabytes in SIZES:
                rows += _compared(environment, stores, store, megabytes, 1)
            rows += _compared(environment, stores, store, 50, AT_ONCE)
        sizes = _block_sizes(stores[STORES[0]])
    return {"rows": rows, "block_sizes": sizes, "targets": _targets(rows)}


@contextmanager
def _ends(folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Environment of a copier, and the connection string of each store."""
    stack = Stack(folder, Ports.any_free())
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench.source", str(port)]
    source = Child(
        "source", command, environment=dict(os.environ), log=folder / "source.log", cwd=ROOT
    )
    try:
        source.wait_until(lambda: listens(port), seconds=20)
        stack.start_azurite()
        azurite = stack.settings["STORAGE_CONNECTION"]
        blobs = f"http://127.0.0.1:{stack.ports.azurite[0]}"
        endpoint = f"http://127.0.0.1:{port}"
        upstream = {
            "name": "source",
            "dialect": "sora-2",
            "endpoint": endpoint,
            "deployment": "source",
            "model": "sora-2",
            "auth": {"type": "header", "secret_setting": "SIMULATOR_KEY"},
        }
        environment = {
            **os.environ,
            **stack.settings,
            "UPSTREAMS": json.dumps([upstream]),
            "PYTHONPATH": str(ROOT),
            "SOURCE": endpoint,
        }
        emptiness = azurite.replace(blobs, endpoint)
        yield environment, dict(zip(STORES, (azurite, emptiness), strict=True))
    finally:
        source.stop()
        stack.stop()


def _compared(
    environment: Mapping[str, str],
    stores: Mapping[str, str],
    store: str,
    megabytes: int,
    outputs: int,
) -> list[Row]:
    """The three ways, turn by turn, and the median of each."""
    turns = TURNS[megabytes] if store == STORES[0] else 2
    total = outputs * size_of(megabytes) / 1e6
    found: dict[str, list[tuple[float, float]]] = {mode: [] for mode in _NAMES}
    for _ in range(turns):
        for mode in _NAMES:
            copy = _pipes if mode == PIPE else _copier
            found[mode].append(copy(environment, stores[store], mode, megabytes, outputs))
    rate = {mode: total / statistics.median(s for s, _ in runs) for mode, runs in found.items()}
    return [
        {
            "store": store,
            "megabytes": megabytes,
            "outputs": outputs,
            "way": mode,
            "rate": round(rate[mode]),
            "share": round(rate[mode] / rate[PIPE], 2),
            "grew": None if mode == PIPE else round(max(grew for _, grew in runs) / 1e6, 1),
        }
        for mode, runs in found.items()
    ]


def _copier(
    environment: Mapping[str, str], connection: str, mode: str, megabytes: int, outputs: int
) -> tuple[float, float]:
    """Seconds, and bytes by which the process grew."""
    command = [sys.executable, "-m", "bench.copier", mode, connection, str(megabytes), str(outputs)]
    ran = subprocess.run(
        command,
        env={**environment, "STORAGE_CONNECTION": connection},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    said = json.loads(ran.stdout)
    return said["seconds"], said["grew"]


def _pipes(
    environment: Mapping[str, str], connection: str, mode: str, megabytes: int, outputs: int
) -> tuple[float, float]:
    """Seconds of so many pipes side by side; the clock runs from the moment that curl, which has
    started, is told the URL."""
    command = [sys.executable, "-m", "bench.copier", mode, connection, "0", "1"]
    uploads = [
        subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(outputs)
    ]
    for upload in uploads:
        assert upload.stdout is not None
        assert upload.stdout.readline() == "ready\n"
    curls = [
        subprocess.Popen(["curl", "-sN", "-K", "-"], stdin=subprocess.PIPE, stdout=upload.stdin)
        for upload in uploads
    ]
    time.sleep(_CURL_STARTS)
    url = CONTENT.format(endpoint=environment["SOURCE"], megabytes=megabytes)
    began, ended = time.monotonic(), 0.0
    for curl in curls:
        assert curl.stdin is not None
        curl.stdin.write(f'url = "{url}"\n'.encode())
        curl.stdin.close()
    for upload, curl in zip(uploads, curls, strict=True):
        assert upload.stdin is not None
        upload.stdin.close()  # curl holds the other copy
        curl.wait(300)
    for upload in uploads:
        assert upload.stdout is not None
        ended = max(ended, float(upload.stdout.readline()))
        upload.stdout.close()
        upload.wait(300)
    return ended - began, 0.0


def _block_sizes(connection: str) -> list[Row]:
    """What Azurite takes in blocks of several sizes, one after the other, and in one piece."""
    container = ContainerClient.from_connection_string(connection, OUTPUTS_CONTAINER)
    total, rates = 48 * 2**20, dict[float, list[float]]()
    for turn in range(TURNS[50]):
        for mebibytes in (*BLOCK_SIZES, 0):
            client = container.get_blob_client(f"blocks-{mebibytes}-{turn}")
            began = time.monotonic()
            if mebibytes:
                _in_blocks(client, bytes(int(mebibytes * 2**20)), total)
            else:
                client.upload_blob(bytes(total))
            rates.setdefault(mebibytes, []).append(total / 1e6 / (time.monotonic() - began))
    container.close()
    return [
        {"mebibytes": mebibytes or None, "rate": round(statistics.median(found))}
        for mebibytes, found in rates.items()
    ]


def _in_blocks(client: BlobClient, block: bytes, total: int) -> None:
    names = [f"{number:08d}" for number in range(total // len(block))]
    for name in names:
        client.stage_block(name, block, length=len(block))
    client.commit_block_list([BlobBlock(name) for name in names])


def _targets(rows: list[Row]) -> list[Row]:
    ours = [row for row in rows if row["way"] == OURS]
    asked = []
    for row in ours:
        if row["store"] == STORES[0]:
            what = f"{_what(row)}: throughput over the pipe's, at least"
            asked.append((what, _LEAST_SHARE, row["share"], row["share"] >= _LEAST_SHARE))
    grew = max(row["grew"] for row in ours)
    most = _MOST_MEMORY / 1e6
    asked.append(("growth of the worker, any size, MB, at most", round(most, 1), grew, grew < most))
    return [
        {"target": what, "limit": limit, "reached": reached, "met": met}
        for what, limit, reached, met in asked
    ]


def _what(row: Row) -> str:
    return f"{row['outputs']} x {row['megabytes']} MB"


def tables(results: dict[str, Any]) -> list[Table]:
    shown = []
    for store in STORES:
        table = Table(
            f"Copying to {store}", ("what", "how", "MB/s", "of the pipe", "memory, MB"), words=2
        )
        for row in results["rows"]:
            if row["store"] == store:
                figures = (row["rate"], f"{row['share']:.2f}", row["grew"])
                table.add(_what(row), _NAMES[row["way"]], *figures)
        shown.append(table)
    blocks = Table("Azurite by the size of a block", ("in", "MB/s"))
    for row in results["block_sizes"]:
        size = row["mebibytes"]
        blocks.add("one piece" if size is None else f"blocks of {size:g} MiB", row["rate"])
    shown.append(blocks)
    return [*shown, targets("the copy", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:
    """Memory against size, one copy at a time."""
    lines = []
    for way, colour in ((READ_ALL, "#b8860b"), (OURS, "#1f6fb4")):
        points = [
            (row["megabytes"], row["grew"])
            for row in results["rows"]
            if row["way"] == way and row["store"] == STORES[0] and row["outputs"] == 1
        ]
        lines.append(Line(_NAMES[way], points, colour, points[-1]))
    title = "Growth of the worker's memory against the size of the output"
    return {"memory.svg": chart(title, "size, MB", "memory, MB", lines)}
