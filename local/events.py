"""`python -m local send-event | drop | listen`: the event side of a running local stack."""

from __future__ import annotations

import json
import mimetypes
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from local.processes import StackError
from local.stack import WEBHOOK, Ports, Stack

console = Console(highlight=False, soft_wrap=True)

_ACCOUNT = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/Microsoft.Storage/storageAccounts/devstoreaccount1"
)


def add_commands(app: typer.Typer) -> None:
    app.command()(send_event)
    app.command()(drop)
    app.command()(listen)


def send_event(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Publish FILE on the local topic: an event, or the body of a POST /videos to ask for one."""
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        raise StackError(f"{file} is not JSON.") from None
    if not isinstance(content, dict):
        raise StackError(f"{file} is not a JSON object.")
    event = content if "type" in content or "eventType" in content else _asking_for(content)
    event.setdefault("id", str(uuid.uuid4()))
    Topic(_stack()).publish(event)
    console.print(f"sent {event.get('type', event.get('eventType'))} {event['id']}")


def drop(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Its name there; FILE's own.")] = None,
    caller: Annotated[str, typer.Option(help="Whose folder of the inbox.")] = "local",
    prompt: Annotated[str | None, typer.Option(help="An image's prompt, as metadata.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as budget_usd=20 of a batch.")
    ] = None,
) -> None:
    """Put FILE into the inbox and emit its BlobCreated event."""
    stack = _stack()
    blob = f"{caller}/{name or file.name}"
    noted = {} if prompt is None else {"prompt": prompt}
    for each in metadata or ():
        noted_name, _, noted[noted_name] = each.partition("=")
    event = put(stack, blob, file.read_bytes(), noted or None)
    Topic(stack).emit(event)
    console.print(f"dropped inbox/{blob}")


def listen(
    stop_after: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many, past ones included.")
    ] = None,
) -> None:
    """Print past events and verified webhooks, and new ones as they come, until Ctrl-C."""
    topic = Topic(_stack())
    try:
        for item in islice(topic.items(), stop_after):
            console.print(_line(item))
    except KeyboardInterrupt:
        return


class Topic:
    """A client of the local topic."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.topic_url

    def publish(self, *events: dict[str, Any]) -> None:
        """Publish on the custom topic, as another team does."""
        self._post("/api/events", list(events))

    def emit(self, *events: dict[str, Any]) -> None:
        """Emit events from the storage account's own topic."""
        self._post("/system", list(events))

    def items(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """All items so far, then new ones as they come."""
        while True:
            for item in self.next(after):
                yield item
                after = item["number"]

    def next(self, after: int) -> list[dict[str, Any]]:
        """The items after a number; empty if none comes for a while."""
        try:
            answer = httpx.get(
                f"{self._url}/feed", params={"after": after}, timeout=60, trust_env=False
            )
        except httpx.TransportError:
            raise StackError(_NOT_RUNNING) from None
        items: list[dict[str, Any]] = answer.json()
        return items

    def _post(self, path: str, events: list[dict[str, Any]]) -> None:
        from shared.delivery.topic import LOOPBACK_KEY

        try:
            answer = httpx.post(
                self._url + path,
                json=events,
                headers={"aeg-sas-key": LOOPBACK_KEY},
                timeout=10,
                trust_env=False,
            )
        except httpx.TransportError:
            raise StackError(_NOT_RUNNING) from None
        if not answer.is_success:
            raise StackError(f"The local topic answered {answer.status_code}: {answer.text[:200]}")


_NOT_RUNNING = "The local stack is not running here. Start it with: make up"


def put(
    stack: Stack, blob: str, data: bytes, metadata: dict[str, str] | None = None
) -> dict[str, Any]:
    """Write a blob into the inbox; returns the event that a storage account would emit for it."""
    from azure.core.exceptions import AzureError
    from azure.storage.blob import ContentSettings

    from shared.storage.accounts import Account
    from shared.storage.names import INBOX_CONTAINER

    account = Account(connection=stack.settings["STORAGE_CONNECTION"])
    kind = mimetypes.guess_type(blob)[0] or "application/octet-stream"
    client = account.container(INBOX_CONTAINER).get_blob_client(blob)
    try:
        written = client.upload_blob(
            data,
            overwrite=True,
            metadata=metadata,
            content_settings=ContentSettings(content_type=kind),
        )
        url = client.url
    except AzureError as error:
        raise StackError(f"{_NOT_RUNNING} ({type(error).__name__})") from None
    finally:
        account.close()
    return {
        "id": str(uuid.uuid4()),
        "topic": _ACCOUNT,
        "subject": f"/blobServices/default/containers/{INBOX_CONTAINER}/blobs/{blob}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": _now(),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlob",
            "contentType": kind,
            "contentLength": len(data),
            "blobType": "BlockBlob",
            "eTag": str(written["etag"]).strip('"'),
            "url": url,
        },
    }


def _asking_for(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventType": "DurableVideo.VideoRequested",
        "subject": "local",
        "eventTime": _now(),
        "dataVersion": "1",
        "data": body,
    }


def _line(item: dict[str, Any]) -> str:
    if item["kind"] == "webhook":
        return _webhook_line(item)
    event = item["event"]
    data = event.get("data") or {}
    outcome = data.get("status") or (data.get("error") or {}).get("message") or ""
    name = event.get("type", event.get("eventType"))
    return f"event    {name} {event.get('subject', '')} {outcome}".rstrip()


def _webhook_line(item: dict[str, Any]) -> str:
    from standardwebhooks import Webhook, WebhookVerificationError

    secret = _stack().settings[WEBHOOK["secret_setting"]]
    try:
        event = Webhook(secret).verify(item["body"], item["headers"])
    except WebhookVerificationError as error:
        return f"webhook  NOT VERIFIED ({error})"
    return f"webhook  {event['type']} {event['data']['id']} verified"


def _stack() -> Stack:
    """The stack that `make up` started, to know its ports; nothing is started here."""
    return Stack(Path(), Ports.from_environment(), with_topic=True)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat()
