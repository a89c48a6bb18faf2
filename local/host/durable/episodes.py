"""What messages do to an instance: opening an episode and committing its outcome.

Sources: DurableTask.Core ``TaskOrchestrationDispatcher`` (fencing by execution id, order of
history, continue-as-new within the work item), ``AzureTableTrackingStore`` (what a status shows).
"""

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace

from . import history
from .clock import Clock
from .decisions import Decisions
from .delivery import Delivery
from .engine import Instance, RuntimeStatus
from .history import EventType, HistoryEvent
from .starting import Starter
from .store import Store
from .work import (
    Completed,
    ContinuedAsNew,
    Ending,
    Episode,
    EpisodeOutcome,
    Failed,
)

_log = logging.getLogger("host.durable")

_Message = tuple[int, HistoryEvent]


class Episodes:
    """Opens and commits episodes, one at a time for each instance."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        starter: Starter,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._starter = starter
        self._decisions = decisions
        self._clock = clock
        self._busy: set[str] = set()

    def next(self) -> Episode | None:
        """An instance whose orchestrator must run now; settles on the way what needs no code."""
        while (instance_id := self._delivery.instances.pop()) is not None:
            if instance_id not in self._busy:
                episode = self._open(instance_id)
                if episode is not None:
                    self._busy.add(instance_id)
                    return episode
        return None

    def give_again(self, episode: Episode) -> None:
        """Open it anew: its messages are still there, and perhaps more."""
        self._busy.discard(episode.instance_id)
        self._delivery.instances.add(episode.instance_id)

    def complete(self, episode: Episode, outcome: EpisodeOutcome) -> None:
        self._busy.discard(episode.instance_id)
        self._store.delete_messages(episode.messages)
        instance = self._store.instance(episode.instance_id)
        if instance is not None and instance.execution_id == episode.execution_id:
            self._commit(instance, episode, outcome)
        if self._store.has_messages(episode.instance_id):
            self._delivery.instances.add(episode.instance_id)

    # opening

    def _open(self, instance_id: str) -> Episode | None:
        instance = self._store.instance(instance_id)
        if instance is None:
            self._store.clear_inbox(instance_id)
            return None
        messages = self._messages(instance)
        if not messages:
            return None
        kinds = _kinds(messages)
        past = self._store.history(instance_id)
        if not past and EventType.ExecutionStarted not in kinds and not instance.has_run:
            self._discard(instance, messages)
            return None
        if instance.status.is_terminal and past:
            self._store.clear_inbox(instance_id)
            return None
        if EventType.ExecutionTerminated in kinds:
            self._terminate(instance, messages[: kinds.index(EventType.ExecutionTerminated) + 1])
            return None
        if instance.status is RuntimeStatus.SUSPENDED:
            if EventType.ExecutionResumed not in kinds:
                return None  # messages are kept until somebody resumes or terminates
            # What was held back is read after the resumption, and so at its time.
            resumed = messages.pop(kinds.index(EventType.ExecutionResumed))
            messages.insert(0, resumed)
            kinds = _kinds(messages)
            instance = replace(instance, status=RuntimeStatus.RUNNING, output=resumed[1]["Reason"])
            self._store.put_instance(instance)
        if EventType.ExecutionSuspended in kinds:
            position = kinds.index(EventType.ExecutionSuspended)
            if position == 0:
                self._suspend(instance, messages[0])
                self._delivery.instances.add(instance_id)
                return None
            messages = messages[:position]
        return Episode(
            instance_id=instance_id,
            execution_id=instance.execution_id,
            name=instance.name,
            input=instance.input,
            parent_instance_id=instance.parent_instance_id,
            past=tuple(past),
            new=(
                history.orchestrator_started(self._clock.now()),
                *(event for _row, event in messages),
            ),
            messages=tuple(row for row, _event in messages),
        )

    def _messages(self, instance: Instance) -> list[_Message]:
        """What the present generation may read; results for an earlier one are dropped."""
        messages: list[_Message] = []
        stale: list[int] = []
        for row, execution_id, text in self._store.inbox(instance.instance_id):
            if execution_id in (None, instance.execution_id):
                messages.append((row, json.loads(text)))
            else:
                # Its sequence number means another task by now.
                stale.append(row)
        if stale:
            _log.debug("Dropped %d stale messages for '%s'", len(stale), instance.instance_id)
            self._store.delete_messages(stale)
        return messages

    def _discard(self, instance: Instance, messages: Sequence[_Message]) -> None:
        """Drop what comes before an instance's start, which a former host took and has not given
        back: there is no such instance yet (``IsExecutableInstanceAsync``). A termination is shown
        nevertheless, and undone when the start comes."""
        _log.warning("Dropped messages for '%s', which has not started", instance.instance_id)
        self._store.delete_messages(row for row, _event in messages)
        for _row, event in messages:
            if event["EventType"] == EventType.ExecutionTerminated:
                status, now = RuntimeStatus.TERMINATED, history.timestamp(self._clock.now())
                self._store.put_instance(
                    replace(instance, status=status, output=event["Input"], updated_at=now)
                )

    def _suspend(self, instance: Instance, message: _Message) -> None:
        row, event = message
        self._append_without_code(instance, [event])
        self._store.delete_messages([row])
        self._store.put_instance(
            replace(
                instance,
                status=RuntimeStatus.SUSPENDED,
                output=event["Reason"],
                updated_at=history.timestamp(self._clock.now()),
            )
        )

    def _terminate(self, instance: Instance, messages: Sequence[_Message]) -> None:
        """End the instance at once; what it started goes on, and nobody reads the results."""
        events = [event for _row, event in messages]
        reason: str | None = events[-1]["Input"]
        status = RuntimeStatus.TERMINATED
        completed = history.execution_completed(self._clock.now(), status, reason)
        self._append_without_code(instance, [*events, completed])
        self._finish(replace(instance, status=status, output=reason))
        self._tell_parent(instance, Failed(reason or "", ""))

    def _append_without_code(self, instance: Instance, events: Sequence[HistoryEvent]) -> None:
        now = self._clock.now()
        events = [
            history.orchestrator_started(now),
            *events,
            history.orchestrator_completed(now),
        ]
        length = len(self._store.history(instance.instance_id))
        self._store.append_history(
            instance.instance_id, length, [history.stored(event) for event in events]
        )

    # committing

    def _commit(self, instance: Instance, episode: Episode, outcome: EpisodeOutcome) -> None:
        now = self._clock.now()
        custom_status = outcome.custom_status
        if custom_status is None and not episode.past:
            # The first episode of a generation keeps what the one before had set.
            custom_status = instance.custom_status
        instance = replace(
            instance,
            status=RuntimeStatus.RUNNING,
            custom_status=custom_status,
            updated_at=history.timestamp(now),
        )
        events = [
            *episode.new,
            *(self._decisions.carry_out(instance, decision, now) for decision in outcome.decisions),
        ]
        match outcome.ending:
            case ContinuedAsNew() as ending:
                self._continue_as_new(instance, ending)
                return
            case Completed(output):
                instance = replace(instance, status=RuntimeStatus.COMPLETED, output=output)
                events.append(history.execution_completed(now, instance.status, output))
            case Failed(reason):
                instance = replace(instance, status=RuntimeStatus.FAILED, output=reason)
                events.append(history.execution_completed(now, instance.status, reason))
        events.append(history.orchestrator_completed(now))
        self._store.append_history(
            instance.instance_id, len(episode.past), [history.stored(event) for event in events]
        )
        if outcome.ending is None:
            self._store.put_instance(instance)
        else:
            self._finish(instance)
            self._tell_parent(instance, outcome.ending)

    def _continue_as_new(self, instance: Instance, ending: ContinuedAsNew) -> None:
        """Begin the next generation with its start, then what is carried, then what is unread."""
        unread = self._store.inbox(instance.instance_id)
        # they keep their order behind the start
        self._store.clear_inbox(instance.instance_id)
        self._store.clear_history(instance.instance_id)
        self._store.clear_timers(instance.instance_id)
        successor = replace(
            instance,
            execution_id=uuid.uuid4().hex,
            input=ending.input,
            created_at=instance.updated_at,
        )
        self._store.put_instance(successor)
        self._starter.begin(successor)
        for event in ending.carried:
            self._delivery.send(successor.instance_id, None, event)
        for _row, execution_id, text in unread:
            self._delivery.keep(successor.instance_id, execution_id, text)

    def _finish(self, instance: Instance) -> None:
        now = history.timestamp(self._clock.now())
        self._store.put_instance(replace(instance, updated_at=now))
        self._store.clear_inbox(instance.instance_id)
        self._store.clear_timers(instance.instance_id)

    def _tell_parent(self, instance: Instance, ending: Ending) -> None:
        if instance.parent_instance_id is None or instance.parent_sequence is None:
            return
        now, sequence = self._clock.now(), instance.parent_sequence
        match ending:
            case Completed(output):
                event = history.sub_orchestration_completed(now, sequence, output)
            case Failed(reason, details):
                event = history.sub_orchestration_failed(now, sequence, reason, details)
            case ContinuedAsNew():
                return
        self._delivery.send(instance.parent_instance_id, instance.parent_execution_id, event)


def _kinds(messages: Sequence[_Message]) -> list[int]:
    return [event["EventType"] for _row, event in messages]
