"""What the host asks of an engine, and what an engine asks of the app.

Every method of ``Engine`` returns at once; the future holds the result or one of the errors below.
Statuses in the docstrings are those of the management API (extension ``HttpApiHandler``, 2026).
"""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .history import HistoryEvent
from .work import (
    ActivityCall,
    ActivityOutcome,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
)


class RuntimeStatus(StrEnum):
    """SDK 1.7.0 ``OrchestrationRuntimeStatus``."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    CONTINUED_AS_NEW = "ContinuedAsNew"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"
    CANCELED = "Canceled"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        RuntimeStatus.COMPLETED,
        RuntimeStatus.FAILED,
        RuntimeStatus.TERMINATED,
        RuntimeStatus.CANCELED,
    }
)


class WorkLostError(Exception):
    """Whoever ran a work item is not heard of any more: it is handed out again."""


class EngineError(Exception):
    """Base of what an engine refuses.

    EngineError
    |- UnknownFunctionError     no such entity (400)
    |- InstanceNotFoundError    (404)
    |- InstanceExistsError      the id belongs to an unfinished instance (409)
    |- InstanceGoneError        the instance has ended (410)
    |- WrongStateError          not possible in this state (412)
    `- InvalidTransitionError   suspending twice, resuming what runs (500)
    """


class UnknownFunctionError(EngineError):
    pass


class InstanceNotFoundError(EngineError):
    def __init__(self, instance_id: str) -> None:
        super().__init__(f"No instance with ID '{instance_id}' was found.")


class InstanceExistsError(EngineError):
    def __init__(self, status: RuntimeStatus) -> None:
        # The wording of DurableTask.AzureStorage.
        super().__init__(f"An Orchestration instance with the status {status} already exists.")


class InstanceGoneError(EngineError):
    def __init__(self, instance_id: str, status: RuntimeStatus) -> None:
        super().__init__(f"Instance '{instance_id}' is in the {status} state.")


class WrongStateError(EngineError):
    pass


class InvalidTransitionError(EngineError):
    def __init__(self, verb: str, instance_id: str, status: RuntimeStatus) -> None:
        super().__init__(
            f"Cannot {verb} the orchestration instance {instance_id} because instance is in the"
            f" {status} state."
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """The state of one orchestration instance. Payloads are JSON text, times ISO 8601 UTC."""

    instance_id: str
    execution_id: str
    name: str
    version: str
    status: RuntimeStatus
    input: str | None
    output: str | None
    custom_status: str | None
    created_at: str
    updated_at: str
    parent_instance_id: str | None = None
    parent_execution_id: str | None = None
    parent_sequence: int | None = None
    generation: int | None = None
    """How often a client has started this id again; None in what a parent or continue-as-new
    starts."""

    @property
    def has_run(self) -> bool:
        """Whether an episode of it was committed."""
        return self.status not in (RuntimeStatus.PENDING, RuntimeStatus.TERMINATED)


@dataclass(frozen=True, slots=True)
class StartRequest:
    name: str
    input: str | None = None
    instance_id: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceQuery:
    """Which instances to list or purge. ``created_*`` are ISO 8601 UTC as ``history.timestamp``."""

    id_prefix: str = ""
    created_from: str = ""
    created_to: str = ""
    statuses: Collection[RuntimeStatus] = ()
    page_size: int = 100
    after: str = ""
    """Continuation: the last instance id of the page before."""


@dataclass(frozen=True, slots=True)
class InstancePage:
    instances: tuple[Instance, ...]
    continuation: str | None


@dataclass(frozen=True, slots=True)
class Entity:
    entity_id: str
    """``@name@key``."""
    exists: bool
    state: str | None
    """JSON text; what was deleted, or has failed at once, is ``null``."""
    last_operation_at: str


class Engine(Protocol):
    """Runs orchestrations, activities and entities durably."""

    def run(self) -> None:
        """Take up whatever the store holds and start handing out work."""
        ...

    def drain(self) -> None:
        """Hand out no more work, but commit what still comes back."""
        ...

    def stop(self, grace: float) -> bool:
        """Drain for up to ``grace`` seconds and close the store; whether all work came back."""
        ...

    def start(self, request: StartRequest) -> Future[str]:
        """Start an instance and return its id. Existing instance."""
        ...

    def get(self, instance_id: str) -> Future[Instance | None]: ...

    def history(self, instance_id: str) -> Future[list[HistoryEvent]]: ...

    def query(self, query: InstanceQuery) -> Future[InstancePage]: ...

    def raise_event(self, instance_id: str, name: str, data: str) -> Future[None]:
        """Deliver an external event; ``data`` is JSON text. Not found, gone."""
        ...

    def terminate(self, instance_id: str, reason: str | None) -> Future[None]:
        """Not found, gone."""
        ...

    def suspend(self, instance_id: str, reason: str | None) -> Future[None]:
        """Not found, gone, invalid transition."""
        ...

    def resume(self, instance_id: str, reason: str | None) -> Future[None]:
        """Not found, gone, invalid transition."""
        ...

    def rewind(self, instance_id: str, reason: str | None) -> Future[None]:
        """Take back the failures of a failed instance and run it again. Not found, wrong state."""
        ...

    def restart(self, instance_id: str, *, with_new_id: bool) -> Future[str]:
        """Start the instance's function again with its input. Not found, existing instance."""
        ...

    def purge(self, instance_id: str) -> Future[int]:
        """Forget an ended instance; how many were deleted. Not found, wrong state."""
        ...

    def purge_by(self, query: InstanceQuery) -> Future[int]:
        """Forget the instances of a query, whatever their state; how many were deleted."""
        ...

    def signal(self, entity_id: str, operation: str, data: str | None) -> Future[None]:
        """Send an operation to an entity; ``data`` is JSON text. Unknown function."""
        ...

    def get_entity(self, entity_id: str) -> Future[Entity | None]: ...

    def list_entities(self, name: str) -> Future[list[Entity]]:
        """All entities of that name, or of all names, those that were deleted included."""
        ...


class Functions(Protocol):
    """The app, as an engine calls it. Names are compared without regard to case.

    The ``run_*`` methods return at once. A future that raises is the bridge's own fault: the
    engine then fails the work item, so that nothing stays in flight for ever.
    """

    def no_entity(self, name: str) -> str | None:
        """Why there is no such entity function, None if there is one."""
        ...

    def run_orchestrator(self, episode: Episode) -> Future[EpisodeOutcome]: ...

    def run_activity(self, call: ActivityCall) -> Future[ActivityOutcome]: ...

    def run_entity(self, batch: EntityBatch) -> Future[EntityOutcome]: ...
