"""Look at the upstream job once. See `shared.lifecycle.follow`."""

from activities.shell import run
from shared.durable import Client, activity_with_client, blueprint
from shared.lifecycle import follow
from shared.names import Result, Step

bp = blueprint()


@activity_with_client(bp)
async def follow_job(step: Step, client: Client) -> Result:
    video_id, epoch = step["video_id"], step["epoch"]
    return await run(client, lambda app: follow.follow_job(app, video_id, epoch))
