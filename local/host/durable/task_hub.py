"""The rules of a task hub: what each request and result does to the tables.

No threads and no waiting: the caller (``sqlite_engine``) opens a transaction, calls one of these
methods, commits, and only then acts on what ``next_*`` handed out.

Which requests are refused, and how: extension ``DurableClient`` and ``HttpApiHandler``.
"""

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from . import entities, history
from .clock import Clock
from .decisions import Decisions
from .delivery import Delivery, Queues
from .engine import (
    Entity,
    Functions,
    Instance,
    InstanceExistsError,
    InstanceGoneError,
    InstanceNotFoundError,
    InstancePage,
    InstanceQuery,
    InvalidTransitionError,
    RuntimeStatus,
    StartRequest,
    UnknownFunctionError,
    WrongStateError,
)
from .entity_id import split_entity_id
from .episodes import Episodes
from .history import EventType, HistoryEvent
from .starting import Starter
from .store import Store
from .work import (
    ActivityCall,
    ActivityOutcome,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
)

_log = logging.getLogger("host.durable")

_FAILED = (EventType.TaskFailed, EventType.SubOrchestrationInstanceFailed)


@dataclass(frozen=True, slots=True)
class HubOptions:
    """host.json's, and a fault to inject."""

    default_version: str = ""
    override_any_state: bool = False
    """``overridableExistingInstanceStates: AnyState``."""
    queues: Queues = field(default_factory=Queues)
    lose_event: Callable[[], bool] = lambda: False
    """Whether to lose the external event at hand, though its sender is told that all is well."""


