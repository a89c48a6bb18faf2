"""Event Grid: requests from topics, and files dropped into the inbox.

The function answers as soon as the video or the batch is on record. It raises only if a retry may
help: Event Grid retries failed events. An event that can never work becomes a rejection instead.
"""

import asyncio
import base64
from typing import Any

import azure.functions as func

from shared.domain.text import plain
from shared.durable import workers
from shared.durable.sdk import Client, blueprint, event_grid_with_client, timer_with_client
from shared.lifecycle.background.inbox import (
    Incoming,
    Made,
    look_after_files,
    look_after_images,
    receive,
)
from shared.lifecycle.requests.batches import Created
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread

bp = blueprint()

_PATIENCE = 25.0
"""Seconds: Event Grid waits 30 for an answer. If storage is too slow, the function fails in time
and the event comes again. The request is claimed under the event's id, so work that still runs
makes no second video."""


@event_grid_with_client(bp)
async def on_event(event: func.EventGridEvent, client: Client) -> None:
    """One event, in the Event Grid schema or as a CloudEvent; the SDK distinguishes them."""
    async with asyncio.timeout(_PATIENCE):
        incoming = read(event)
        made = await in_thread(lambda: receive(services(), incoming))
        if made is not None:
            await _start(client, made)


@timer_with_client(bp, "%SWEEP_SCHEDULE%")
async def sweep_inbox(timer: func.TimerRequest, client: Client) -> None:  # noqa: ARG001
    """Reject images whose prompt never came; admit files whose content came without an event."""
    for made in await in_thread(lambda: look_after_images(services())):
        await _start(client, made)
    for each in await in_thread(lambda: look_after_files(services())):
        await _start(client, each)


async def _start(client: Client, made: Made) -> None:
    if isinstance(made, Created):
        await workers.start_created(client, made)
    else:
        await workers.start_admitted(client, made)


def read(event: Any) -> Incoming:
    """Parse an event: a func.EventGridEvent or a func.CloudEvent."""
    if hasattr(event, "specversion"):
        return Incoming(
            id=_text(event.id),
            type=_text(event.type),
            topic=None,
            source=_text(event.source),
            data=_data(event),
        )
    return Incoming(
        id=_text(event.id),
        type=_text(event.event_type),
        topic=_text(event.topic),
        source="",
        data=event.get_json(),
    )


def _data(event: Any) -> Any:
    """A CloudEvent's data. Its publisher's library may have sent bytes (`data_base64`, CloudEvents'
    JSON format, 3.1), which the SDK takes for an extension."""
    encoded = event.extension_attrs.get("data_base64")
    if not isinstance(encoded, str):
        return event.get_json()
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return plain(str(value or ""))
