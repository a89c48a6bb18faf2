"""Copy one finished output into Blob Storage. See `shared.lifecycle.steps.collect_output`."""

from activities.shell import run
from shared.durable.names import OutputStep, Result
from shared.durable.sdk import Client, activity_with_client, blueprint
from shared.lifecycle.steps import collect_output as use_case

bp = blueprint()


@activity_with_client(bp)
async def collect_output(step: OutputStep, client: Client) -> Result:
    return await run(client, use_case.collect_output, step, step["index"])
