"""How the management API shows an instance and its history.

Extension ``HttpApiHandler.ConvertFrom`` and ``DurableClient.GetDurableOrchestrationStatusAsync``.
"""

from collections.abc import Mapping
from typing import Any

from ..net_json import first_value
from .engine import Entity, Instance
from .entity_id import split_entity_id
from .history import EventType, HistoryEvent


def status_payload(
    instance: Instance, *, show_input: bool, history: list[HistoryEvent] | None = None
) -> dict[str, Any]:
    """The status of an instance; payloads are parsed one level, so an input may stay a string."""
    parent = instance.parent_instance_id
    return {
        "name": instance.name,
        "instanceId": instance.instance_id,
        **({} if parent is None else {"parentInstanceId": parent}),
        "runtimeStatus": str(instance.status),
        "input": _token(instance.input) if show_input else None,
        "customStatus": _token(instance.custom_status),
        "output": _token(instance.output),
        "createdTime": _seconds(instance.created_at),
        "lastUpdatedTime": _seconds(instance.updated_at),
        **({} if history is None else {"historyEvents": history}),
    }


def entity_payload(entity: Entity, *, fetch_state: bool) -> dict[str, Any]:
    """One entity of a list."""
    name, key = split_entity_id(entity.entity_id)
    return {
        "entityId": {"name": name, "key": key},
        "lastOperationTime": entity.last_operation_at,
        "state": _token(entity.state) if fetch_state else None,
    }


def history_payload(
    events: list[HistoryEvent], *, show_input: bool, show_output: bool, inputs_are_kept: bool
) -> list[dict[str, Any]]:
    """History for reading: results merged with what scheduled them, bookkeeping left out.

    ``inputs_are_kept`` is host.json's ``storeInputsInOrchestrationHistory``: inputs of tasks.
    """
    scheduled: dict[tuple[EventType, int], HistoryEvent] = {}
    merged: set[int] = set()
    shown: list[dict[str, Any]] = []
    for event in events:
        kind = EventType(event["EventType"])
        if kind in (EventType.OrchestratorStarted, EventType.OrchestratorCompleted):
            continue
        dropped = _ALWAYS_DROPPED | _DROPPED.get(kind, frozenset())
        item = {name: value for name, value in event.items() if name not in dropped}
        item["EventType"] = kind.name
        if kind in (EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated):
            scheduled[kind, event["EventId"]] = item
            if not inputs_are_kept:
                item["Input"] = None
        elif kind in _SCHEDULED_AS:
            cause = scheduled.get((_SCHEDULED_AS[kind], event["TaskScheduledId"]))
            if cause is not None:
                merged.add(id(cause))
                item["ScheduledTime"] = cause["Timestamp"]
                item["FunctionName"] = cause["Name"]
                item["Input"] = cause["Input"]
                if "InstanceId" in cause:
                    item["InstanceId"] = cause["InstanceId"]
        elif kind is EventType.ExecutionStarted:
            item["FunctionName"] = event["Name"]
        if kind in _WITH_RESULT:
            if show_output:
                item["Result"] = _token(item.get("Result"))
            else:
                item.pop("Result", None)
        shown.append(item)
    shown = [item for item in shown if id(item) not in merged]
    if not show_input:
        for item in shown:
            item.pop("Input", None)
    return shown


_SCHEDULED_AS = {
    EventType.TaskCompleted: EventType.TaskScheduled,
    EventType.TaskFailed: EventType.TaskScheduled,
    EventType.SubOrchestrationInstanceCompleted: EventType.SubOrchestrationInstanceCreated,
    EventType.SubOrchestrationInstanceFailed: EventType.SubOrchestrationInstanceCreated,
}
_WITH_RESULT = {
    EventType.TaskCompleted,
    EventType.SubOrchestrationInstanceCompleted,
    EventType.ExecutionCompleted,
}
_ALWAYS_DROPPED = frozenset({"EventId", "IsPlayed"})
_DROPPED: Mapping[EventType, frozenset[str]] = {
    EventType.ExecutionStarted: frozenset(
        {"Name", "OrchestrationInstance", "ParentInstance", "Version", "Tags"}
    ),
    EventType.TaskScheduled: frozenset({"Version"}),
    EventType.SubOrchestrationInstanceCreated: frozenset({"Version"}),
    EventType.TimerFired: frozenset({"TimerId"}),
    **dict.fromkeys(_SCHEDULED_AS, frozenset({"TaskScheduledId"})),
}


def _token(text: str | None) -> Any:
    return None if text is None else first_value(text)


def _seconds(timestamp: str) -> str:
    """.NET's format "s" and a Z."""
    return f"{timestamp[:19]}Z"
