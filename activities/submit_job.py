"""Create the upstream job, at most once. See `shared.lifecycle.steps.submit_job`."""

from activities.shell import run
from shared.durable.names import Result, Step
from shared.durable.sdk import Client, activity_with_client, blueprint
from shared.lifecycle.steps import submit_job as use_case

bp = blueprint()


@activity_with_client(bp)
async def submit_job(step: Step, client: Client) -> Result:
    return await run(client, use_case.submit_job, step)
