"""Starting and waking the orchestrations that work on videos, with the durable client.

Both are hints and never promises: the rows say what is to be done, a sleeping worker wakes by
itself, and the sweep starts one for whatever nobody works on. So nothing here raises.
"""

import asyncio
from collections.abc import Iterable, Mapping

from shared.durable import names
from shared.durable.names import GenerateVideo, Hint
from shared.durable.sdk import Client, Presence, presence
from shared.lifecycle.background.sweep import Restart, revive
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.services import services
from shared.telemetry.events import Event, emit
from shared.telemetry.offload import in_thread

_AT_ONCE = 8
_ANSWERS_WITHIN = 10.0
"""Seconds that one question may take, of the 240 that the client would wait."""
_ALL_ANSWER_WITHIN = 60.0
_STARTS_WITHIN = 30.0


async def start_admitted(client: Client, admitted: Admitted) -> None:
    """Start the worker of a video that was admitted, unless it has ended."""
    if not admitted.video.terminal:
        await start(client, admitted.instance, admitted.payload)


async def start(client: Client, instance: str, payload: GenerateVideo) -> None:
    """Start a worker, unless it runs already. Where that fails the next sweep does it."""
    try:
        async with asyncio.timeout(_STARTS_WITHIN):
            await client.start_new(names.GENERATE_VIDEO, instance, payload)
    except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
        # also for one that runs: a repeated request finds it started
        if not await _runs(client, instance):
            emit(Event.START_LOST, instance=instance, message=_said(error))


async def start_all(client: Client, restarts: Iterable[Restart]) -> None:
    """Start several, a few at a time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(restart: Restart) -> None:
        async with gate:
            await start(client, restart.instance, restart.payload)

    await asyncio.gather(*map(one, restarts))


async def wake(client: Client, hints: Iterable[Hint]) -> None:
    """Hint to waiting workers to look now; one that misses it only loses time. Where the worker is
    gone, another one is started."""
    for hint in hints:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await client.raise_event(hint["instance"], hint["event"], None)
        except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.HINT_LOST, instance=hint["instance"], message=_said(error))
            for instance, why in (await gone(client, [hint["instance"]])).items():
                await _revive(client, instance, ended=why is Presence.ENDED)


async def gone(client: Client, instances: Iterable[str]) -> Mapping[str, Presence]:
    """Those of the instances that are missing or have ended. One that cannot be asked about is not
    among them: an engine that hangs must not hold up whoever asks."""
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
    found = zip(asked, await asyncio.gather(*map(one, asked)), strict=True)
    return {instance: found for instance, found in found if found is not Presence.ALIVE}


async def _runs(client: Client, instance: str) -> bool:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            return await presence(client, instance) is Presence.ALIVE
    except Exception:  # noqa: BLE001  # the SDK raises plain Exceptions
        return False


async def _revive(client: Client, instance: str, *, ended: bool) -> None:
    try:
        restart = await in_thread(lambda: revive(services(), instance, ended=ended))
    except Exception as error:  # noqa: BLE001  # storage; the sweep comes by
        emit(Event.WORKER_UNKNOWN, instance=instance, message=_said(error))
        return
    if restart is not None:
        await start(client, restart.instance, restart.payload)


def _said(error: Exception) -> str:
    """What an error says, unless it is a transport's: that may name the URL, and the host's key is
    in it."""
    return str(error)[:200] if type(error) in (Exception, RuntimeError) else type(error).__name__
