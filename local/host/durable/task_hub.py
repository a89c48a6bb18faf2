"""The rules of a task hub: what each request and result does to the tables.

No threads and no waiting: the caller (``sqlite_engine``) opens a transaction, calls one of these
methods, commits, and only then acts on what ``next_*`` handed out.

Which requests are refused, and how: extension ``DurableClient`` and ``HttpApiHandler``.
"""

import json
import logging
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from local.host.durable import history
from local.host.durable.clock import Clock
from local.host.durable.decisions import Decisions
from local.host.durable.delivery import Delivery
from local.host.durable.engine import (
    Entity,
    Functions,
    Instance,
    InstanceExistsError,
    InstanceGoneError,
    InstanceNotFoundError,
    InstancePage,
    InstanceQuery,
    InvalidIdError,
    InvalidTransitionError,
    RuntimeStatus,
    StartRequest,
    UnknownFunctionError,
    UnsupportedError,
    WrongStateError,
)
from local.host.durable.entity_id import split_entity_id
from local.host.durable.episodes import Episodes
from local.host.durable.history import HistoryEvent
from local.host.durable.starting import Starter
from local.host.durable.store import Store
from local.host.durable.work import (
    ActivityCall,
    ActivityOutcome,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
)

_log = logging.getLogger("host.durable")

MAX_ID_LENGTH = 256  # extension DurableClient; the Durable Task Scheduler allows 100
_FORBIDDEN_IN_IDS = frozenset("/\\#?")


@dataclass(frozen=True, slots=True)
class HubOptions:
    """The first two are host.json's; the last is a fault to inject."""

    default_version: str = ""
    override_any_state: bool = False
    """``overridableExistingInstanceStates: AnyState``."""
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
        self._delivery = Delivery(store, clock)
        self._starter = Starter(store, self._delivery, clock, options.default_version)
        decisions = Decisions(store, self._delivery, functions, self._starter)
        self._episodes = Episodes(store, self._delivery, self._starter, decisions, clock)

    def take_up(self) -> None:
        """Find the work that a former host left."""
        self._delivery.take_up()

    # requests

    def start(self, request: StartRequest) -> str:
        if not self._functions.has_orchestrator(request.name):
            raise UnknownFunctionError(request.name, "orchestrator")
        instance_id = request.instance_id or uuid.uuid4().hex
        _check_id("Orchestration instance ids", instance_id)
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

    def rewind(self, instance_id: str) -> None:
        if self._existing(instance_id).status is not RuntimeStatus.FAILED:
            raise WrongStateError(
                "The rewind operation is only supported on failed orchestration instances."
            )
        raise UnsupportedError("Rewind is not supported by this host.")

    def purge(self, instance_id: str) -> int:
        status = self._existing(instance_id).status
        if not status.is_terminal:
            raise WrongStateError(
                f"Cannot purge the orchestration instance {instance_id} because instance is in"
                f" the {status} state."
            )
        self._store.delete_instance(instance_id)
        return 1

    def purge_by(self, query: InstanceQuery) -> int:
        deleted = 0
        while page := self._store.instances(query):
            for instance in page:
                if instance.status.is_terminal:
                    self._store.delete_instance(instance.instance_id)
                    deleted += 1
            query = replace(query, after=page[-1].instance_id)
        return deleted

    def signal(self, entity_id: str, operation: str, data: str | None) -> None:
        name, key = split_entity_id(entity_id)
        _check_id("Entity keys", key)
        if not self._functions.has_entity(name):
            raise UnknownFunctionError(name, "entity")
        self._delivery.ask(entity_id, operation, data, str(uuid.uuid4()), caller=None)

    # work

    def next_episode(self) -> Episode | None:
        return self._episodes.next()

    def next_activity(self) -> ActivityCall | None:
        return self._delivery.next_activity()

    def next_batch(self) -> EntityBatch | None:
        return self._delivery.next_batch()

    def next_due(self) -> datetime | None:
        """When the first timer is due."""
        return self._delivery.next_due()

    def is_quiet(self) -> bool:
        """Whether there is no work to hand out."""
        return self._delivery.is_quiet()

    def fire_due_timers(self) -> None:
        self._delivery.fire_due_timers()

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
        self._delivery.end_batch(batch)
        if outcome.state is None:
            self._store.delete_entity(batch.entity_id)
        else:
            now = history.timestamp(self._clock.now())
            self._store.put_entity(Entity(batch.entity_id, outcome.state, now))
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
        self._delivery.send(instance_id, None, event)


def _check_id(what: str, value: str) -> None:
    """Refuse what Azure refuses (extension ``DurableClient``)."""
    if value.startswith("@"):
        raise InvalidIdError(f"{what} must not start with @.")
    if any(char in _FORBIDDEN_IN_IDS or unicodedata.category(char) == "Cc" for char in value):
        raise InvalidIdError(f"{what} must not contain /, \\, #, ?, or control characters.")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidIdError(f"{what} must not exceed {MAX_ID_LENGTH} characters.")
