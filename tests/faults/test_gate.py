"""What a trap does to the request that it strikes at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.faults.gate import Gate, Trap, When

ASKED: list[str] = []


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ASKED.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def gate() -> Iterator[Gate]:
    ASKED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Gate({"service": server.server_address[1]}) as gate:
            yield gate
        server.shutdown()


def ask(gate: Gate, path: str) -> str:
    url = f"http://127.0.0.1:{gate.ports['service']}{path}"
    return httpx.get(url, trust_env=False).text


@pytest.mark.parametrize(("when", "sent"), [("before", []), ("after", ["/a"])])
def test_a_kill_cuts_the_connection(gate: Gate, when: When, sent: list[str]) -> None:
    struck: list[int] = []
    gate.reset(Trap(1, when, lambda: struck.append(1)))
    with pytest.raises(httpx.TransportError):
        ask(gate, "/a")
    assert struck == [1]
    assert sent == ASKED
    assert ask(gate, "/b") == "ok"


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_is_only_frozen_finds_the_answer_when_it_wakes(gate: Gate, when: When) -> None:
    struck: list[list[str]] = []
    gate.reset(Trap(2, when, lambda: struck.append(list(ASKED)), cuts=False))
    assert [ask(gate, "/a"), ask(gate, "/b"), ask(gate, "/c")] == ["ok"] * 3
    assert struck == [["/a"] if when == "before" else ["/a", "/b"]]
