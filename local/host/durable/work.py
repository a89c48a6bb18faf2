"""The work items that pass between an engine and the app's functions.

All payloads are JSON text exactly as the store keeps it; who encodes how often is decided where
the text is made (``replay`` for what orchestrators schedule, ``functions`` for what they call).
"""

from dataclasses import dataclass
from datetime import datetime

from .history import HistoryEvent


@dataclass(frozen=True, slots=True)
class Episode:
    """One run of an orchestrator: its history so far and the events that woke it."""

    instance_id: str
    execution_id: str
    """One generation of the instance; a new one after each start and continue-as-new."""
    name: str
    input: str | None
    parent_instance_id: str | None
    past: tuple[str, ...]
    """Stored history events, each as JSON text."""
    new: tuple[HistoryEvent, ...]
    """OrchestratorStarted, then what arrived."""
    messages: tuple[int, ...]
    """Inbox rows that ``new`` was made of; gone when the episode is committed."""


@dataclass(frozen=True, slots=True)
class ScheduleActivity:
    sequence: int
    name: str
    input: str | None


@dataclass(frozen=True, slots=True)
class CreateTimer:
    sequence: int
    fire_at: datetime


@dataclass(frozen=True, slots=True)
class StartChild:
    sequence: int
    name: str
    instance_id: str
    input: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class SendToEntity:
    sequence: int
    entity_id: str
    """``@name@key``, the name in lower case."""
    operation: str
    input: str | None
    request_id: str
    is_signal: bool


Decision = ScheduleActivity | CreateTimer | StartChild | SendToEntity
"""What an orchestrator newly asks for; ``sequence`` is the extension's number."""


@dataclass(frozen=True, slots=True)
class Completed:
    output: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str
    details: str


@dataclass(frozen=True, slots=True)
class ContinuedAsNew:
    input: str | None
    carried: tuple[HistoryEvent, ...]
    """External events that arrived after the call; unread ones from before it are dropped."""


Ending = Completed | Failed | ContinuedAsNew


@dataclass(frozen=True, slots=True)
class EpisodeOutcome:
    decisions: tuple[Decision, ...] = ()
    ending: Ending | None = None
    custom_status: str | None = None
    trouble: str | None = None
    """What user code raised in this run, for the log."""


@dataclass(frozen=True, slots=True)
class ActivityCall:
    work_id: int
    instance_id: str
    execution_id: str
    sequence: int
    name: str
    input: str | None


@dataclass(frozen=True, slots=True)
class ActivityOutcome:
    """The JSON text of what an activity returned, or why it failed."""

    result: str | None = None
    failure: Failed | None = None


@dataclass(frozen=True, slots=True)
class EntityOperation:
    message: int
    """Inbox row; gone when the batch is committed."""
    name: str
    input: str | None
    request_id: str
    caller_id: str | None
    """The orchestration that waits for the result; None for a signal."""
    caller_execution_id: str | None


@dataclass(frozen=True, slots=True)
class EntityBatch:
    entity_id: str
    exists: bool
    state: str | None
    """JSON text, perhaps ``null``; None before the first batch."""
    operations: tuple[EntityOperation, ...]


@dataclass(frozen=True, slots=True)
class OperationResult:
    result: str
    """JSON text: the operation's result or its error message."""
    is_error: bool


@dataclass(frozen=True, slots=True)
class EntityOutcome:
    exists: bool
    state: str | None
    """JSON text."""
    results: tuple[OperationResult, ...]
    """One for each operation, in order."""
