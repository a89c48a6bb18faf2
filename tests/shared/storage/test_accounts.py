"""The connections to the storage account: enough of them, set up as the SDK's own, and discreet."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local.ports import free_ports
from local.stack import ROOT
from shared.storage import accounts, outputs
from shared.storage.accounts import Account
from tests.infra.templates import deployed, settings_of


def threads_of_a_process() -> int:
    """As deployed: the worker's pool, as many for asynchronous functions, and the blocks that
    activities stage beside."""
    pool = int(settings_of(deployed())["PYTHON_THREADPOOL_THREAD_COUNT"])
    durable = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]
    copies = int(durable["maxConcurrentActivityFunctions"])
    return 2 * pool + copies * outputs._UNDER_WAY


def test_every_thread_keeps_its_connection(
    connection: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that found no room would connect anew for every request, and urllib3 say so."""
    account, count = Account(connection=connection), threads_of_a_process()
    assert count < accounts._CONNECTIONS
    table, together = account.table("videos"), Barrier(count)

    def ask(number: int) -> None:
        for _ in range(3):
            together.wait(60)
            table.get("caller", str(number))

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(ask, range(count)))
    account.close()
    assert "pool is full" not in caplog.text


def set_up(client: Any) -> tuple[Any, ...]:
    """What a client of Azure's connects with, but for the number of its connections."""
    inner: Any = client._client._client if isinstance(client, TableServiceClient) else client
    transport: Any = inner._pipeline._transport
    transport.open()
    how, session = transport.connection_config, transport.session
    adapter = session.adapters["https://"]
    retries = adapter.max_retries
    return (
        (how.timeout, how.read_timeout, how.verify, how.cert, how.data_block_size),
        (retries.total, retries.redirect, retries.raise_on_status),
        (session.trust_env, session.verify, transport._session_owner),
    )


def test_but_for_their_number_connections_are_as_the_sdk_makes_them(connection: str) -> None:
    account = Account(connection=connection)
    own: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
    blobs = BlobServiceClient.from_connection_string(connection, **own)
    assert set_up(account.blobs) == set_up(blobs)
    # the client of tables reads in smaller pieces by itself; its answers are small
    larger = own | {"connection_data_block_size": accounts._READ}
    tables = TableServiceClient.from_connection_string(connection, **larger)
    assert set_up(account.tables) == set_up(tables)
    for client in (account, blobs, tables):
        client.close()


def test_a_connection_error_does_not_repeat_what_was_asked(connection: str) -> None:
    (nobody,) = free_ports(1)
    account = Account(connection=re.sub(r":\d+/", f":{nobody}/", connection))
    with pytest.raises(ServiceRequestError) as raised:
        account.tables.get_table_client("videos").get_entity("SECRET", "row", retry_total=0)
    account.close()
    assert "SECRET" not in str(raised.value)


def test_a_netrc_does_not_replace_the_signature(
    connection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does where requests makes the session: its password would be sent instead, in vain."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    account = Account(connection=connection)
    assert account.table("videos").get("caller", "row") is None
    account.close()
