"""Typed wrappers of azure-functions-durable, which has no types. Only the composition root imports
it directly.

The SDK's decorators need a fixed order and mutate what they wrap. The protocols below are the parts
of SDK 1.7's contexts and clients that this app uses.
"""

from collections.abc import Callable, Generator
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import azure.durable_functions as df
import azure.functions as func

Handler = TypeVar("Handler", bound=Callable[..., Any])

Task = Any
"""What an orchestrator yields. A timer has `cancel()`; a task_any returns one of its tasks."""


class OrchestrationContext(Protocol):
    """`DurableOrchestrationContext`."""

    @property
    def instance_id(self) -> str: ...
    @property
    def current_utc_datetime(self) -> datetime: ...
    @property
    def is_replaying(self) -> bool: ...
    def get_input(self) -> Any: ...
    def call_activity(self, name: str, input_: Any = None) -> Task: ...
    def create_timer(self, fire_at: datetime) -> Task: ...
    def wait_for_external_event(self, name: str) -> Task: ...
    def task_any(self, tasks: list[Task]) -> Task: ...
    def task_all(self, tasks: list[Task]) -> Task: ...
    def set_custom_status(self, status: Any) -> None: ...
    def continue_as_new(self, input_: Any) -> None: ...


class Client(Protocol):
    """`DurableOrchestrationClient`."""

    async def start_new(
        self, orchestration_function_name: str, instance_id: str, client_input: Any
    ) -> str: ...
    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None: ...
    async def get_status(self, instance_id: str) -> Any: ...
    async def get_status_by(
        self,
        created_time_from: datetime | None,
        created_time_to: datetime | None,
        runtime_status: list[Any] | None,
        instance_id_prefix: str,
    ) -> Any: ...
    async def purge_instance_history(self, instance_id: str) -> Any: ...
    async def purge_instance_history_by(
        self, created_time_from: datetime, created_time_to: datetime, runtime_status: list[Any]
    ) -> Any: ...


_ENDED = (
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
    df.OrchestrationRuntimeStatus.Canceled,
)


class Presence(StrEnum):
    """Whether an instance is there."""

    ALIVE = "alive"
    ENDED = "ended"
    MISSING = "missing"


async def presence(client: Client, instance_id: str) -> Presence:
    """Whether an instance is there. Raises the client's errors, and RuntimeError for an answer that
    does not say: a failing engine does not mean that the instance is gone."""
    status = await client.get_status(instance_id)
    if status:
        return _presence_by(status)
    if getattr(status, "message", None) != "":
        raise RuntimeError("the status of an instance could not be read")
    # The client returns this for an empty 404, but for any other empty answer too. A list is
    # unambiguous: it comes with 200, or the client raises.
    listed = await client.get_status_by(None, None, None, instance_id)
    same = (status for status in listed if status.instance_id == instance_id)
    return next(map(_presence_by, same), Presence.MISSING)


def _presence_by(status: Any) -> Presence:
    return Presence.ENDED if status.runtime_status in _ENDED else Presence.ALIVE


async def purge_finished(client: Client, created_from: datetime, created_to: datetime) -> int:
    """Delete the histories of ended instances created between two times (UTC); returns the number.

    Passes only statuses of ended instances: the extension ignores any other, and without a status
    deletes everything, running instances too.
    """
    result = await client.purge_instance_history_by(created_from, created_to, list(_ENDED))
    return int(result.instances_deleted)


Orchestrator = Callable[[OrchestrationContext], Generator[Task, Any, Any]]


def blueprint() -> df.Blueprint:
    """A blueprint whose HTTP functions are anonymous to the host: the app authenticates callers."""
    return df.Blueprint(http_auth_level=func.AuthLevel.ANONYMOUS)


def orchestrator(bp: df.Blueprint) -> Callable[[Orchestrator], Orchestrator]:
    """Register a generator function whose parameter is named `context`."""
    return _same_type(bp.orchestration_trigger(context_name="context"))


def activity_with_client(bp: df.Blueprint) -> Callable[[Handler], Handler]:
    """Register an `async def` with the parameters `step` and `client`."""
    return _with_client(bp, bp.activity_trigger(input_name="step"))


def http_with_client(
    bp: df.Blueprint, route: str, methods: list[str]
) -> Callable[[Handler], Handler]:
    """Register an `async def` with the parameters `req` and `client`."""
    return _with_client(bp, bp.route(route=route, methods=methods, trigger_arg_name="req"))


def timer_with_client(bp: df.Blueprint, schedule: str) -> Callable[[Handler], Handler]:
    """Register an `async def` with the parameters `timer` and `client`. `schedule` is NCRONTAB, or
    the name of a setting between percent signs."""
    return _with_client(bp, bp.timer_trigger(arg_name="timer", schedule=schedule))


def timer(bp: df.Blueprint, schedule: str) -> Callable[[Handler], Handler]:
    """Register a function whose parameter is named `timer`; `schedule` as in timer_with_client."""
    return _same_type(bp.timer_trigger(arg_name="timer", schedule=schedule))


def event_grid_with_client(bp: df.Blueprint) -> Callable[[Handler], Handler]:
    """Register an `async def` with the parameters `event` and `client`."""
    return _with_client(bp, bp.event_grid_trigger(arg_name="event"))


def http(bp: df.Blueprint, route: str, methods: list[str]) -> Callable[[Handler], Handler]:
    """Register a function whose parameter is named `req`."""
    return _same_type(bp.route(route=route, methods=methods, trigger_arg_name="req"))


def _with_client(bp: df.Blueprint, trigger: Callable[[Any], Any]) -> Callable[[Handler], Handler]:
    # the client's decorator must be the innermost: it wraps the function itself
    bind = bp.durable_client_input(client_name="client")
    return _same_type(lambda handler: trigger(bind(handler)))


def _same_type(decorator: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return decorator
