"""Storage accounts of an Azurite for tests, each with the app's tables and containers.

Nearly every test takes one, and so they are made with plain requests: through the SDK's clients it
is four times the work.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

from azure.storage.blob import (
    AccountSasPermissions,
    ResourceTypes,
    generate_account_sas,
)

from shared.storage import names

KEY = "a2V5"  # base64 of "key"; Azurite takes any
_HEADERS = {"accept": "application/json;odata=nometadata", "content-type": "application/json"}


def named(count: int) -> str:
    """So many accounts, as Azurite's AZURITE_ACCOUNTS has them."""
    return ";".join(f"test{number}:{KEY}" for number in range(count))


def account(ports: tuple[int, int, int], number: int) -> str:
    """The connection string of one of them; what it lacks of the app's layout is created."""
    blob, _, table = ports
    name = f"test{number}"
    signature = generate_account_sas(
        name,
        KEY,
        resource_types=ResourceTypes(container=True, object=True),
        permission=AccountSasPermissions(write=True, create=True, add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
        services="bt",
    )
    tables = [
        ("POST", f"/{name}/Tables?{signature}", json.dumps({"TableName": each}))
        for each in names.TABLES
    ]
    containers = [
        ("PUT", f"/{name}/{each}?restype=container&{signature}", "") for each in names.CONTAINERS
    ]
    for port, requests in ((table, tables), (blob, containers)):
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as sender:
            for method, path, body in requests:
                sender.request(method, path, body, _HEADERS)
                answer = sender.getresponse()
                said = answer.read()
                assert answer.status in (201, 204, 409), said
    return connection(ports, name)


def connection(ports: tuple[int, int, int], name: str) -> str:
    """The connection string of an account of that name, whether there is one or not."""
    blob, queue, table = ports
    return (
        f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={KEY};"
        f"BlobEndpoint=http://127.0.0.1:{blob}/{name};"
        f"QueueEndpoint=http://127.0.0.1:{queue}/{name};"
        f"TableEndpoint=http://127.0.0.1:{table}/{name}"
    )
