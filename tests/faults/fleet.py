"""Several hosts over one storage and one task hub, each of which can be killed, frozen or scaled in
at any of its effects, while clients go to those that are there, as behind a load balancer."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from local.ports import free_ports
from local.processes import Child
from local.stack import HUB
from tests.faults.gate import Gate, Trap, When
from tests.faults.rig import HANGS, Rig, TookTooLong

Fault = Literal["kill", "scale in", "freeze"]
STRIKES: tuple[Fault, ...] = ("kill", "kill", "scale in", "freeze")
"""A kill twice as often as the others."""

SCALE = 50
"""Leases of half a second and a visibility timeout of 1.2: less would be lost on a busy machine."""
EVERY_SECOND = "* * * * * *"
_GRACE = 2.0
"""Seconds that a host has to end what runs when it is scaled in. Azure gives up to an hour; a short
one lets some renders' copies be cut off as well."""
_CLIENT_PATIENCE = 3.0
"""Seconds after which a client asks another host: one that is frozen answers nobody."""


@dataclass
class FleetHost:
    """One host, and the gate that all its requests pass."""

    name: str
    child: Child
    gate: Gate
    url: str
    wakes_at: float | None = None
    """While it is frozen: when it is to wake."""

    @property
    def lives(self) -> bool:
        return self.child.exit_code() is None

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, number)


@dataclass
class Fleet(Rig):
    """A rig with several hosts instead of one. Use as `with Fleet(folder, ...)`."""

    hosts: list[FleetHost] = field(default_factory=list)
    ended: list[FleetHost] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """What was done to hosts."""
    _started: int = 0

    def __enter__(self) -> Fleet:
        self.settings = {
            "TIME_SCALE": str(SCALE),
            "SWEEP_SCHEDULE": EVERY_SECOND,
            "JOB_DEADLINE_MINUTES": "60",
            **self.settings,
        }
        super().__enter__()
        try:
            self.stack.start_hub()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        for host in self.hosts:
            host.send(signal.SIGCONT)
        super().__exit__(*error)
        for host in (*self.hosts, *self.ended):
            host.gate.__exit__()

    def start_one(self) -> FleetHost:
        """One more host."""
        self._started += 1
        (port,) = free_ports(1)
        blob, _, table = self.stack.ports.azurite
        targets = {"blob": blob, "table": table, "upstream": self.stack.ports.simulator}
        gate = Gate({**targets, "durable": port})
        gate.__enter__()
        name = f"host {self._started}"
        try:
            child = self.stack.start_one_of(
                name,
                port,
                self.through(gate),
                "--grace",
                str(_GRACE),
                "--rpc-origin",
                f"http://127.0.0.1:{gate.ports['durable']}",
            )
        except BaseException:
            gate.__exit__()
            raise
        host = FleetHost(name, child, gate, f"http://127.0.0.1:{port}")
        self.hosts = [*self.hosts, host]
        return host

    def fill(self, count: int) -> None:
        """Start hosts until there are so many."""
        self.bury()
        while len(self.hosts) < count:
            self.start_one()

    def bury(self) -> None:
        """Forget hosts that have ended, and wake those whose time has come."""
        now = time.monotonic()
        for host in self.hosts:
            if host.wakes_at is not None and now > host.wakes_at:
                host.wakes_at = None
                host.send(signal.SIGCONT)
        gone = [host for host in self.hosts if not host.lives]
        self.hosts = [host for host in self.hosts if host not in gone]
        self.ended += gone
        self.stack.children = [
            child for child in self.stack.children if child not in [host.child for host in gone]
        ]

    def serving(self) -> list[FleetHost]:
        """Those that a load balancer would send to."""
        return [host for host in self.hosts if host.lives and host.wakes_at is None]

    def strike(self, host: FleetHost, fault: Fault, number: int, when: When) -> None:
        """Do that to a host at the effect of that number, counted from now, or after ten seconds if
        it does not come to it. Returns when it was done."""
        acts: dict[Fault, Callable[[], None]] = {
            "kill": lambda: host.send(signal.SIGKILL),
            "scale in": lambda: host.send(signal.SIGTERM),
            "freeze": lambda: host.send(signal.SIGSTOP),
        }
        trap = Trap(number, when, acts[fault], cuts=fault == "kill")
        host.gate.reset(trap)
        until = time.monotonic() + 10
        while trap.sprung is None and host.lives and time.monotonic() < until:
            time.sleep(0.02)
        if trap.sprung is None:
            host.gate.reset()
            acts[fault]()
        self.counts[fault] += 1

    def freeze_until(self, host: FleetHost, seconds: float) -> None:
        host.wakes_at = time.monotonic() + seconds

    def thaw(self) -> None:
        """Wake everyone."""
        for host in self.hosts:
            if host.wakes_at is not None:
                host.wakes_at = time.monotonic() - 1
        self.bury()

    # what a rig does with its one host

    def ensure_host(self) -> bool:
        """Clients do not restart hosts; `settle` starts one if none is left."""
        self.bury()
        if not self.serving():
            self.start_one()
        return False

    def kill_host(self) -> None:
        raise NotImplementedError("strike one of the hosts")

    def sweep(self) -> None:
        """The timer does, on one of them."""

    def order(self, number: int = 0, **body: Any) -> str:
        """Order a video as a client does that asks another host when one does not answer."""
        prompt = body.pop("prompt", f"scenario {number}")
        chance = random.Random(number)
        until = time.monotonic() + HANGS
        while time.monotonic() < until:
            serving = self.serving()
            if not serving:
                time.sleep(0.05)
                continue
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.post(
                    f"{chance.choice(serving).url}/openai/v1/videos",
                    json={"prompt": prompt, **body},
                    headers={"Idempotency-Key": f"order-{number}"},
                    timeout=_CLIENT_PATIENCE,
                )
                if answer.status_code == 200:
                    return str(answer.json()["id"])
                assert answer.status_code >= 500, answer.text
        raise TookTooLong("the order was never taken")

    def log_tail(self, lines: int = 40) -> str:
        hub = self.stack.child(HUB)
        tails = [(host.name, host.child) for host in (*self.ended, *self.hosts)] + [(HUB, hub)]
        return "\n".join(f"{name}:\n{child.last_lines(lines)}" for name, child in tails)

    def late_answers(self) -> int:
        """How often the hub dropped what a host answered too late."""
        return self.stack.child(HUB).log.read_text().count("Dropped a late answer")
