"""The process: a socket on loopback, signals, and connections that can be dropped."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from local.simulator.outgoing import CONNECTION

HOST = "127.0.0.1"


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 that shows the application its connection, so that a fault can close it."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[CONNECTION] = self.transport
            await inner(scope, receive, send)

        self.app = app


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to `serve`: uvicorn would raise them again and not exit 0."""
        yield


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes any free one.

    Raises:
        OSError: the port is busy.
    """
    # asyncio sets TCP_NODELAY only if the protocol is named; without, every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then stop within about a second."""

    # Otherwise a render in the worker thread would delay every answer by 5 ms at a time.
    sys.setswitchinterval(0.001)

    async def run() -> None:
        server = _Server(
            uvicorn.Config(
                app,
                http=DroppableProtocol,
                loop="asyncio",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, setattr, server, "should_exit", True)
        await server.serve(sockets=[listener])

    asyncio.run(run())
