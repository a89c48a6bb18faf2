"""A create never rides on a connection that its server may be closing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.settings.upstreams import NoAuth, Upstream
from shared.upstream.http import UpstreamHttp


class _ClosesAfterOne(BaseHTTPRequestHandler):
    """Keeps a connection open, as uvicorn does, and closes it under the next request: what a
    client meets that sends just as the server gives an idle connection up."""

    protocol_version = "HTTP/1.1"
    answered = False

    def do_GET(self) -> None:  # the name that http.server calls
        if self.answered:
            self.close_connection = True
            return
        self.answered = True
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def upstream() -> Iterator[UpstreamHttp]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ClosesAfterOne)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    http = UpstreamHttp(
        Upstream(
            name="a",
            dialect="sora-2",
            endpoint=f"http://127.0.0.1:{server.server_address[1]}",
            deployment="d",
            model="sora-2",
            auth=NoAuth(type="none"),
        )
    )
    try:
        yield http
    finally:
        http.close()
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_the_answer_to_a_create_is_not_lost_on_a_connection_that_a_read_left(
    upstream: UpstreamHttp,
) -> None:
    assert upstream.read("/videos", trace="1") == {}
    assert upstream.create("/videos", {"prompt": "a"}, trace="2") == {}


def test_nor_on_one_that_a_create_left(upstream: UpstreamHttp) -> None:
    for trace in ("1", "2", "3"):
        assert upstream.create("/videos", {"prompt": "a"}, trace=trace) == {}
