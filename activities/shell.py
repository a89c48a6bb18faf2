"""What all activities share: run the use case off the event loop, then raise its hints."""

from collections.abc import Callable

from shared.durable import workers
from shared.durable.names import Result
from shared.durable.sdk import Client
from shared.lifecycle.services import Services, services
from shared.lifecycle.steps.step import Done
from shared.telemetry.offload import LONG, in_thread


async def run(client: Client, use_case: Callable[[Services], Done]) -> Result:
    """The result of a use case. Its hints go to other workers: losing one only costs time."""
    done = await in_thread(lambda: use_case(services()), patience=LONG)
    await workers.wake(client, done.hints)
    return done.result
