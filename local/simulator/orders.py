"""The last step of every create: look-alikes by strangers, then the job itself."""

from dataclasses import replace

from local.simulator.faults.actions import LookAlike
from local.simulator.jobs import Job
from local.simulator.studio import Order
from local.simulator.wire import Call, NotCarriedOut
from local.simulator.world import World


def place(world: World, call: Call, order: Order) -> Job:
    """Create the job of a validated order.

    Raises:
        ApiError: 429.
        NotCarriedOut: a fault creates only strangers' jobs.
    """
    for fate in call.fates:
        if isinstance(fate, LookAlike):
            stranger = replace(
                order, foreign=True, counts=fate.counts_against_limits, fates=(), request={}
            )
            for _ in range(fate.count):
                world.studio.create(stranger)
    if call.only_look_alikes:
        raise NotCarriedOut
    request = call.remembered(world.config.request_id_headers)
    call.created = world.studio.create(replace(order, request=request, fates=call.fates))
    return call.created
