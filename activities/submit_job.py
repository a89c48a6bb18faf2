"""Create the upstream job, at most once. See `shared.lifecycle.submit`."""

from activities.shell import run
from shared.durable import Client, activity_with_client, blueprint
from shared.lifecycle import submit
from shared.names import Result, Step

bp = blueprint()


@activity_with_client(bp)
async def submit_job(step: Step, client: Client) -> Result:
    video_id, epoch = step["video_id"], step["epoch"]
    return await run(client, lambda app: submit.submit_job(app, video_id, epoch))
