"""Carries out what an orchestrator decided."""

import json
import logging
from datetime import datetime

from local.host.durable import history
from local.host.durable.delivery import Delivery
from local.host.durable.engine import (
    Functions,
    Instance,
    InstanceExistsError,
    UnknownFunctionError,
)
from local.host.durable.entity_id import split_entity_id
from local.host.durable.history import HistoryEvent
from local.host.durable.starting import Starter
from local.host.durable.store import Store
from local.host.durable.work import (
    CreateTimer,
    Decision,
    ScheduleActivity,
    SendToEntity,
    StartChild,
)

_log = logging.getLogger("host.durable")


class Decisions:
    """Turns decisions into what is owed to others, and into history."""

    def __init__(
        self, store: Store, delivery: Delivery, functions: Functions, starter: Starter
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._functions = functions
        self._starter = starter

    def carry_out(self, instance: Instance, decision: Decision, now: datetime) -> HistoryEvent:
        """Owe somebody what the orchestrator asked for; the event that records it."""
        match decision:
            case ScheduleActivity(sequence, name, data):
                self._delivery.schedule(instance.instance_id, instance.execution_id, decision)
                return history.task_scheduled(now, sequence, name, data)
            case CreateTimer(sequence, fire_at):
                self._delivery.set_timer(instance.instance_id, instance.execution_id, decision)
                return history.timer_created(now, sequence, fire_at)
            case StartChild():
                self._start_child(instance, decision, now)
                return history.sub_orchestration_created(
                    now, decision.sequence, decision.name, decision.instance_id, decision.input
                )
            case SendToEntity():
                self._send_to_entity(instance, decision)
                message = {
                    "op": decision.operation,
                    "signal": decision.is_signal,
                    "input": decision.input,
                    "id": decision.request_id,
                    "parent": instance.instance_id,
                    "parentExecution": instance.execution_id,
                }
                return history.event_sent(
                    now, decision.sequence, decision.entity_id, json.dumps(message)
                )

    def _start_child(self, parent: Instance, decision: StartChild, now: datetime) -> None:
        """Start it, or tell the parent why not.

        On Azure the parent of a child that cannot start waits for ever; a local run says so.
        """
        existing = self._store.instance(decision.instance_id)
        if not self._functions.has_orchestrator(decision.name):
            problem = str(UnknownFunctionError(decision.name, "orchestrator"))
        elif decision.instance_id in (parent.instance_id, parent.parent_instance_id):
            problem = (
                "The instance ID of a sub-orchestration must be different than the instance ID of"
                " a parent orchestration."
            )
        elif existing and not existing.status.is_terminal:
            problem = str(InstanceExistsError(existing.status))
        else:
            self._starter.create(
                decision.instance_id,
                decision.name,
                decision.input,
                decision.version,
                parent=(parent, decision.sequence),
            )
            return
        event = history.sub_orchestration_failed(now, decision.sequence, problem, "")
        self._delivery.send(parent.instance_id, parent.execution_id, event)

    def _send_to_entity(self, instance: Instance, decision: SendToEntity) -> None:
        caller = (instance.instance_id, instance.execution_id)
        name, _key = split_entity_id(decision.entity_id)
        if self._functions.has_entity(name):
            self._delivery.ask(
                decision.entity_id,
                decision.operation,
                decision.input,
                decision.request_id,
                None if decision.is_signal else caller,
            )
            return
        problem = str(UnknownFunctionError(name, "entity"))
        _log.warning("Operation '%s' was not delivered: %s", decision.operation, problem)
        if not decision.is_signal:
            self._delivery.reply(caller, decision.request_id, json.dumps(problem), is_error=True)
