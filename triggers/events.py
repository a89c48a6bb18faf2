"""Event Grid: requests from topics, and files dropped into the inbox.

The function answers as soon as the video is on record. It raises only where another try may help:
Event Grid drops an event at other failures, and whatever can never work is put aside instead.
"""

from collections.abc import Mapping
from typing import Any

import azure.functions as func

from shared import names
from shared.durable import Client, blueprint, event_grid_with_client, timer_with_client
from shared.lifecycle.admit import Admitted
from shared.lifecycle.inbox import Incoming, Wanted, look_after_images, plain, receive
from shared.lifecycle.services import services
from shared.offload import in_thread
from shared.telemetry import Event, emit
from triggers.web import bodies

bp = blueprint()


@event_grid_with_client(bp)
async def on_event(event: func.EventGridEvent, client: Client) -> None:
    """One event, in the Event Grid schema or as a CloudEvent: the SDK tells them apart."""
    incoming = read(event)
    admitted = await in_thread(lambda: receive(services(), incoming, parse))
    if admitted is not None:
        await _start(client, admitted)


@timer_with_client(bp, "%SWEEP_SCHEDULE%")
async def sweep_inbox(timer: func.TimerRequest, client: Client) -> None:  # noqa: ARG001
    """Reject the images whose prompt never came."""
    for admitted in await in_thread(lambda: look_after_images(services(), parse)):
        await _start(client, admitted)


def read(event: Any) -> Incoming:
    """What matters of an event. `event` is a func.EventGridEvent or a func.CloudEvent."""
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


async def _start(client: Client, admitted: Admitted) -> None:
    if admitted.video.terminal:
        return
    try:
        await client.start_new(names.GENERATE_VIDEO, admitted.instance, admitted.payload)
    except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
        if not admitted.replayed:  # a repeat finds it started
            # The video is on record; the sweep starts what nobody works on.
            emit(Event.START_LOST, instance=admitted.instance, message=type(error).__name__)
