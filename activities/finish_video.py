"""Book the money and end the video. See `shared.lifecycle.steps.finish_video`."""

from activities.shell import run
from shared.durable.names import Result, Step
from shared.durable.sdk import Client, activity_with_client, blueprint
from shared.lifecycle.steps import finish_video as use_case

bp = blueprint()


@activity_with_client(bp)
async def finish_video(step: Step, client: Client) -> Result:
    return await run(client, use_case.finish_video, step)
