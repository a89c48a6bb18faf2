"""Event Grid: requests from topics, and files dropped into the inbox.

The function answers as soon as the video is on record. It raises only if a retry may help: Event
Grid retries failed events. An event that can never work becomes a rejection instead.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import azure.functions as func

from shared.domain.text import plain
from shared.durable import workers
from shared.durable.sdk import Client, blueprint, event_grid_with_client, timer_with_client
from shared.lifecycle.background.inbox import (
    Incoming,
    Wanted,
    look_after_files,
    look_after_images,
    receive,
)
from shared.lifecycle.services import services
from shared.telemetry.offload import in_thread
from triggers.web import bodies

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
        admitted = await in_thread(lambda: receive(services(), incoming, parse))
        if admitted is not None:
            await workers.start_admitted(client, admitted)


@timer_with_client(bp, "%SWEEP_SCHEDULE%")
async def sweep_inbox(timer: func.TimerRequest, client: Client) -> None:  # noqa: ARG001
    """Reject images whose prompt never came; admit files whose content came without an event."""
    for look_after in (look_after_images, look_after_files):
        for admitted in await in_thread(partial(look_after, services(), parse)):
            await workers.start_admitted(client, admitted)


def read(event: Any) -> Incoming:
    """Parse an event: a func.EventGridEvent or a func.CloudEvent."""
    if hasattr(event, "specversion"):
        return Incoming(
            id=_text(event.id),
            type=_text(event.type),
            topic=None,
            source=_text(event.source),
            data=event.get_json(),
        )
    return Incoming(
        id=_text(event.id),
        type=_text(event.event_type),
        topic=_text(event.topic),
        source="",
        data=event.get_json(),
    )


def _text(value: Any) -> str:
    return plain(str(value or ""))


def parse(fields: Mapping[str, Any]) -> Wanted:
    new = bodies.parse(fields)
    return new.request, new.sources
