"""How a host talks to the task hub that it shares with others: tuples over a loopback connection.

Both sides are processes of this package and of one user: whoever can read the address file, which
holds the key that the connection asks for, may run code in either.
"""

import json
import os
import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Self

Message = tuple[Any, ...]
"""Its kind first: ``HELLO``, ``RENEW`` and so on."""

# from a host
HELLO, RENEW, DRAIN = "hello", "renew", "drain"
ASK, LOCK = "ask", "lock"  # with a number, which the answer repeats
DONE, FAILED = "done", "failed"  # with the number of the work
# to a host
RUN = "run"
ANSWER, REFUSED = "answer", "refused"

_FILE = "hub.json"


class HubGoneError(Exception):
    """There is no task hub at the address; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a task hub listens on loopback, and what it asks for."""

    port: int
    key: str
    renewal: float
    """Seconds between two signs of life of a host."""
    lock_polling: float
    """Seconds between two tries to get a lock."""

    def write(self, folder: Path) -> None:
        """Leave it for the hosts that are started with this folder; only the owner reads it."""
        draft = folder / f"{_FILE}.tmp"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
        draft.replace(folder / _FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ``HubGoneError``."""
        try:
            return cls(**json.loads((folder / _FILE).read_text()))
        except OSError as error:
            raise HubGoneError(f"there is no task hub in {folder}: start one first") from error

    def connect(self) -> "Wire":
        """Raises ``HubGoneError``."""
        try:
            return Wire(Client(("127.0.0.1", self.port), authkey=self.key.encode()))
        except OSError as error:
            raise HubGoneError(f"the task hub at port {self.port} does not answer") from error


def listen(renewal: float, lock_polling: float) -> tuple[Listener, Address]:
    """A listener at a free port of loopback, and its address."""
    key = secrets.token_hex(32)
    listener = Listener(("127.0.0.1", 0), backlog=16, authkey=key.encode())
    _loopback, port = listener.address
    return listener, Address(int(port), key, renewal, lock_polling)


class Wire:
    """One connection: ``send`` never waits, and what arrives is read by one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="hub-writer", daemon=True)
        self._writer.start()

    def send(self, message: Message) -> None:
        """Send it soon, in order; one for a peer that has gone is dropped."""
        self._outbox.put(message)

    def read(self, receive: Callable[[Message], None]) -> None:
        """Hand each message to ``receive`` until the connection ends."""
        with suppress(EOFError, OSError):
            while True:
                receive(self._connection.recv())

    def close(self) -> None:
        """Send what is left, then end it."""
        self._outbox.put(None)
        self._writer.join(timeout=1)
        with suppress(OSError):
            self._connection.close()

    def _write(self) -> None:
        with suppress(OSError):
            while (message := self._outbox.get()) is not None:
                self._connection.send(message)
