"""What all activities share: run the use case off the event loop, then raise its hints."""

from collections.abc import Callable

from shared import workers
from shared.durable import Client
from shared.lifecycle.services import Services, services
from shared.lifecycle.steps import Done
from shared.names import Result
from shared.offload import LONG, in_thread


async def run(client: Client, use_case: Callable[[Services], Done]) -> Result:
    """The result of a use case. Its hints are events to others: losing one only costs time."""
    done = await in_thread(lambda: use_case(services()), patience=LONG)
    await workers.wake(client, done.hints)
    return done.result
