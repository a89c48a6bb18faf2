"""What a stranger's server cannot make a worker do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from shared.bounded_http import NotAnswered, Reply, request

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


def ask(url: str, *, largest: int = 10_000_000, seconds: float = 0.5) -> Reply:
    return request("GET", url, headers={}, largest=largest, seconds=seconds)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers its one connection so."""

    def serve() -> None:
        with suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/?token=private"
        thread.join()


def dripping(first: bytes) -> Callable[[socket.socket], None]:
    """A byte every now and then, for as long as anybody listens."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        never = threading.Event()
        while not never.wait(0.02):
            connection.sendall(b"x")

    return answer


def flood(connection: socket.socket) -> None:
    connection.sendall(_HEAD)
    while True:
        connection.sendall(b"x" * 10_000)


def test_a_name_that_gets_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> None:
        over.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with ThreadPoolExecutor(1) as pool:
        try:
            asked = pool.submit(ask, "http://nowhere.example/").exception(timeout=60)
        finally:
            over.set()
    assert isinstance(asked, NotAnswered)


def test_headers_that_never_end_are_given_up() -> None:
    server = serving(dripping(b"HTTP/1.1 200 OK\r\nX-Long: "))
    with server as url, pytest.raises(NotAnswered, match="did not answer within"):
        ask(url)


def test_a_body_that_does_not_end_in_time_is_told_from_a_whole_one() -> None:
    with serving(dripping(_HEAD)) as url:
        reply = ask(url)
    assert (reply.status, reply.whole) == (200, False)


def test_no_more_is_read_than_was_asked_for() -> None:
    with serving(flood) as url:
        reply = ask(url, largest=100, seconds=60)
    assert 100 < len(reply.body) < 1_000_000


def test_what_is_not_http_is_not_reached_and_its_address_is_not_told() -> None:
    with (
        serving(lambda connection: connection.sendall(b"hello")) as url,
        pytest.raises(NotAnswered) as why,
    ):
        ask(url)
    assert str(why.value) == "not reached (RemoteProtocolError)"
