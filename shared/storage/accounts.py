"""The clients of the storage account: one of each per process, built on first use.

Locally a connection string names the account (Azurite); in Azure the app's managed identity reaches
it and no key exists.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.entra.app_credential import credential
from shared.settings.values import LOOPBACK
from shared.storage.rows import Table

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient, ContainerClient

_RETRIES: dict[str, Any] = {
    # The SDKs retry throttling, 5xx and timeouts with growing pauses; together with these limits a
    # request fails within about a minute, well before an activity is taken for dead.
    "retry_total": 5,
    "retry_connect": 3,
    "retry_read": 3,
}
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
_READ = 256 * 1024
"""Bytes that a download is read in at a time: what the blob client gives a transport of its own."""
_CONNECTIONS = 64
"""Kept open by a client. More threads than that never ask at once: a process has 16 for plain
functions and 16 for what asynchronous ones do, and each of 8 copies stages two blocks. The
transport's own default is 10; the eleventh would connect anew for every request."""


class Account:
    """The storage account of videos, tables and inputs."""

    def __init__(self, *, connection: str = "", account_name: str = "") -> None:
        self._connection = connection
        self._account_name = account_name
        # azure-core writes a line with every URL at INFO
        logging.getLogger("azure").setLevel(logging.WARNING)

    @cached_property
    def tables(self) -> TableServiceClient:
        from azure.data.tables import TableServiceClient

        if self._connection:
            return TableServiceClient.from_connection_string(self._connection, **_options())
        return TableServiceClient(
            f"https://{self._account_name}.table.core.windows.net",
            credential=credential(),
            **_options(),
        )

    @cached_property
    def blobs(self) -> BlobServiceClient:
        from azure.storage.blob import BlobServiceClient

        if self._connection:
            return BlobServiceClient.from_connection_string(self._connection, **_options())
        return BlobServiceClient(
            f"https://{self._account_name}.blob.core.windows.net",
            credential=credential(),
            **_options(),
        )

    @property
    def emulator_key(self) -> str | None:
        """The account key, where the account is an emulator on this machine; None elsewhere."""
        parts = dict(part.split("=", 1) for part in self._connection.split(";") if "=" in part)
        host = urlsplit(parts.get("BlobEndpoint", "")).hostname
        return parts.get("AccountKey") if host in LOOPBACK else None

    def table(self, name: str) -> Table:
        return Table(self.tables.get_table_client(name))

    def container(self, name: str) -> ContainerClient:
        return self.blobs.get_container_client(name)

    def close(self) -> None:
        """Close every connection. For tests and tools: the app keeps them as long as it lives."""
        for client in ("tables", "blobs"):
            if client in self.__dict__:
                getattr(self, client).close()


def _options() -> dict[str, Any]:
    """Retries, timeouts and connections of a client of the account."""
    from azure.core.pipeline.transport import RequestsTransport
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    # as azure-core's own: repeating is its pipeline's, and only this keeps the URL (with a link's
    # signature, or what is looked for) out of the text of a connection error
    nothing_repeated = Retry(total=False, redirect=False, raise_on_status=False)
    session = Session()
    for scheme in ("https://", "http://"):
        adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=nothing_repeated)
        session.mount(scheme, adapter)
    transport = RequestsTransport(session=session, connection_data_block_size=_READ, **_TIMEOUTS)
    return {**_RETRIES, "transport": transport}
