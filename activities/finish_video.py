"""Book the money and end the video. See `shared.lifecycle.settle`."""

from activities.shell import run
from shared.durable import Client, activity_with_client, blueprint
from shared.lifecycle import settle
from shared.names import Result, Step

bp = blueprint()


@activity_with_client(bp)
async def finish_video(step: Step, client: Client) -> Result:
    video_id, epoch = step["video_id"], step["epoch"]
    return await run(client, lambda app: settle.finish_video(app, video_id, epoch))
