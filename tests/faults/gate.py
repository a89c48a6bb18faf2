"""Everything the app sends goes through here: counted, and cut off at the chosen request.

A gate is a set of HTTP proxies on loopback, one for each service that the app talks to (tables,
blobs, the upstream, the Durable client's own endpoint). Requests are numbered in the order in which
they arrive. When the chosen one arrives, `when` decides: it is not passed on (`before`), or it is
answered and the answer never arrives (`after`); in either case `kill` is called first. A trap that
does not cut lets both pass: whoever is only frozen finds the answer when it wakes.

Bytes pass unchanged: Azure Storage signs requests, so nothing may be rewritten.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import h11

When = Literal["before", "after"]

_PIECE = 64 * 1024


@dataclass(frozen=True)
class Effect:
    """One request that passed: its number (from 1), where it went and what it asked."""

    number: int
    target: str
    method: str
    path: str


@dataclass
class Trap:
    """The effect at which to strike, and whether it did."""

    number: int
    when: When
    kill: Callable[[], None]
    sprung: Effect | None = None
    cuts: bool = True
    """Whether what strikes also ends the connection."""


@dataclass
class Gate:
    """Proxies to `targets` (name -> port on loopback). A context manager; `ports` are its own."""

    targets: Mapping[str, int]
    ports: dict[str, int] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    trap: Trap | None = None

    def __enter__(self) -> Gate:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def reset(self, trap: Trap | None = None) -> None:
        """Count from 1 again, with another trap or none."""
        self.trap = trap
        self.effects = []

    def retarget(self, name: str, port: int) -> None:
        """Pass on to another port from now on."""
        self.targets = {**self.targets, name: port}

    async def _listen(self) -> None:
        for name in self.targets:
            server = await asyncio.start_server(partial(self._serve, name), "127.0.0.1", 0)
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection of the app: request after request, each to a connection of its own."""
        with contextlib.suppress(
            OSError,
            h11.RemoteProtocolError,
            asyncio.IncompleteReadError,
            asyncio.CancelledError,  # the gate closes; Python 3.11 would print it as a fault
        ):
            while (request := await _message(reader, h11.SERVER)) is not None:
                answer = await self._pass_on(name, request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def _pass_on(self, name: str, request: _Message) -> bytes | None:
        effect = Effect(len(self.effects) + 1, name, request.method, request.path)
        self.effects.append(effect)
        trap = self.trap
        strikes = trap is not None and trap.number == effect.number and trap.sprung is None
        if trap is not None and strikes and trap.when == "before":
            trap.sprung = effect
            trap.kill()
            if trap.cuts:
                return None
            strikes = False
        reader, writer = await asyncio.open_connection("127.0.0.1", self.targets[name])
        try:
            writer.write(request.raw)
            await writer.drain()
            answer = await _message(reader, h11.CLIENT, asked=request.method)
        finally:
            writer.close()
        if trap is not None and strikes:
            trap.sprung = effect
            trap.kill()
            if trap.cuts:
                return None
        return None if answer is None else answer.raw


@dataclass
class _Message:
    """A whole HTTP message: its bytes as they came, and its first line if it is a request."""

    raw: bytes
    method: str = ""
    path: str = ""


async def _message(
    reader: asyncio.StreamReader, role: type[h11.SERVER] | type[h11.CLIENT], asked: str = "GET"
) -> _Message | None:
    """Read one message to its end. None where the connection ends first."""
    connection = h11.Connection(our_role=role)
    if role is h11.CLIENT:
        # h11 has to know the request to know whether its answer has a body
        connection.send(h11.Request(method=asked, target="/", headers=[("host", "x")]))
        connection.send(h11.EndOfMessage())
    raw, found = bytearray(), _Message(b"")
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_PIECE)
            if not data and not raw:
                return None
            raw += data
            connection.receive_data(data)
            if role is h11.SERVER and connection.they_are_waiting_for_100_continue:
                raise OSError("nobody here says 100-continue")
        elif isinstance(event, h11.Request):
            found.method, found.path = event.method.decode(), event.target.decode()
        elif isinstance(event, h11.EndOfMessage):
            found.raw = bytes(raw)
            return found
        elif isinstance(event, h11.ConnectionClosed):
            return None
