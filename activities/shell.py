"""What all activities share: run the use case off the event loop, then raise its hints."""

from collections.abc import Callable
from typing import TypeVarTuple

from shared.durable import workers
from shared.durable.names import Result, Step
from shared.durable.sdk import Client
from shared.lifecycle.services import Services, services
from shared.lifecycle.steps.step import Done
from shared.telemetry.offload import LONG, in_thread

Rest = TypeVarTuple("Rest")


async def run(
    client: Client, use_case: Callable[[Services, str, int, *Rest], Done], step: Step, *rest: *Rest
) -> Result:
    """The result of a use case. Its hints go to other workers: losing one only costs time."""
    video_id, epoch = step["video_id"], step["epoch"]
    done = await in_thread(lambda: use_case(services(), video_id, epoch, *rest), patience=LONG)
    await workers.wake(client, done.hints)
    return done.result
