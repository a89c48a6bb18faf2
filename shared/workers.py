"""Starting and waking the orchestrations that work on videos, with the durable client.

Both are hints and never promises: the rows say what is to be done, a sleeping worker wakes by
itself, and the sweep starts one for whatever nobody works on. So nothing here raises.
"""

from collections.abc import Iterable

from shared import names
from shared.durable import Client
from shared.lifecycle.admit import Admitted
from shared.names import GenerateVideo, Hint
from shared.telemetry import Event, emit


async def start_admitted(client: Client, admitted: Admitted) -> None:
    """Start the worker of a video that was admitted, unless it has ended."""
    if not admitted.video.terminal:
        await start(client, admitted.instance, admitted.payload, again=admitted.replayed)


async def start(
    client: Client, instance: str, payload: GenerateVideo, *, again: bool = False
) -> None:
    """Start a worker. `again`: it is likely to run already, and to be refused for that."""
    try:
        await client.start_new(names.GENERATE_VIDEO, instance, payload)
    except Exception as error:  # noqa: BLE001  # the SDK raises plain Exceptions
        if not again:
            # the words of a transport may name the URL, and the host's key is in it
            said = str(error)[:200] if type(error) is Exception else type(error).__name__
            emit(Event.START_LOST, instance=instance, message=said)


async def wake(client: Client, hints: Iterable[Hint]) -> None:
    """Tell waiting workers to look now; one that is not told only loses time."""
    for hint in hints:
        try:
            await client.raise_event(hint["instance"], hint["event"], None)
        except Exception:  # noqa: BLE001  # the SDK raises plain Exceptions
            emit(Event.HINT_LOST, instance=hint["instance"])