class TaskHub:
    """One task hub on one store."""

    def __init__(
        self, store: Store, functions: Functions, clock: Clock, options: HubOptions
    ) -> None:
        self._store = store
        self._functions = functions
        self._clock = clock
        self._options = options
        self._delivery = Delivery(store, clock, options.queues)
        self._starter = Starter(store, self._delivery, clock, options.default_version)
        decisions = Decisions(self._delivery, self._starter)
        self._episodes = Episodes(store, self._delivery, self._starter, decisions, clock)

    def take_up(self) -> None:
        """Find the work that a former host left."""
        self._delivery.take_up()

    # requests

    def start(self, request: StartRequest) -> str:
        instance_id = request.instance_id or uuid.uuid4().hex
        existing = self._store.instance(instance_id)
        if existing and not (existing.status.is_terminal or self._options.override_any_state):
            raise InstanceExistsError(existing.status)
        self._starter.create(instance_id, request.name, request.input, request.version)
        return instance_id

    def restart(self, instance_id: str, *, with_new_id: bool) -> str:
        instance = self._existing(instance_id)
        return self.start(
            StartRequest(
                instance.name,
                instance.input,
                None if with_new_id else instance_id,
                instance.version,
            )
        )

    def history(self, instance_id: str) -> list[HistoryEvent]:
        return [json.loads(event) for event in self._store.history(instance_id)]

    def query(self, query: InstanceQuery) -> InstancePage:
        instances = self._store.instances(replace(query, page_size=query.page_size + 1))
        page = tuple(instances[: query.page_size])
        has_more = len(instances) > query.page_size
        return InstancePage(page, page[-1].instance_id if has_more and page else None)

    def raise_event(self, instance_id: str, name: str, data: str) -> None:
        self._unfinished(instance_id)
        if self._options.lose_event():
            _log.warning("Lost event '%s' for instance '%s' (--drop-events)", name, instance_id)
            return
        self._send(instance_id, history.event_raised(self._clock.now(), name, data))

    def terminate(self, instance_id: str, reason: str | None) -> None:
        self._unfinished(instance_id)
        self._send(instance_id, history.execution_terminated(self._clock.now(), reason))

    def suspend(self, instance_id: str, reason: str | None) -> None:
        if self._unfinished(instance_id).status is RuntimeStatus.SUSPENDED:
            raise InvalidTransitionError("suspend", instance_id, RuntimeStatus.SUSPENDED)
        self._send(instance_id, history.execution_suspended(self._clock.now(), reason))

    def resume(self, instance_id: str, reason: str | None) -> None:
        status = self._unfinished(instance_id).status
        if status is not RuntimeStatus.SUSPENDED:
            raise InvalidTransitionError("resume", instance_id, status)
        self._send(instance_id, history.execution_resumed(self._clock.now(), reason))

    def rewind(self, instance_id: str, reason: str | None) -> None:
        status = self._existing(instance_id).status
        if status is not RuntimeStatus.FAILED:
            raise WrongStateError(
                f"This orchestration has status {status}, but only orchestrations in the"
                ' "Failed" state can be rewound.'
            )
        for leaf in self._take_back(instance_id):
            self._send(leaf, history.generic(self._clock.now(), reason))

    def _take_back(self, instance_id: str) -> list[str]:
        """Take failures out of an instance's history and those of its children; the ids of those
        that have to be woken (``AzureTableTrackingStore.RewindHistoryAsync``)."""
        instance = self._store.instance(instance_id)
        if instance is None:
            return []
        events = self.history(instance_id)
        failed = {e["TaskScheduledId"] for e in events if e["EventType"] in _FAILED}
        leaves: list[str] = []
        has_failed_children = False
        for position, event in enumerate(events):
            kind, is_failed = event["EventType"], event["EventId"] in failed
            if kind == EventType.SubOrchestrationInstanceCreated and is_failed:
                has_failed_children = True  # the child itself goes on
                leaves += self._take_back(event["InstanceId"])
            elif (
                kind in (*_FAILED, EventType.ExecutionCompleted)
                or (kind == EventType.TaskScheduled and is_failed)  # it is scheduled again
            ):
                text = history.stored(history.rewound(event))
                self._store.replace_event(instance_id, position, text)
        now = history.timestamp(self._clock.now())
        self._store.put_instance(replace(instance, status=RuntimeStatus.PENDING, updated_at=now))
        return leaves if has_failed_children else [instance_id]

    def purge(self, instance_id: str) -> int:
        status = self._existing(instance_id).status
        # An id that begins with @ may be an entity's, and these never end.
        if not status.is_terminal and not instance_id.startswith("@"):
            raise WrongStateError(
                "Only orchestrations in a terminal state can be purged, but the orchestration with"
                f" instance ID {instance_id} has status {status}"
            )
        self._store.delete_instance(instance_id)
        return 1

    def purge_by(self, query: InstanceQuery) -> int:
        """Statuses that are not terminal are passed over, so if there are only such, all that were
        created in that time are deleted (``AzureTableTrackingStore``)."""
        deleted = 0
        statuses = [status for status in query.statuses if status.is_terminal]
        query = replace(query, statuses=statuses)
        while page := self._store.instances(query):
            for instance in page:
                self._store.delete_instance(instance.instance_id)
            deleted += len(page)
            query = replace(query, after=page[-1].instance_id)
        return deleted

    def signal(self, entity_id: str, operation: str, data: str | None) -> None:
        name, _key = split_entity_id(entity_id)
        if problem := self._functions.no_entity(name):
            raise UnknownFunctionError(problem)
        request_id = str(uuid.uuid4())
        self._delivery.ask(entity_id, operation, data, request_id, caller=None, by_client=True)

    def entity(self, entity_id: str) -> Entity | None:
        instance = self._store.instance(entity_id)
        return entities.from_instance(instance) if instance else None

    def entities(self, prefix: str) -> list[Entity]:
        """All entities whose id begins so."""
        found: list[Entity] = []
        query = InstanceQuery(id_prefix=prefix)
        while page := self._store.instances(query):
            found += [each for each in map(entities.from_instance, page) if each is not None]
            query = replace(query, after=page[-1].instance_id)
        return found

    # work

    def next_episode(self) -> Episode | None:
        return self._episodes.next()

    def next_activity(self) -> ActivityCall | None:
        return self._delivery.next_activity()

    def next_batch(self) -> EntityBatch | None:
        return self._delivery.next_batch()

    def next_due(self) -> datetime | None:
        """When the first timer or message is due."""
        return self._delivery.next_due()

    def is_quiet(self) -> bool:
        """Whether there is no work to hand out."""
        return self._delivery.is_quiet()

    def deliver_what_is_due(self) -> None:
        self._delivery.deliver_what_is_due()

    def renew(self) -> None:
        """Keep hidden from a later host what this one has taken."""
        self._delivery.renew()

    # work that whoever had it will not finish

    def give_again(self, episode: Episode) -> None:
        self._episodes.give_again(episode)

    def give_activity_again(self, call: ActivityCall) -> None:
        self._delivery.give_activity_again(call)

    def give_batch_again(self, batch: EntityBatch) -> None:
        self._delivery.give_batch_again(batch)

    # results

    def complete_episode(self, episode: Episode, outcome: EpisodeOutcome) -> None:
        self._episodes.complete(episode, outcome)

    def complete_activity(self, call: ActivityCall, outcome: ActivityOutcome) -> None:
        self._store.delete_activity(call.work_id)
        now, failure = self._clock.now(), outcome.failure
        if failure is None:
            event = history.task_completed(now, call.sequence, outcome.result)
        else:
            event = history.task_failed(now, call.sequence, failure.reason, failure.details)
        self._delivery.send(call.instance_id, call.execution_id, event)

    def complete_batch(self, batch: EntityBatch, outcome: EntityOutcome) -> None:
        self._delivery.end_batch(batch, outcome.exists, outcome.state)
        for operation, result in zip(batch.operations, outcome.results, strict=True):
            if operation.caller_id is not None:
                self._delivery.reply(
                    (operation.caller_id, operation.caller_execution_id),
                    operation.request_id,
                    result.result,
                    is_error=result.is_error,
                )

    def _existing(self, instance_id: str) -> Instance:
        instance = self._store.instance(instance_id)
        if instance is None:
            raise InstanceNotFoundError(instance_id)
        return instance

    def _unfinished(self, instance_id: str) -> Instance:
        instance = self._existing(instance_id)
        if instance.status.is_terminal:
            raise InstanceGoneError(instance_id, instance.status)
        return instance

    def _send(self, instance_id: str, event: HistoryEvent) -> None:
        # For whichever generation reads it.
        self._delivery.send(instance_id, None, event, by_client=True)
