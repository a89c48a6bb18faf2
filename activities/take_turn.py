"""Wait for the turn: get in line, or find that it has come. See `shared.lifecycle.acquire`."""

from activities.shell import run
from shared.durable import Client, activity_with_client, blueprint
from shared.lifecycle import acquire
from shared.names import Result, TurnStep

bp = blueprint()


@activity_with_client(bp)
async def take_turn(step: TurnStep, client: Client) -> Result:
    video_id, epoch = step["video_id"], step["epoch"]
    return await run(client, lambda app: acquire.take_turn(app, video_id, epoch, step["hint"]))
