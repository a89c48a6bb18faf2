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
def serving(page: Callable[[str], Page]) -> Iterator[str]:
    """Answer GETs with `page(path)`, query included, while this is open; gives the origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, page))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, page: Callable[[str], Page], *args: Any) -> None:
        self._page = page
        super().__init__(*args)

    def do_GET(self) -> None:  # the name that http.server calls
        status, kind, body = self._page(self.path)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
