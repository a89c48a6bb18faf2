"""A stack that can be broken: every request of the host passes a gate; the host can be killed."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from PIL import Image

from local.loopback import BRIEFLY, NO_TLS
from local.stack import API_KEY, HOST, Ports, Stack
from tests.faults import heirs, profiles
from tests.faults.gate import Gate, Trap, When
from tests.faults.verdict import TABLES, Allowed, Facts, judge, read

TIME_SCALE = 200
CALM = {"TIME_SCALE": "100"}
"""For a few scenarios beside many other tests. At 200 a worker is dead after 0.9 seconds: on a busy
machine one after another is followed by the next, and none comes to its end."""
JOB_MINUTES = 15
"""Soon over, for the faults that last until then."""
NEVER = "0 0 0 1 1 *"
HANGS = 240.0
"""Seconds until something hangs. A busy machine is no failure."""
DAY_CEILING_USD = "0.40"
"""Exactly the dearest video that a scenario orders: whatever is booked twice is refused."""
Survives = Literal["tables", "host state"]
_SWEEP_PAUSE = 0.5


def _simulator(functions: str) -> dict[str, Any]:
    """The simulator's config. `functions` is the URL of the host."""
    return {
        "deployments": [
            {"name": "sora-2", "dialect": "sora-2"},
            {"name": "sora", "dialect": "sora-1"},
            *profiles.deployments(functions),
            *heirs.deployments(),
        ],
        "render_times": [{"distribution": {"type": "fixed", "seconds": 60}}],
    }


class TookTooLong(Exception):
    """A scenario did not come to its end; the message says where it stood."""


class Sweeps:
    """When the next sweep is due: after ever longer pauses. In scaled time a worker is taken for
    dead after a second or two. On a busy machine each step takes longer: under steady sweeps one
    worker after another is replaced, and none comes to its end."""

    def __init__(self, first: float) -> None:
        self._due, self._pause = time.monotonic() + first, _SWEEP_PAUSE

    def now(self) -> None:
        """A host has died: sweep at once, and as often as in the beginning."""
        self._due, self._pause = 0.0, _SWEEP_PAUSE

    def due(self) -> bool:
        """Whether it is time; the next one is later then."""
        if (now := time.monotonic()) < self._due:
            return False
        self._due, self._pause = now + self._pause, self._pause * 1.5
        return True


