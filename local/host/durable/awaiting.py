"""How far the extension has come with an orchestrator's actions, and what it still waits for.

The SDK runs ahead of the extension, which replays the actions one after another and awaits each
before it looks at the next (``OutOfProcOrchestrationShim.ProcessAsyncActionsV2``), with the
meanings of .NET:

* a ``task_all`` waits for all its children, even after one has failed;
* each external event completes one wait, the latest of its name, or is kept for the next
  (``DurableOrchestrationContext.WaitForExternalEvent``), though the SDK lets one early event
  satisfy every later wait;
* an orchestration does not end, fail or continue as new while activities, sub-orchestrations or
  uncancelled timers are open (DurableTask.Core ``TaskOrchestrationExecutor``, ``HasOpenTasks``).

These delays are visible on Azure, so they are here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from azure.durable_functions.models.actions.Action import Action
from azure.durable_functions.models.actions.CallEntityAction import CallEntityAction
from azure.durable_functions.models.actions.CompoundAction import CompoundAction
from azure.durable_functions.models.actions.ContinueAsNewAction import ContinueAsNewAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.SignalEntityAction import SignalEntityAction
from azure.durable_functions.models.actions.WaitForExternalEventAction import (
    WaitForExternalEventAction,
)
from azure.durable_functions.models.actions.WhenAnyAction import WhenAnyAction

from local.host.durable.history import EventType
from local.host.durable.recording import RecordingContext

_START = 1  # position of ExecutionStarted, where user code begins


@dataclass(slots=True)
class Facts:
    """What a history says. Positions count its events from 0."""

    scheduled: dict[int, tuple[EventType, str | None]] = field(default_factory=dict)
    """By sequence number: kind and name of what was asked for."""
    done_at: dict[int, int] = field(default_factory=dict)
    """By sequence number: position of the result."""
    raised: list[tuple[int, str]] = field(default_factory=list)
    """Position and name of each event raised (external ones and entities' replies)."""

    @classmethod
    def of(cls, context: RecordingContext) -> "Facts":
        facts = cls()
        for position, event in enumerate(context.histories):
            match event.event_type:
                case EventType.TaskScheduled | EventType.SubOrchestrationInstanceCreated as kind:
                    facts.scheduled[event.event_id] = (EventType(kind), event.Name)
                case EventType.TimerCreated | EventType.EventSent as kind:
                    facts.scheduled[event.event_id] = (EventType(kind), None)
                case (
                    EventType.TaskCompleted
                    | EventType.TaskFailed
                    | EventType.SubOrchestrationInstanceCompleted
                    | EventType.SubOrchestrationInstanceFailed
                ):
                    facts.done_at[event.TaskScheduledId] = position
                case EventType.TimerFired:
                    facts.done_at[event.TimerId] = position
                case EventType.EventRaised:
                    facts.raised.append((position, event.Name))
        return facts


class Awaiting:
    """The extension's replay of the actions of one run."""

    def __init__(
        self, context: RecordingContext, facts: Facts, request_ids: Mapping[int, str]
    ) -> None:
        """``request_ids``: sequence number of an entity call -> the name of its reply."""
        self._recorded = context.recorded
        self._done_at = dict(facts.done_at)
        replies = {name: position for position, name in facts.raised}
        for sequence, request_id in request_ids.items():
            if request_id in replies:
                self._done_at[sequence] = replies[request_id]
        self._sequences: dict[int, list[int]] = defaultdict(list)
        for sequence, recorded in context.recorded.items():
            owner = recorded.retry.actions if recorded.retry else recorded.action
            self._sequences[id(owner)].append(sequence)
        self._events = _Events(facts.raised)

        self.reached: set[int] = set()
        """Sequence numbers of what the extension has invoked."""
        self.is_held_up = False
        """Whether it still awaits one of the actions."""
        self.position = _START
        """Position of the event that completed the last of the completed actions."""
        for action in context.actions:
            completed_at = self._await(action)
            if completed_at is None:
                self.is_held_up = True
                break
            self.position = completed_at

    def has_open_tasks(self) -> bool:
        """Whether anything but events is outstanding, as DurableTask.Core counts it."""
        return any(
            sequence not in self._done_at and self._keeps_open(sequence)
            for sequence in self.reached
        )

    def _keeps_open(self, sequence: int) -> bool:
        action = self._recorded[sequence].action
        if isinstance(action, CreateTimerAction):
            return not action.is_cancelled
        return not isinstance(action, CallEntityAction | SignalEntityAction | ContinueAsNewAction)

    def _await(self, action: Action) -> int | None:
        """Invoke an action; the position at which it is complete, or None."""
        waits = []
        for leaf in _leaves(action):
            self.reached.update(self._sequences.get(id(leaf), ()))
            if isinstance(leaf, WaitForExternalEventAction):
                waits.append(leaf)
        self._events.deliver_until(self.position)
        self._events.listen(waits, self.position)
        completed_at = self._completed_at(action)
        # A later event may complete it earlier than what is known so far.
        while waits and self._events.deliver_next(before=completed_at):
            completed_at = self._completed_at(action)
        return completed_at

    def _completed_at(self, action: Action) -> int | None:
        match action:
            case WhenAnyAction():
                known = [self._completed_at(child) for child in action.compound_tasks]
                return min((at for at in known if at is not None), default=None)
            case CompoundAction():
                return self._last(self._completed_at(child) for child in action.compound_tasks)
            case ContinueAsNewAction() | SignalEntityAction():
                return self.position
            case CreateTimerAction() if action.is_cancelled:
                return self.position
            case WaitForExternalEventAction():
                return self._events.heard_at.get(id(action))
        # A retry is complete when the last of its attempts or timers is.
        return self._last(self._done_at.get(s) for s in self._sequences.get(id(action), ()))

    def _last(self, positions: Iterable[int | None]) -> int | None:
        """The last of the positions, none before the present one; None if one is unknown."""
        last = self.position
        for position in positions:
            if position is None:
                return None
            last = max(last, position)
        return last


class _Events:
    """Matches external events with waits, as the extension does. Names have no case there."""

    def __init__(self, raised: Iterable[tuple[int, str]]) -> None:
        self._raised = [(position, name.lower()) for position, name in raised]
        self._next = 0
        self._listening: dict[str, list[int]] = defaultdict(list)
        self._kept: dict[str, int] = defaultdict(int)
        self.heard_at: dict[int, int] = {}
        """id of a wait action -> position of its event."""

    def listen(self, waits: Iterable[WaitForExternalEventAction], position: int) -> None:
        """Begin to wait; an event that came before is heard at once."""
        for wait in waits:
            name = wait.external_event_name.lower()
            if self._kept[name]:
                self._kept[name] -= 1
                self.heard_at[id(wait)] = position
            else:
                self._listening[name].append(id(wait))

    def deliver_until(self, position: int) -> None:
        while self.deliver_next(before=position + 1):
            pass

    def deliver_next(self, before: int | None) -> bool:
        """Deliver the next event, if there is one before that position."""
        if self._next == len(self._raised):
            return False
        position, name = self._raised[self._next]
        if before is not None and position >= before:
            return False
        self._next += 1
        if self._listening[name]:
            self.heard_at[self._listening[name].pop()] = position
        else:
            self._kept[name] += 1
        return True


def _leaves(action: Action) -> Iterator[Action]:
    if isinstance(action, CompoundAction):
        for child in action.compound_tasks:
            yield from _leaves(child)
    else:
        yield action
