"""Carries out what an orchestrator decided."""

from datetime import datetime

from . import history
from .delivery import Delivery
from .engine import Instance
from .history import HistoryEvent
from .starting import Starter
from .work import (
    CreateTimer,
    Decision,
    ScheduleActivity,
    SendToEntity,
    StartChild,
)


class Decisions:
    """Turns decisions into what is owed to others, and into history."""

    def __init__(self, delivery: Delivery, starter: Starter) -> None:
        self._delivery = delivery
        self._starter = starter

    def carry_out(self, instance: Instance, decision: Decision, now: datetime) -> HistoryEvent:
        """Owe somebody what the orchestrator asked for; the event that records it."""
        caller = (instance.instance_id, instance.execution_id)
        match decision:
            case ScheduleActivity(sequence, name, data):
                self._delivery.schedule(*caller, decision)
                return history.task_scheduled(now, sequence, name, data)
            case CreateTimer(sequence, fire_at):
                self._delivery.set_timer(*caller, decision)
                return history.timer_created(now, sequence, fire_at)
            case StartChild(sequence, name, instance_id, data, version):
                # Whoever has this id is replaced, even if it is running.
                parent = (instance, sequence)
                self._starter.create(instance_id, name, data, version, parent)
                return history.sub_orchestration_created(now, sequence, name, instance_id, data)
            case SendToEntity():
                self._delivery.ask(
                    decision.entity_id,
                    decision.operation,
                    decision.input,
                    decision.request_id,
                    None if decision.is_signal else caller,
                )
                message = history.request_message(
                    now,
                    operation=decision.operation,
                    data=decision.input,
                    request_id=decision.request_id,
                    is_signal=decision.is_signal,
                    caller_id=instance.instance_id,
                    caller_execution_id=instance.execution_id,
                )
                return history.event_sent(now, decision.sequence, decision.entity_id, message)