@dataclass
class Rig:
    """One stack for many scenarios, one after another. `survives` says what a kill leaves."""

    folder: Path
    survives: Survives = "tables"
    settings: Mapping[str, str] = field(default_factory=dict)
    caller_limits: Mapping[str, int] = field(default_factory=lambda: {"max_unfinished": 1})

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "simulator.json"
        ports = Ports.any_free()
        config.write_text(json.dumps(_simulator(f"http://127.0.0.1:{ports.functions}")))
        self.stack = Stack(
            self.folder,
            ports,
            overrides={
                "TIME_SCALE": str(TIME_SCALE),
                "SWEEP_SCHEDULE": NEVER,
                "PURGE_SCHEDULE": NEVER,
                "JOB_DEADLINE_MINUTES": str(JOB_MINUTES),
                "BUDGET_USD_PER_DAY": DAY_CEILING_USD,
                **dict(profiles.SECRETS.values()),
                **self.settings,
            },
            simulator_config=config,
        )
        callers = json.loads(self.stack.settings["CALLERS"])
        for caller in callers.values():
            caller.update(self.caller_limits)
        self.stack.overrides = {**self.stack.overrides, "CALLERS": json.dumps(callers)}
        try:
            self.stack.start_azurite()
            self.stack.start_simulator()
            self.connection = self.stack.settings["STORAGE_CONNECTION"]
            self.upstreams = json.loads(self.stack.settings["UPSTREAMS"])
            self.upstreams += profiles.upstreams(self.stack.simulator_url)
            self.upstreams += heirs.upstreams(self.stack.simulator_url)
            blob, _, table = self.stack.ports.azurite
            ports = self.stack.ports
            self.gate = Gate(
                {
                    "blob": blob,
                    "table": table,
                    "upstream": ports.simulator,
                    "durable": ports.functions,
                }
            )
            self.gate.__enter__()
            self.stack.rpc_origin = f"http://127.0.0.1:{self.gate.ports['durable']}"
            self.stack.overrides = {**self.stack.overrides, **self.through(self.gate)}
            self.http = httpx.Client(
                headers={"Authorization": f"Bearer {API_KEY}"},
                timeout=20,
                trust_env=False,
                verify=NO_TLS,
                limits=BRIEFLY,
            )
            self.tables = TableServiceClient.from_connection_string(self.connection)
            self.blobs = BlobServiceClient.from_connection_string(self.connection)
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stack.stop()
        self.gate.__exit__()
        for client in (self.http, self.tables, self.blobs):
            client.close()

    def clear(self, *faults: Mapping[str, Any]) -> None:
        """Forget everything: rows, blobs, the simulator's jobs, the counted effects."""
        for name in TABLES:
            table = self.tables.get_table_client(name)
            for entity in table.list_entities(select=["PartitionKey", "RowKey"]):
                table.delete_entity(entity["PartitionKey"], entity["RowKey"])
        for name in ("videos", "inputs", "files"):
            container = self.blobs.get_container_client(name)
            for blob in list(container.list_blob_names()):
                container.delete_blob(blob)
        self.simulator("POST", "/_sim/reset")
        if faults:
            self.simulator("POST", "/_sim/faults", json=list(faults))
        self.gate.reset()

    def simulator(self, method: str, path: str, **extra: Any) -> Any:
        answer = self.http.request(method, f"{self.stack.simulator_url}{path}", **extra)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def force(self, job_id: str, state: str) -> None:
        """Bring an upstream job to a state, unless it has just ended by itself."""
        path = f"{self.stack.simulator_url}/_sim/jobs/{job_id}"
        answer = self.http.post(path, json={"state": state})
        assert answer.status_code in (200, 409), answer.text

    def arm(self, number: int, when: When) -> Trap:
        """Kill the host at the effect of that number, counted from now."""
        trap = Trap(number, when, self.kill_host)
        self.gate.reset(trap)
        return trap

    def kill_host(self) -> None:
        with contextlib.suppress(StopIteration, ProcessLookupError):
            os.kill(self.stack.child(HOST).pid, signal.SIGKILL)

    def begin(self, survives: Survives, *, job_minutes: int = JOB_MINUTES) -> None:
        """From now on a kill leaves only the tables, or the host's own state as well, and a job has
        so many minutes."""
        deadline = {"JOB_DEADLINE_MINUTES": str(job_minutes)}
        if survives != self.survives or not deadline.items() <= self.stack.overrides.items():
            self.survives = survives
            self.stack.overrides = {**self.stack.overrides, **deadline}
            self.kill_host()
            self.ensure_host()

    def ensure_host(self) -> bool:
        """Start the host if none runs; whether it had to. What a kill leaves is `survives`."""
        running = [child for child in self.stack.children if child.name == HOST]
        if running and running[0].exit_code() is None:
            return False
        self.stack.ephemeral = self.survives == "tables"
        self.stack.restart_host()
        return True

    def order(self, number: int = 0, **body: Any) -> str:
        """Order a video as a client does that repeats what was not answered. Its id."""
        prompt = body.pop("prompt", f"scenario {number}")
        until = time.monotonic() + HANGS
        while True:
            self.ensure_host()
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.post(
                    f"{self.stack.api}/videos",
                    json={"prompt": prompt, **body},
                    headers={"Idempotency-Key": f"order-{number}"},
                )
                if answer.status_code == 200:
                    return str(answer.json()["id"])
                assert answer.status_code >= 500, answer.text
            if time.monotonic() > until:
                raise TookTooLong("the order was never taken")

    def cancel(self, video_id: str) -> None:
        """Cancel a video as a client does that repeats what was not answered."""
        until, sweeps = time.monotonic() + HANGS, Sweeps(0.0)
        while True:
            self.ensure_host()
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.post(f"{self.stack.api}/videos/{video_id}/cancel")
                if answer.status_code == 200:
                    return
                # 409 while the first cancel is being carried out
                assert answer.status_code in (409, 500, 503), answer.text
            if time.monotonic() > until:
                raise TookTooLong("the cancel was never taken")
            time.sleep(0.05)
            if sweeps.due():
                self.sweep()

    def settle(
        self, *, seconds: float = HANGS, patience: float = 2.0, watched: bool = False
    ) -> None:
        """Run until nothing is left to do, restarting and sweeping as time does in production.
        Without a restart the first sweep comes after `patience` seconds. `watched`: videos that
        have ended and are still looked for are left, if nothing is found within `patience`."""
        began = busy = time.monotonic()
        sweeps = Sweeps(patience)
        while True:
            if self.ensure_host():
                sweeps.now()
            left = self.work_left()
            now = time.monotonic()
            if not watched or set(left) != {"watching"} or self.open_jobs():
                busy = now
            if not left or now > busy + patience:
                return
            if now > began + seconds:
                raise TookTooLong(f"still {left} after {seconds:.0f} s")
            if sweeps.due():
                self.sweep()
            time.sleep(0.1)  # each look is work for the storage that the host waits for

    def work_left(self) -> list[str]:
        """The stages of everything unfinished; a place in line is beside its video's row."""
        rows = self.tables.get_table_client("work").list_entities(select=["RowKey", "stage"])
        return [str(row["stage"]) for row in rows if row.get("stage")]

    def open_jobs(self) -> list[str]:
        """The upstream jobs that are bound to a video and not yet collected."""
        rows = self.tables.get_table_client("jobs").list_entities()
        return [str(row["RowKey"]) for row in rows if not row["collected"]]

    def sweep(self) -> None:
        """What the timer would do."""
        with contextlib.suppress(httpx.TransportError):
            url = f"http://127.0.0.1:{self.stack.ports.functions}/admin/functions/sweep"
            self.http.post(url, json={})

    def video(self, video_id: str) -> dict[str, Any]:
        """The video as its caller sees it now."""
        while True:
            self.ensure_host()
            # even looking is an effect, at which the host may be killed
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.get(f"{self.stack.api}/videos/{video_id}")
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found

    def facts(self) -> Facts:
        facts = read(self.stack.simulator_url, self.connection)
        usd = Decimal(self.stack.settings["BUDGET_USD_PER_DAY"])
        facts.day_ceiling = int(usd * 1_000_000)
        return facts

    def breaches(self, allowed: Allowed = Allowed()) -> list[str]:  # noqa: B008
        """What is wrong with what this scenario left behind."""
        return judge(self.facts(), allowed)

    def cost_breaches(self, expected: str | None) -> list[str]:
        """Whether each video's cost is in the state that a scenario expects, if any."""
        states = {video["cost_state"] for video in self.facts().videos}
        return [] if expected is None or states == {expected} else [f"the cost is {states}"]

    def log_tail(self, lines: int = 40) -> str:
        return self.stack.child(HOST).last_lines(lines)

    def through(self, gate: Gate) -> dict[str, str]:
        """The settings with which a host reaches everything by a gate."""
        blob, _, table = self.stack.ports.azurite
        connection = self.connection
        for name, port in (("blob", blob), ("table", table)):
            connection = connection.replace(f":{port}/", f":{gate.ports[name]}/")
        return {
            "STORAGE_CONNECTION": connection,
            "UPSTREAMS": json.dumps(self.upstreams).replace(
                f":{self.stack.ports.simulator}", f":{gate.ports['upstream']}"
            ),
        }


def shapes() -> Sequence[tuple[str, dict[str, Any]]]:
    """The two dialects, with a job each that is quick to render."""
    return (
        ("sora-2", {"model": "sora-2", "seconds": "4"}),
        ("sora-1", {"model": "sora", "size": "480x480", "seconds": "2", "n_variants": 2}),
    )


def a_red_image() -> str:
    """A small image as a data URL."""
    out = io.BytesIO()
    Image.new("RGB", (90, 160), (200, 30, 30)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
