"""Puts what is owed into the tables and remembers where to look for it.

The tables are the truth; what is kept here only saves searching them and is found again from the
tables after a crash (``take_up``).

Messages, activities and operations on entities wait in queues. A host takes a message as soon as
it sees it, and an activity when it begins it; what was taken is hidden from other hosts, and from
this one after a restart, until its time has passed since it was last renewed
(DurableTask.AzureStorage ``ControlQueue``, ``WorkItemQueue``). Nothing is given back when a host
ends, be it in good order.
"""

import heapq
import json
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from . import entities, history
from .clock import Clock
from .engine import Entity
from .history import HistoryEvent
from .store import Queue, Store
from .work import (
    ActivityCall,
    CreateTimer,
    EntityBatch,
    EntityOperation,
    ScheduleActivity,
)

T = TypeVar("T", int, str)

_MOST_SECONDS_BETWEEN_RENEWALS = 30.0  # DurableTask.Core ``TaskOrchestrationDispatcher``
_TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Queues:
    """host.json, but for the first."""

    latency: timedelta = timedelta(0)
    """How long a client's message is on its way."""
    control_timeout: timedelta = timedelta(minutes=5)
    """``controlQueueVisibilityTimeout``: messages to orchestrations and entities."""
    work_item_timeout: timedelta = timedelta(minutes=5)
    """``workItemQueueVisibilityTimeout``: activities."""

    @property
    def seconds_between_renewals(self) -> float:
        shortest = min(self.control_timeout, self.work_item_timeout)
        return min(_MOST_SECONDS_BETWEEN_RENEWALS, shortest.total_seconds() / 3)


class _Line(Generic[T]):
    """First in, first out; each item once."""

    def __init__(self) -> None:
        self._order: deque[T] = deque()
        self._present: set[T] = set()

    def add(self, item: T) -> None:
        if item not in self._present:
            self._present.add(item)
            self._order.append(item)

    def __bool__(self) -> bool:
        return bool(self._order)

    def pop(self) -> T | None:
        if not self._order:
            return None
        item = self._order.popleft()
        self._present.remove(item)
        return item


