"""Whether an orchestrator still does what its history says it did.

Source, texts included: DurableTask.Core ``TaskOrchestrationContext.Handle*Event``.
"""

from dataclasses import dataclass

from .history import EventType, HistoryEvent
from .work import (
    CreateTimer,
    Decision,
    ScheduleActivity,
    SendToEntity,
    StartChild,
)


class NonDeterminismError(Exception):
    """The history tells another story than this run."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of scheduling event: what decides it, and the texts of each disagreement."""

    decision: type[Decision]
    missing: str
    other_kind: str
    other_name: str = ""


_ACTIVITY = "an activity task with sequence number {id} named '{name}', "
_CHILD = (
    "a sub-orchestration task with sequence ID {id} and name '{name}' (version '{version}',"
    " instance ID '{instance}'), "
)
_NOT_YET = "but the current replay execution hasn't (yet?) scheduled this task."
_INSTEAD = "but the current orchestration replay instead"

_KINDS = {
    EventType.TaskScheduled: _Kind(
        ScheduleActivity,
        "an activity task with sequence ID {id} and name '{name}' (version '{version}'), "
        + _NOT_YET,
        _ACTIVITY + _INSTEAD + " produced a {action} action with this sequence number.",
        # The second space is theirs.
        _ACTIVITY + _INSTEAD + " scheduled an activity task named '{now}' with this sequence"
        " number. ",
    ),
    EventType.TimerCreated: _Kind(
        CreateTimer,
        "a timer task with sequence number {id} " + _NOT_YET,
        "a timer task with sequence number {id} named "
        + _INSTEAD
        + " produced a {action} action with this sequence number.",
    ),
    EventType.SubOrchestrationInstanceCreated: _Kind(
        StartChild,
        _CHILD + _NOT_YET,
        _CHILD + _INSTEAD + " produced a {action} action at this sequence number.",
        _CHILD + _INSTEAD + " scheduled a sub-orchestration task with name {now} at this sequence"
        " number.",
    ),
    EventType.EventSent: _Kind(
        SendToEntity,
        "a send event task with sequence ID {id}, type 'EventSent' name '{name}', instance ID"
        " '{instance}', " + _NOT_YET,
        "a send event task with sequence ID {id}, type 'EventSent', name '{name}', instance ID"
        " '{instance}', " + _INSTEAD + " scheduled a {action} task at this sequence number.",
    ),
}
_ACTIONS = {
    ScheduleActivity: "ScheduleTaskOrchestratorAction",
    CreateTimer: "CreateTimerOrchestratorAction",
    StartChild: "CreateSubOrchestrationAction",
    SendToEntity: "SendEventOrchestratorAction",
}


def check(event: HistoryEvent, decision: Decision | None) -> None:
    """Compare a scheduling event with what this run decided under the same number, if anything.

    Raises ``NonDeterminismError``.
    """
    kind = _KINDS[EventType(event["EventType"])]
    name, now = event.get("Name") or "", getattr(decision, "name", "")
    if decision is None:
        problem = kind.missing
    elif not isinstance(decision, kind.decision):
        problem = kind.other_kind
    elif kind.other_name and now.lower() != name.lower():
        problem = kind.other_name
    else:
        return
    told = problem.format(
        id=event["EventId"],
        name=name,
        version=event.get("Version") or "",
        instance=event.get("InstanceId") or "",
        action=_ACTIONS.get(type(decision)),
        now=now,
    )
    raise NonDeterminismError(
        f"Non-Deterministic workflow detected: A previous execution of this orchestration scheduled"
        f" {told} Was a change made to the orchestrator code after this instance had already"
        " started running?"
    )
