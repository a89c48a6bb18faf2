"""The last step of every create: look-alikes by strangers, then the job itself."""

from dataclasses import replace

from local.simulator.faults.actions import Action, Fail, LookAlike
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
            for _ in range(fate.count):
                world.studio.create(_strangers(order, fate))
    if call.only_look_alikes:
        raise NotCarriedOut
    request = call.remembered(world.config.request_id_headers)
    asked = replace(order, request=request, fates=call.fates)
    asked.callback_url = call.body.fields.get("callback_url")
    call.created = world.studio.create(asked)
    return call.created


def _strangers(order: Order, fate: LookAlike) -> Order:
    """Somebody else's order, as like to `order` as the fault says."""
    prompt = order.spec.prompt if fate.prompt is None else fate.prompt
    ends: tuple[Action, ...] = ()
    if fate.failure is not None:
        ends = (Fail(type="fail", at=0, code="internal_error", message=fate.failure),)
    return replace(
        order,
        spec=order.spec.model_copy(update={"prompt": prompt}),
        foreign=True,
        counts=fate.counts_against_limits,
        fates=ends,
        request={},
    )