class Delivery:
    """Messages, activities, timers and operations on entities that wait for somebody."""

    def __init__(self, store: Store, clock: Clock, queues: Queues) -> None:
        self._store = store
        self._clock = clock
        self._queues = queues
        self.instances: _Line[str] = _Line()
        """Ids of instances that have got mail."""
        self._entities: _Line[str] = _Line()
        self._busy_entities: set[str] = set()
        self._activities: _Line[int] = _Line()
        self._later: list[tuple[datetime, str, int]] = []
        """When something comes, from where, and its row there."""

    def take_up(self) -> None:
        """Find the work that a former host left: what was not committed is done again, but what
        that host had taken not before it is visible."""
        for queue in Queue:
            for visible_at, row in self._store.left_behind(queue):
                moment = (
                    datetime.fromisoformat(visible_at)
                    if visible_at
                    else datetime.min.replace(tzinfo=UTC)
                )
                self._later.append((moment, queue, row))
        for fire_at, row in self._store.timers():
            self._later.append((datetime.fromisoformat(fire_at), _TIMER, row))
        heapq.heapify(self._later)

    def is_quiet(self) -> bool:
        """Whether nobody has anything to do now."""
        due = self.next_due()
        is_due = due is not None and due <= self._clock.now()
        return not (is_due or self.instances or self._entities or self._activities)

    def next_due(self) -> datetime | None:
        """When the first timer fires, or the first hidden row can be seen."""
        return self._later[0][0] if self._later else None

    def deliver_what_is_due(self) -> None:
        now = self._clock.now()
        while self._later and self._later[0][0] <= now:
            _moment, source, row = heapq.heappop(self._later)
            if source == _TIMER:
                self._fire(row, now)
            elif source == Queue.ACTIVITIES:
                self._activities.add(row)
            else:
                self._take(Queue(source), row)

    def renew(self) -> None:
        """Keep hidden what this host has taken."""
        self._store.renew(Queue.INBOX, self._hidden_until(Queue.INBOX))
        self._store.renew(Queue.OPERATIONS, self._hidden_until(Queue.OPERATIONS))
        self._store.renew(Queue.ACTIVITIES, self._hidden_until(Queue.ACTIVITIES))

    def _take(self, queue: Queue, row: int) -> None:
        owner = self._store.owner(queue, row)
        if owner is not None:
            self._store.take(queue, row, self._hidden_until(queue))
            (self.instances if queue is Queue.INBOX else self._entities).add(owner)

    def _hidden_until(self, queue: Queue) -> str:
        queues = self._queues
        is_work = queue is Queue.ACTIVITIES
        timeout = queues.work_item_timeout if is_work else queues.control_timeout
        return history.timestamp(self._clock.now() + timeout)

    # messages

    def send(
        self,
        instance_id: str,
        execution_id: str | None,
        event: HistoryEvent,
        *,
        by_client: bool = False,
    ) -> None:
        """Put an event into an inbox; one that nobody may read any more is dropped when read."""
        text = json.dumps(event)
        if by_client and self._queues.latency:
            moment = self._clock.now() + self._queues.latency
            row = self._store.put_message(
                instance_id, execution_id, text, history.timestamp(moment)
            )
            heapq.heappush(self._later, (moment, Queue.INBOX, row))
        else:
            self.keep(instance_id, execution_id, text)

    def keep(self, instance_id: str, execution_id: str | None, text: str) -> None:
        """Put an event, as JSON text, into an inbox and take it."""
        until = self._hidden_until(Queue.INBOX)
        self._store.put_message(instance_id, execution_id, text, until, is_taken=True)
        self.instances.add(instance_id)

    def reply(
        self,
        caller: tuple[str, str | None],
        request_id: str,
        result: str,
        *,
        is_error: bool,
    ) -> None:
        """Answer an entity call: an event named after the request (extension ``ResponseMessage``).

        ``result`` is JSON text.
        """
        message = history.response_message(result, is_error=is_error)
        self.send(*caller, history.event_raised(self._clock.now(), request_id, message))

    # activities

    def schedule(self, instance_id: str, execution_id: str, activity: ScheduleActivity) -> None:
        work_id = self._store.put_activity(
            instance_id, execution_id, activity.sequence, activity.name, activity.input
        )
        self._activities.add(work_id)

    def next_activity(self) -> ActivityCall | None:
        while (work_id := self._activities.pop()) is not None:
            row = self._store.activity(work_id)
            if row is not None:
                until = self._hidden_until(Queue.ACTIVITIES)
                self._store.take(Queue.ACTIVITIES, work_id, until)
                instance_id, execution_id, sequence, name, arguments = row
                return ActivityCall(work_id, instance_id, execution_id, sequence, name, arguments)
        return None

    def give_activity_again(self, call: ActivityCall) -> None:
        self._activities.add(call.work_id)

    # timers

    def set_timer(self, instance_id: str, execution_id: str, timer: CreateTimer) -> None:
        timer_id = self._store.put_timer(
            instance_id, execution_id, timer.sequence, history.timestamp(timer.fire_at)
        )
        heapq.heappush(self._later, (timer.fire_at, _TIMER, timer_id))

    def _fire(self, timer_id: int, now: datetime) -> None:
        row = self._store.take_timer(timer_id)
        if row is not None:
            instance_id, execution_id, sequence, fire_at = row
            self.send(instance_id, execution_id, history.timer_fired(now, sequence, fire_at))

    # operations on entities

    def ask(
        self,
        entity_id: str,
        operation: str,
        data: str | None,
        request_id: str,
        caller: tuple[str, str] | None,
        *,
        by_client: bool = False,
    ) -> None:
        """Queue an operation; ``caller`` (instance, execution) waits for its result, if any."""
        caller_id, caller_execution_id = caller or (None, None)
        is_later = by_client and bool(self._queues.latency)
        moment = self._clock.now() + self._queues.latency
        row = self._store.put_operation(
            entity_id,
            operation,
            data,
            request_id,
            caller_id,
            caller_execution_id,
            history.timestamp(moment) if is_later else self._hidden_until(Queue.OPERATIONS),
            is_taken=not is_later,
        )
        if is_later:
            heapq.heappush(self._later, (moment, Queue.OPERATIONS, row))
        else:
            self._entities.add(entity_id)

    def next_batch(self) -> EntityBatch | None:
        """All waiting operations of one entity; an entity never runs twice at a time."""
        while (entity_id := self._entities.pop()) is not None:
            operations = self._store.operations(entity_id)
            if operations and entity_id not in self._busy_entities:
                self._busy_entities.add(entity_id)
                instance = self._store.instance(entity_id)
                entity = entities.from_instance(instance) if instance else None
                return EntityBatch(
                    entity_id,
                    entity is not None and entity.exists,
                    entity.state if entity else None,
                    tuple(EntityOperation(*row) for row in operations),
                )
        return None

    def give_batch_again(self, batch: EntityBatch) -> None:
        self._busy_entities.discard(batch.entity_id)
        self._entities.add(batch.entity_id)

    def end_batch(self, batch: EntityBatch, exists: bool, state: str | None) -> None:
        self._busy_entities.discard(batch.entity_id)
        self._store.delete_operations(operation.message for operation in batch.operations)
        now = history.timestamp(self._clock.now())
        entity = Entity(batch.entity_id, exists, state, now)
        self._store.put_instance(entities.as_instance(entity))
        if self._store.operations(batch.entity_id):
            self._entities.add(batch.entity_id)
