"""Answers on the wire, including those that break off, lie about their length or never come."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CONNECTION = "simulator.connection"
"""Key of the request's asyncio transport in the ASGI scope's `extensions`."""

_PIECE = 65_536
_SLOW_PIECES = 20


@dataclass
class Delivery:
    """How the bytes of an answer are sent: whole and at once, unless a fault says otherwise."""

    data: bytes
    declared: int | None = None
    """A false Content-Length."""
    cut_at: int | None = None
    """Close the connection after this many bytes."""
    padding: int = 0
    """Zero bytes that follow the data."""
    spread: float = 0.0
    """Real seconds over which to send the body."""
    on_cut: Callable[[], None] | None = None


class Outgoing(Response):
    """An answer with full control over its bytes.

    `on_sent(bytes, whole)` is called with how many bytes of the body were handed to the connection,
    and whether those were all.
    """

    def __init__(
        self,
        status: int,
        headers: dict[str, str],
        delivery: Delivery,
        on_sent: Callable[[int, bool], None] | None = None,
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._delivery = delivery
        self._on_sent = on_sent
        true_length = len(delivery.data) + delivery.padding
        length = true_length if delivery.declared is None else delivery.declared
        if "content-length" in self.headers:
            del self.headers["content-length"]
        if status != 204:
            self.headers["content-length"] = str(length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        sent, alive = await self._send_body(scope, send)
        cut = self._delivery.cut_at is not None
        if alive and not cut:
            await send({"type": "http.response.body", "body": b""})
        if self._on_sent is not None:
            self._on_sent(sent, alive and not cut)
        if cut and self._delivery.on_cut is not None:
            self._delivery.on_cut()
        if cut or not alive:
            await hang_up(scope, receive, flush=True)

    async def _send_body(self, scope: Scope, send: Send) -> tuple[int, bool]:
        """(bytes sent, whether the client was still there)."""
        delivery, transport = self._delivery, _transport(scope)
        total = len(delivery.data) + delivery.padding
        if delivery.cut_at is not None:
            total = min(total, delivery.cut_at)
        piece = _PIECE
        if delivery.spread:
            piece = max(1, min(_PIECE, -(-total // _SLOW_PIECES)))
        sent = 0
        while sent < total:
            if transport.is_closing():
                return sent, False
            chunk = delivery.data[sent : min(sent + piece, total)]
            if not chunk:  # past the data: padding
                chunk = bytes(min(piece, total - sent))
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            sent += len(chunk)
            if delivery.spread and sent < total:  # the client may hang up once it has the last byte
                await asyncio.sleep(delivery.spread * len(chunk) / total)
        return sent, not transport.is_closing()


class NoAnswer(Response):
    """The connection closes without a byte."""

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        """Close it."""
        await hang_up(scope, receive, flush=False)


async def hang_up(scope: Scope, receive: Receive, *, flush: bool) -> None:
    """Close the TCP connection; `flush` first sends what was already written."""
    transport = _transport(scope)
    if flush:
        transport.close()
    else:
        transport.abort()
    # Without an answer the server would send 500, unless the client is gone.
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope["extensions"][CONNECTION]
    assert isinstance(transport, asyncio.Transport)
    return transport
