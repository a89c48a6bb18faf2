"""Look at the upstream job once. See `shared.lifecycle.steps.follow_job`."""

from activities.shell import run
from shared.durable.names import Result, Step
from shared.durable.sdk import Client, activity_with_client, blueprint
from shared.lifecycle.steps import follow_job as use_case

bp = blueprint()


@activity_with_client(bp)
async def follow_job(step: Step, client: Client) -> Result:
    return await run(client, use_case.follow_job, step)
