"""The classic history events that azure-functions-durable 1.x replays.

An event is a JSON object: ``EventType`` (a number), ``EventId`` (the sequence number of the action
it records, else -1), ``IsPlayed``, ``Timestamp`` (ISO 8601, UTC) and fields of its own. Numbers
and field names: SDK 1.7.0 ``HistoryEventType``, ``HistoryEvent``, ``TaskOrchestrationExecutor``.

Events are made with ``IsPlayed`` false and stored with it true: only the episode that brings an
event sees it as new.
"""

import json
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

HistoryEvent = dict[str, Any]

_EXTENSION = "Microsoft.Azure.WebJobs.Extensions.DurableTask"


class EventType(IntEnum):
    """SDK 1.7.0 ``HistoryEventType``; the names are DurableTask.Core's."""

    ExecutionStarted = 0
    ExecutionCompleted = 1
    ExecutionFailed = 2
    ExecutionTerminated = 3
    TaskScheduled = 4
    TaskCompleted = 5
    TaskFailed = 6
    SubOrchestrationInstanceCreated = 7
    SubOrchestrationInstanceCompleted = 8
    SubOrchestrationInstanceFailed = 9
    TimerCreated = 10
    TimerFired = 11
    OrchestratorStarted = 12
    OrchestratorCompleted = 13
    EventSent = 14
    EventRaised = 15
    ContinueAsNew = 16
    GenericEvent = 17
    HistoryState = 18
    ExecutionSuspended = 19
    ExecutionResumed = 20


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and a ``Z``: sorts as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stored(event: HistoryEvent) -> str:
    """The event as it is kept: played."""
    return json.dumps({**event, "IsPlayed": True})


def _event(kind: EventType, at: datetime, event_id: int = -1, **fields: Any) -> HistoryEvent:
    return {
        "EventType": int(kind),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": timestamp(at),
        **fields,
    }


def orchestrator_started(at: datetime) -> HistoryEvent:
    """Opens an episode; its timestamp becomes ``current_utc_datetime``."""
    return _event(EventType.OrchestratorStarted, at)


def orchestrator_completed(at: datetime) -> HistoryEvent:
    """Closes an episode."""
    return _event(EventType.OrchestratorCompleted, at)


def execution_started(
    at: datetime,
    *,
    name: str,
    version: str,
    input: str | None,  # noqa: A002  the event's own field name
    instance_id: str,
    execution_id: str,
    parent: dict[str, Any] | None,
    generation: int | None,
) -> HistoryEvent:
    """Starts a generation. The SDK fails without the key ``Version``."""
    return _event(
        EventType.ExecutionStarted,
        at,
        OrchestrationInstance={"InstanceId": instance_id, "ExecutionId": execution_id},
        ParentInstance=parent,
        Name=name,
        Version=version,
        Input=input,
        Tags=None,
        Correlation=None,
        ParentTraceContext=None,
        ScheduledStartTime=None,
        Generation=generation,
        GenerateNewTrace=False,
    )


def execution_completed(at: datetime, status: str, result: str | None) -> HistoryEvent:
    """Ends an instance; ``status`` is a runtime status by name."""
    return _event(
        EventType.ExecutionCompleted,
        at,
        OrchestrationStatus=status,
        Result=result,
        FailureDetails=None,
    )


def execution_terminated(at: datetime, reason: str | None) -> HistoryEvent:
    return _event(EventType.ExecutionTerminated, at, Input=reason)


def execution_suspended(at: datetime, reason: str | None) -> HistoryEvent:
    return _event(EventType.ExecutionSuspended, at, Reason=reason)


def execution_resumed(at: datetime, reason: str | None) -> HistoryEvent:
    return _event(EventType.ExecutionResumed, at, Reason=reason)


def task_scheduled(at: datetime, sequence: int, name: str, arguments: str | None) -> HistoryEvent:
    return _event(
        EventType.TaskScheduled, at, sequence, Name=name, Version="", Input=arguments, Tags=None
    )


