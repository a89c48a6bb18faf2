"""Join the line, or take the turn. See `shared.lifecycle.steps.take_turn`."""

from activities.shell import run
from shared.durable.names import Result, TurnStep
from shared.durable.sdk import Client, activity_with_client, blueprint
from shared.lifecycle.steps import take_turn as use_case

bp = blueprint()


@activity_with_client(bp)
async def take_turn(step: TurnStep, client: Client) -> Result:
    return await run(client, use_case.take_turn, step, step["hint"])
