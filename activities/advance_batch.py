"""Do what a batch needs next. See `shared.lifecycle.batches.advance`."""

from shared.durable import workers
from shared.durable.names import BatchResult, BatchStep
from shared.durable.sdk import Client, activity_with_client, blueprint
from shared.lifecycle.batches import advance as use_case
from shared.lifecycle.services import services
from shared.telemetry.offload import LONG, in_thread

bp = blueprint()


@activity_with_client(bp)
async def advance_batch(step: BatchStep, client: Client) -> BatchResult:
    batch_id, epoch = step["batch_id"], step["epoch"]
    advanced = await in_thread(
        lambda: use_case.advance_batch(services(), batch_id, epoch), patience=LONG
    )
    await workers.start_all(client, advanced.admitted)
    await workers.wake(client, advanced.hints)
    return advanced.result
