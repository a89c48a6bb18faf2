"""Timer functions: work that no request triggers."""

from datetime import UTC, datetime, timedelta

import azure.functions as func

from shared.durable import workers
from shared.durable.names import Hint
from shared.durable.sdk import Client, Presence, blueprint, purge_finished, timer, timer_with_client
from shared.lifecycle import line, slots
from shared.lifecycle.background.deliver import deliver_due
from shared.lifecycle.background.sweep import suspects
from shared.lifecycle.background.sweep import sweep as take_over
from shared.lifecycle.batches.revive import silent_batches
from shared.lifecycle.requests import approvals
from shared.lifecycle.services import Services, services
from shared.settings.app import SettingsError
from shared.telemetry.events import Event, emit
from shared.telemetry.offload import LONG, in_thread

bp = blueprint()

_KEEP_INSTANCES = timedelta(days=7)
_PURGE_WINDOW = timedelta(days=30)


@timer_with_client(bp, "%SWEEP_SCHEDULE%")
async def sweep(timer: func.TimerRequest, client: Client) -> None:  # noqa: ARG001
    """Restart videos and batches that have no live worker."""
    asked = await in_thread(lambda: suspects(_services()))
    gone = await workers.gone(client, asked)
    missing = [instance for instance, why in gone.items() if why is Presence.MISSING]
    ended = [instance for instance, why in gone.items() if why is Presence.ENDED]
    restarts = await in_thread(
        lambda: take_over(services(), missing=missing, ended=ended), patience=LONG
    )
    await workers.start_all(client, restarts)
    # move the line, in case nothing else does: a deployment was resumed, or a hint was lost
    await workers.wake(client, await in_thread(_move_the_line))
    # last, so that their table can hold up nothing else
    for worker in await in_thread(lambda: silent_batches(services())):
        await workers.start_batch(client, worker)


@timer(bp, "%SWEEP_SCHEDULE%")
async def deliver(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Deliver what could not be delivered at once."""
    await in_thread(lambda: deliver_due(services()))


@timer_with_client(bp, "%PURGE_SCHEDULE%")
async def purge(timer: func.TimerRequest, client: Client) -> None:  # noqa: ARG001
    """Delete the histories of instances that finished a week ago, and approvals that have expired:
    nothing else does."""
    scale = services().settings.durations.scale
    until = datetime.now(UTC) - _KEEP_INSTANCES / scale
    purged = await purge_finished(client, until - _PURGE_WINDOW / scale, until)
    emit(Event.INSTANCES_PURGED, count=purged)
    await in_thread(lambda: approvals.forget_expired(services()))


def _services() -> Services:
    """The services, or a line about the setting that is wrong: nobody may ask for anything for
    hours, while what is under way waits."""
    try:
        return services()
    except SettingsError as error:
        emit(Event.MISCONFIGURED, message=str(error))
        raise


def _move_the_line() -> tuple[Hint, ...]:
    slots.free_orphans(services())
    return line.call_next(services())[1] + line.call_to_move(services())
