"""Measures the host: ``python -m PACKAGE.bench [--state-dir DIR]``.

One run each, against a host process on this machine: read the figures as orders of magnitude.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
from pathlib import Path

import httpx

from . import __name__ as package
from .testing import HostProcess

_APP = """
from datetime import timedelta
import azure.durable_functions as df

app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def chain(context):
    for n in range(context.get_input()):
        yield context.call_activity("step", n)

@app.orchestration_trigger(context_name="context")
def fan_out(context):
    yield context.task_all([context.call_activity("step", n) for n in range(context.get_input())])

@app.orchestration_trigger(context_name="context")
def parked(context):
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))

@app.activity_trigger(input_name="n")
def step(n: int) -> int:
    return n
"""

_MANAGEMENT = "/runtime/webhooks/durabletask"
_STARTS_AT_A_TIME = 16


class Bench:
    """Starts orchestrations and waits for them."""

    def __init__(self, host: HostProcess) -> None:
        self._host = host
        self._client = httpx.AsyncClient(
            base_url=f"{host.url}{_MANAGEMENT}",
            limits=httpx.Limits(max_connections=_STARTS_AT_A_TIME),
            timeout=120,
        )
        self._batches = 0

    async def close(self) -> None:
        await self._client.aclose()

    async def start(self, name: str, data: int, count: int) -> str:
        """Start ``count`` instances; the prefix of their ids."""
        self._batches += 1
        prefix = f"batch-{self._batches}-"

        async def start_one(number: int) -> None:
            path = f"/orchestrators/{name}/{prefix}{number}"
            response = await self._client.post(path, json=json.dumps(data))
            response.raise_for_status()

        for first in range(0, count, _STARTS_AT_A_TIME):
            numbers = range(first, min(first + _STARTS_AT_A_TIME, count))
            await asyncio.gather(*(start_one(number) for number in numbers))
        return prefix

    async def reach(self, prefix: str, status: str, count: int) -> None:
        """Wait until ``count`` instances have a runtime status."""
        query = {
            "instanceIdPrefix": prefix,
            "runtimeStatus": status,
            "top": str(count),
            "showInput": "false",
        }
        while True:
            response = await self._client.get("/instances", params=query)
            if len(response.json()) >= count:
                return
            await asyncio.sleep(0.005 if count == 1 else 0.05)

    async def seconds(self, name: str, data: int, count: int = 1) -> float:
        """From the first start to the last end."""
        started = time.perf_counter()
        await self.reach(await self.start(name, data, count), "Completed", count)
        return time.perf_counter() - started

    def process(self, field: str) -> int:
        """A number of ``/proc/PID/status``: ``VmRSS`` in kB, ``Threads``."""
        text = Path(f"/proc/{self._host.process.pid}/status").read_text(encoding="ascii")
        match = re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE)
        assert match is not None
        return int(match[1])


async def measure(host: HostProcess) -> None:
    bench = Bench(host)
    await bench.seconds("chain", 5)  # warm up
    print(f"idle: {bench.process('VmRSS') // 1024} MB, {bench.process('Threads')} threads")
    for hops in (50, 200):
        seconds = await bench.seconds("chain", hops)
        print(f"{hops} activities in sequence: {seconds / hops * 1000:.1f} ms/hop")
    for count, hops in ((500, 1), (500, 5)):
        seconds = await bench.seconds("chain", hops, count)
        print(f"{count} orchestrations x {hops}: {count / seconds:.0f} orchestrations/s")
    for width in (100, 1000):
        print(f"fan-out of {width}: {await bench.seconds('fan_out', width):.2f} s")
    before = bench.process("VmRSS")
    prefix = await bench.start("parked", 0, 5000)
    await bench.reach(prefix, "Running", 5000)
    after = bench.process("VmRSS")
    print(
        f"5000 parked timers: +{(after - before) // 1024} MB ({after // 1024} MB in all),"
        f" {bench.process('Threads')} threads"
    )
    await bench.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {package}.bench", description=__doc__)
    parser.add_argument("--state-dir", type=Path, help="measure with SQLite in this folder")
    state_dir: Path | None = parser.parse_args().state_dir
    arguments = ["--log-level", "warning"]
    if state_dir is not None:
        arguments += ["--state-dir", str(state_dir.resolve())]
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder)
        (app / "function_app.py").write_text(_APP, encoding="utf-8")
        (app / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
        with HostProcess(app, *arguments) as host:
            asyncio.run(measure(host))


if __name__ == "__main__":
    main()
