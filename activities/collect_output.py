"""Copy one finished output into Blob Storage. See `shared.lifecycle.collect`."""

from activities.shell import run
from shared.durable import Client, activity_with_client, blueprint
from shared.lifecycle import collect
from shared.names import OutputStep, Result

bp = blueprint()


@activity_with_client(bp)
async def collect_output(step: OutputStep, client: Client) -> Result:
    video_id, epoch = step["video_id"], step["epoch"]
    return await run(
        client, lambda app: collect.collect_output(app, video_id, epoch, step["index"])
    )
