"""Starts and wakes the workers of videos and batches, with the durable client.

Both may fail, so nothing here raises: the tables say what to do, a sleeping worker wakes by itself,
and the sweep starts a worker for any video without one.
"""

import asyncio
from collections.abc import Iterable, Mapping

from shared.durable import names
from shared.durable.names import GenerateVideo, Hint, RunBatch
from shared.durable.sdk import Client, Presence, presence
from shared.lifecycle.background.sweep import Restart, revive
from shared.lifecycle.batches.revive import BatchWorker
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.requests.batches import Created
from shared.lifecycle.services import services
from shared.telemetry.events import Event, emit
from shared.telemetry.offload import in_thread

_AT_ONCE = 8
_ANSWERS_WITHIN = 10.0
"""Seconds for one call; the client would wait 240."""
_ALL_ANSWER_WITHIN = 60.0
_STARTS_WITHIN = 30.0


async def start_admitted(client: Client, admitted: Admitted) -> None:
    """Start the worker of an admitted video, unless the video has ended."""
    if not admitted.video.terminal:
        await start(client, admitted.instance, admitted.payload)


async def start(
    client: Client,
    instance: str,
    payload: GenerateVideo | RunBatch,
    name: str = names.GENERATE_VIDEO,
) -> None:
    """Start a worker, unless it runs already. If that fails, the next sweep starts it."""
    try:
        async with asyncio.timeout(_STARTS_WITHIN):
            await client.start_new(name, instance, payload)
    except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
        # raised for a running worker too, as after a repeated request
        if not await _runs(client, instance):
            emit(Event.START_LOST, instance=instance, message=_said(error))


async def start_batch(client: Client, worker: BatchWorker) -> None:
    """Start the worker of a batch."""
    await start(client, worker.instance, worker.payload, names.RUN_BATCH)


async def start_created(client: Client, created: Created) -> None:
    """Start the worker of a batch on record, unless the batch has ended."""
    if not created.batch.terminal:
        await start_batch(client, created.worker)


async def start_all(client: Client, restarts: Iterable[Restart | Admitted]) -> None:
    """Start several workers, a few at a time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(restart: Restart | Admitted) -> None:
        async with gate:
            await start(client, restart.instance, restart.payload)

    await asyncio.gather(*map(one, restarts))


async def wake(client: Client, hints: Iterable[Hint]) -> None:
    """Wake waiting workers; one that misses its hint only loses time. Replaces a worker that is
    gone."""
    for hint in hints:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await client.raise_event(hint["instance"], hint["event"], None)
        except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.HINT_LOST, instance=hint["instance"], message=_said(error))
            for instance, why in (await gone(client, [hint["instance"]])).items():
                await _revive(client, instance, ended=why is Presence.ENDED)


async def gone(client: Client, instances: Iterable[str]) -> Mapping[str, Presence]:
    """The instances that are missing or have ended. One whose status cannot be read in time counts
    as alive: an engine that hangs must not block the caller."""
    clock = asyncio.get_running_loop().time
    until = clock() + _ALL_ANSWER_WITHIN
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(instance: str) -> Presence:
        async with gate:
            try:
                async with asyncio.timeout_at(min(until, clock() + _ANSWERS_WITHIN)):
                    return await presence(client, instance)
            except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
                emit(Event.WORKER_UNKNOWN, instance=instance, message=_said(error))
                return Presence.ALIVE

    asked = list(instances)
    answers = zip(asked, await asyncio.gather(*map(one, asked)), strict=True)
    return {instance: state for instance, state in answers if state is not Presence.ALIVE}


async def _runs(client: Client, instance: str) -> bool:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            return await presence(client, instance) is Presence.ALIVE
    except Exception:  # noqa: BLE001  # the SDK raises plain Exceptions
        return False


async def _revive(client: Client, instance: str, *, ended: bool) -> None:
    try:
        restart = await in_thread(lambda: revive(services(), instance, ended=ended))
    except Exception as error:  # noqa: BLE001  # storage failed; the sweep tries again
        emit(Event.WORKER_UNKNOWN, instance=instance, message=_said(error))
        return
    if restart is not None:
        await start(client, restart.instance, restart.payload)


def _said(error: Exception) -> str:
    """The message of the SDK's errors; only the type of a transport's error, whose message may show
    the URL with the host's key."""
    return str(error)[:200] if type(error) in (Exception, RuntimeError) else type(error).__name__
