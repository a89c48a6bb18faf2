"""The clients of the storage account: one of each per process, built on first use.

Locally a connection string names the account (Azurite); in Azure the app uses its managed identity,
and no key exists.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.entra.app_credential import credential
from shared.loopback import LOOPBACK
from shared.storage.rows import Table

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient, ContainerClient

_RETRIES: dict[str, Any] = {
    # The SDKs retry throttling, 5xx and timeouts with growing pauses. With these limits a request
    # fails within about a minute, well before an activity counts as dead.
    "retry_total": 5,
    "retry_connect": 3,
    "retry_read": 3,
}
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
_READ = 256 * 1024
"""Bytes per read of a download: what the blob client gives its own transport."""
_CONNECTIONS = 64
"""Kept open per client. A process never has more requests at once: 16 threads for plain functions,
16 for the work of asynchronous ones, and 8 copies that stage two blocks each. Beyond the default
of 10, every request would open a new connection."""


class Account:
    """The storage account of videos, tables and inputs."""

    def __init__(self, *, connection: str = "", account_name: str = "") -> None:
        self._connection = connection
        self._account_name = account_name
        # azure-core logs every URL at INFO
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
        """The account key if the account is an emulator on this machine; None otherwise."""
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
    from azure.core.pipeline.transport import RequestsTransport
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    # as in azure-core's own transport: its pipeline does the retries, and only this setting keeps
    # the URL (a link's signature, a query) out of the text of a connection error
    no_retries = Retry(total=False, redirect=False, raise_on_status=False)
    session = Session()
    # else requests looks for a .netrc before each request, whose entry would replace our signature
    session.auth = lambda request: request
    for scheme in ("https://", "http://"):
        adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=no_retries)
        session.mount(scheme, adapter)
    transport = RequestsTransport(session=session, connection_data_block_size=_READ, **_TIMEOUTS)
    return {**_RETRIES, "transport": transport}
