"""A little HTTP server for a test: somebody whom the app asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Page = tuple[int, str, bytes]
"""Status, content type and body."""


@contextmanager
def serving(page: Callable[[str], Page], heard: list[bytes] | None = None) -> Iterator[str]:
    """Answer with `page(path)`, query included, while this is open; gives the origin. What is
    POSTed, with its headers, is added to `heard`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, page, heard))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, page: Callable[[str], Page], heard: list[bytes] | None, *args: Any) -> None:
        self._page, self._heard = page, heard
        super().__init__(*args)

    def do_POST(self) -> None:  # the name that http.server calls
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self._heard is not None:
            self._heard.append(f"{self.path}\n{self.headers}".encode() + body)
        self.do_GET()

    def do_GET(self) -> None:  # the name that http.server calls
        status, kind, body = self._page(self.path)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