def task_completed(at: datetime, sequence: int, result: str | None) -> HistoryEvent:
    """``result`` is JSON text, encoded once."""
    return _event(EventType.TaskCompleted, at, TaskScheduledId=sequence, Result=result)


def task_failed(at: datetime, sequence: int, reason: str, details: str) -> HistoryEvent:
    return _event(
        EventType.TaskFailed,
        at,
        TaskScheduledId=sequence,
        Reason=reason,
        Details=details,
        FailureDetails=None,
    )


def sub_orchestration_created(
    at: datetime, sequence: int, name: str, instance_id: str, arguments: str | None
) -> HistoryEvent:
    return _event(
        EventType.SubOrchestrationInstanceCreated,
        at,
        sequence,
        Name=name,
        Version="",
        InstanceId=instance_id,
        Input=arguments,
    )


def sub_orchestration_completed(at: datetime, sequence: int, result: str | None) -> HistoryEvent:
    return _event(
        EventType.SubOrchestrationInstanceCompleted, at, TaskScheduledId=sequence, Result=result
    )


def sub_orchestration_failed(
    at: datetime, sequence: int, reason: str | None, details: str | None
) -> HistoryEvent:
    return _event(
        EventType.SubOrchestrationInstanceFailed,
        at,
        TaskScheduledId=sequence,
        Reason=reason,
        Details=details,
        FailureDetails=None,
    )


def timer_created(at: datetime, sequence: int, fire_at: datetime) -> HistoryEvent:
    return _event(EventType.TimerCreated, at, sequence, FireAt=timestamp(fire_at))


def timer_fired(at: datetime, sequence: int, fire_at: str) -> HistoryEvent:
    """The SDK finds the timer by ``TimerId``, not by ``TaskScheduledId``."""
    return _event(EventType.TimerFired, at, TimerId=sequence, FireAt=fire_at)


def event_sent(at: datetime, sequence: int, entity_id: str, message: str) -> HistoryEvent:
    """A message to an entity; ``message`` is a JSON object with ``op`` and ``id``."""
    return _event(EventType.EventSent, at, sequence, InstanceId=entity_id, Name="op", Input=message)


def request_message(
    at: datetime,
    *,
    operation: str,
    data: str | None,
    request_id: str,
    is_signal: bool,
    caller_id: str,
    caller_execution_id: str,
) -> str:
    """A message to an entity (extension ``RequestMessage``). ``data`` is JSON text."""
    moment = timestamp(at)
    return json.dumps(
        {
            "$type": f"{_EXTENSION}.RequestMessage, {_EXTENSION}",
            "op": operation,
            **({"signal": True} if is_signal else {}),
            "input": data,
            "id": request_id,
            "parent": caller_id,
            "parentExecution": caller_execution_id,
            "Timestamp": moment,
            "Predecessor": "0001-01-01T00:00:00",
            "requestTime": moment,
        },
        separators=(",", ":"),
    )


def response_message(result: str, *, is_error: bool) -> str:
    """An entity's reply (extension ``ResponseMessage``). ``result`` is JSON text."""
    message = {"$type": f"{_EXTENSION}.ResponseMessage, {_EXTENSION}", "result": result}
    if is_error:
        message["exceptionType"] = "Error"
    return json.dumps(message, separators=(",", ":"))


def event_raised(at: datetime, name: str, data: str | None) -> HistoryEvent:
    """An external event (``name`` as raised) or an entity's reply (``name`` is the request id)."""
    return _event(EventType.EventRaised, at, Name=name, Input=data, ParentTraceContext=None)


def generic(at: datetime, reason: str | None) -> HistoryEvent:
    """Wakes an instance that was rewound, and changes nothing else."""
    return _event(EventType.GenericEvent, at, Data=reason)


def rewound(event: HistoryEvent) -> HistoryEvent:
    """What a rewind leaves of an event: replays pass over it (``RewindHistoryAsync``)."""
    name = EventType(event["EventType"]).name
    return {**event, "EventType": int(EventType.GenericEvent), "Reason": f"Rewound: {name}"}
