"""What the storage emulator alone lets through: the four requests of a create, sent bare.

One event loop and hand-signed requests, so that hardly anything but Azurite works: claims, rows of
work and videos by many clients at once, reservations one transaction after the other, each for all
that wait, as `shared.storage.booking` sends them.

Signature: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import quote

import aiohttp
from yarl import URL

from bench import transactions
from bench.bare import Create, Creates
from bench.transactions import Operation
from shared.storage import names

_VERSION = "2019-02-02"
_MOST_ENTRIES = 90
"""So that a transaction stays within the hundred operations that Azure takes."""


def creates_a_second(connection: str, creates: Creates, clients: int, count: int) -> float:
    """How many of the creates are through in a second, with so many clients at once."""
    return asyncio.run(_measured(connection, creates, clients, count))


async def _measured(connection: str, creates: Creates, clients: int, count: int) -> float:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
    async with aiohttp.ClientSession(connector=connector) as session:
        wire = _Wire(session, connection)
        book = _Book(wire, creates)
        await book.open()
        keeper = asyncio.create_task(book.keep())
        todo = iter(range(count))

        async def client(numbers: Iterator[int]) -> None:
            for _ in numbers:
                await _create(wire, book, creates.another())

        await asyncio.gather(*(client(iter(range(2))) for _ in range(clients)))  # connections
        began = time.perf_counter()
        await asyncio.gather(*(client(todo) for _ in range(clients)))
        seconds = time.perf_counter() - began
        keeper.cancel()
        return count / seconds


async def _create(wire: "_Wire", book: "_Book", one: Create) -> None:
    await wire.write("PUT", names.IDEMPOTENCY, one.caller, one.claim)
    await wire.write("POST", names.WORK, one.work_partition, one.work)
    await book.enter(one.entry)
    await wire.transact(names.VIDEOS, one.caller, one.video)


class _Book:
    """Reservations, batched into one transaction after the other."""

    def __init__(self, wire: "_Wire", creates: Creates) -> None:
        self._wire, self._creates = wire, creates
        self._waiting: list[tuple[Operation, asyncio.Future[None]]] = []
        self._come = asyncio.Event()

    async def open(self) -> None:
        totals = self._creates.totals()
        self._versions = await self._wire.transact(names.LEDGER, self._creates.month, totals)

    async def enter(self, entry: Operation) -> None:
        booked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, booked))
        self._come.set()
        await booked

    async def keep(self) -> None:
        while await self._come.wait():
            batch, self._waiting = self._waiting[:_MOST_ENTRIES], self._waiting[_MOST_ENTRIES:]
            if not self._waiting:
                self._come.clear()
            totals = self._creates.totals(self._versions)
            writes = [entry for entry, _ in batch] + totals
            versions = await self._wire.transact(names.LEDGER, self._creates.month, writes)
            self._versions = versions[-len(totals) :]
            for _, booked in batch:
                booked.set_result(None)


@dataclass
class _Wire:
    session: aiohttp.ClientSession
    connection: str

    def __post_init__(self) -> None:
        parts = dict(part.split("=", 1) for part in self.connection.split(";") if "=" in part)
        self._origin, _, path = parts["TableEndpoint"].rpartition("/")
        self._account, self._path = parts["AccountName"], f"/{path}"
        self._key = base64.b64decode(parts["AccountKey"])

    async def write(self, method: str, table: str, partition: str, write: Operation) -> None:
        path = f"{self._path}/{table}"
        if method == "PUT":
            path += f"(PartitionKey='{quote(partition, safe='')}',RowKey='{write.key}')"
        keys = {"PartitionKey": partition, "RowKey": write.key}
        body = json.dumps(keys | transactions.columns(write.values or {})).encode()
        await self._send(method, path, body, "application/json", 204)

    async def transact(self, table: str, partition: str, writes: Sequence[Operation]) -> list[str]:
        """The rows' new versions."""
        address = f"{self._origin}{self._path}/{table}"
        body = transactions.body(address, _VERSION, "batch_b", partition, writes).encode("ascii")
        kind = "multipart/mixed; boundary=batch_b"
        answer = await self._send("POST", f"{self._path}/$batch", body, kind, 202)
        answers = list(transactions.ANSWERS.finditer(answer))
        assert [each[1] for each in answers] == [b"204"] * len(writes), answer
        return transactions.versions(answer, answers)

    async def _send(self, method: str, path: str, body: bytes, kind: str, expected: int) -> bytes:
        date = formatdate(usegmt=True)
        signed = f"{date}\n/{self._account}{path}".encode()
        signature = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        headers = {
            "Accept": "application/json;odata=minimalmetadata",
            "Authorization": f"SharedKeyLite {self._account}:{signature}",
            "Content-Type": kind,
            "DataServiceVersion": "3.0",
            "Prefer": "return-no-content",
            "x-ms-date": date,
            "x-ms-version": _VERSION,
        }
        url = URL(f"{self._origin}{path}", encoded=True)
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            content = await answer.read()
            assert answer.status == expected, (answer.status, content)
            return content
