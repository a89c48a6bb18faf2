"""Puts what is owed into the tables and remembers where to look for it.

The tables are the truth; the queues here only save searching them and are found again from the
tables after a crash (``take_up``).
"""

import heapq
import json
from collections import deque
from datetime import datetime
from typing import Generic, TypeVar

from local.host.durable import history
from local.host.durable.clock import Clock
from local.host.durable.history import HistoryEvent
from local.host.durable.store import Store
from local.host.durable.work import (
    ActivityCall,
    CreateTimer,
    EntityBatch,
    EntityOperation,
    ScheduleActivity,
)

T = TypeVar("T", int, str)


class Queue(Generic[T]):
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

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.instances: Queue[str] = Queue()
        """Ids of instances that have got mail."""
        self._entities: Queue[str] = Queue()
        self._busy_entities: set[str] = set()
        self._activities: Queue[int] = Queue()
        self._timers: list[tuple[datetime, int]] = []

    def take_up(self) -> None:
        """Find the work that a former host left: what was not committed is done again."""
        for instance_id in self._store.instances_with_messages():
            self.instances.add(instance_id)
        for entity_id in self._store.entities_with_operations():
            self._entities.add(entity_id)
        for work_id in self._store.activity_ids():
            self._activities.add(work_id)
        self._timers = [
            (datetime.fromisoformat(fire_at), timer_id)
            for fire_at, timer_id in self._store.timers()
        ]
        heapq.heapify(self._timers)

    def is_quiet(self) -> bool:
        """Whether nobody has anything to do."""
        return not (self.instances or self._entities or self._activities)

    # messages

    def send(self, instance_id: str, execution_id: str | None, event: HistoryEvent) -> None:
        """Put an event into an inbox; one that nobody may read any more is dropped when read."""
        self._store.put_message(instance_id, execution_id, json.dumps(event))
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
        message = {"result": result}
        if is_error:
            message["exceptionType"] = "Error"
        event = history.event_raised(self._clock.now(), request_id, json.dumps(message))
        self.send(*caller, event)

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
                instance_id, execution_id, sequence, name, arguments = row
                return ActivityCall(work_id, instance_id, execution_id, sequence, name, arguments)
        return None

    # timers

    def set_timer(self, instance_id: str, execution_id: str, timer: CreateTimer) -> None:
        timer_id = self._store.put_timer(
            instance_id, execution_id, timer.sequence, history.timestamp(timer.fire_at)
        )
        heapq.heappush(self._timers, (timer.fire_at, timer_id))

    def next_due(self) -> datetime | None:
        """When the first timer is due."""
        return self._timers[0][0] if self._timers else None

    def fire_due_timers(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            _due, timer_id = heapq.heappop(self._timers)
            row = self._store.take_timer(timer_id)
            if row is not None:
                instance_id, execution_id, sequence, fire_at = row
                event = history.timer_fired(now, sequence, fire_at)
                self.send(instance_id, execution_id, event)

    # operations on entities

    def ask(
        self,
        entity_id: str,
        operation: str,
        data: str | None,
        request_id: str,
        caller: tuple[str, str] | None,
    ) -> None:
        """Queue an operation; ``caller`` (instance, execution) waits for its result, if any."""
        caller_id, caller_execution_id = caller or (None, None)
        self._store.put_operation(
            entity_id, operation, data, request_id, caller_id, caller_execution_id
        )
        self._entities.add(entity_id)

    def next_batch(self) -> EntityBatch | None:
        """All waiting operations of one entity; an entity never runs twice at a time."""
        while (entity_id := self._entities.pop()) is not None:
            operations = self._store.operations(entity_id)
            if operations and entity_id not in self._busy_entities:
                self._busy_entities.add(entity_id)
                entity = self._store.entity(entity_id)
                return EntityBatch(
                    entity_id,
                    entity.state if entity else None,
                    tuple(EntityOperation(*row) for row in operations),
                )
        return None

    def end_batch(self, batch: EntityBatch) -> None:
        self._busy_entities.discard(batch.entity_id)
        self._store.delete_operations(operation.message for operation in batch.operations)
        if self._store.operations(batch.entity_id):
            self._entities.add(batch.entity_id)
