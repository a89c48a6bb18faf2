"""The engine: one thread that owns a task hub, commits in groups and hands out work.

Requests and results are posted to the thread. Each turn it applies whatever has arrived and what is
due in one transaction, picks work within the concurrency limits, commits, and only
then answers requests and starts the work: nothing is told or begun that a crash could take back.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from .clock import Clock
from .engine import (
    EngineError,
    Entity,
    Functions,
    Instance,
    InstancePage,
    InstanceQuery,
    StartRequest,
    WorkLostError,
)
from .history import HistoryEvent
from .store import Store
from .task_hub import HubOptions, TaskHub
from .work import (
    ActivityCall,
    ActivityOutcome,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
    Failed,
    OperationResult,
)

_log = logging.getLogger("host.durable")

T = TypeVar("T")
W = TypeVar("W")

_MAX_COMMANDS_PER_TURN = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """host.json ``maxConcurrent*Functions``; entities count as orchestrators (Azure Storage)."""

    activities: int
    orchestrators: int


@dataclass(frozen=True, slots=True)
class _Command:
    """Something to do to the task hub."""

    action: Callable[[], Any]
    future: Future[Any] | None
    """Gets the result after the commit; without one, an error of the action ends the engine."""


class SqliteEngine:
    """An ``Engine`` on a ``Store``."""

    def __init__(
        self,
        store: Store,
        functions: Functions,
        clock: Clock,
        limits: Limits,
        options: HubOptions,
        on_failure: Callable[[], None],
    ) -> None:
        """``on_failure`` is called when the engine cannot go on (a full disk, a bug of its own)."""
        self._renewal_pause = options.queues.seconds_between_renewals if store.outlives else None
        self._next_renewal = time.monotonic()
        self._store = store
        self._functions = functions
        self._clock = clock
        self._limits = limits
        self._on_failure = on_failure
        self._hub = TaskHub(store, functions, clock, options)
        self._commands: queue.SimpleQueue[_Command | None] = queue.SimpleQueue()
        self._running_orchestrators = 0
        self._running_activities = 0
        self._draining = False
        self._stopping = False
        self._drained = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="durable-engine", daemon=True)

    def run(self) -> None:
        self._clock.on_change(lambda: self._commands.put(None))
        taken_up = self._post(self._hub.take_up)
        self._thread.start()
        taken_up.result()

    def drain(self) -> None:
        self._draining = True
        self._commands.put(None)

    def stop(self, grace: float) -> bool:
        self.drain()
        is_drained = self._drained.wait(grace)
        self._stopping = True
        self._commands.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._store.close()
        return is_drained

    def is_idle(self) -> Future[bool]:
        """Whether nothing runs and nothing could: only time or a message can bring more work."""
        return self._post(
            lambda: (
                self._running_orchestrators == 0
                and self._running_activities == 0
                and self._hub.is_quiet()
            )
        )

    def next_due(self) -> Future[datetime | None]:
        """When the next timer fires, or the next message is there."""
        return self._post(self._hub.next_due)

    # requests

    def start(self, request: StartRequest) -> Future[str]:
        return self._post(partial(self._hub.start, request))

    def get(self, instance_id: str) -> Future[Instance | None]:
        return self._post(partial(self._store.instance, instance_id))

    def history(self, instance_id: str) -> Future[list[HistoryEvent]]:
        return self._post(partial(self._hub.history, instance_id))

    def query(self, query: InstanceQuery) -> Future[InstancePage]:
        return self._post(partial(self._hub.query, query))

    def raise_event(self, instance_id: str, name: str, data: str) -> Future[None]:
        return self._post(partial(self._hub.raise_event, instance_id, name, data))

    def terminate(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._post(partial(self._hub.terminate, instance_id, reason))

    def suspend(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._post(partial(self._hub.suspend, instance_id, reason))

    def resume(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._post(partial(self._hub.resume, instance_id, reason))

    def rewind(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._post(partial(self._hub.rewind, instance_id, reason))

    def restart(self, instance_id: str, *, with_new_id: bool) -> Future[str]:
        return self._post(partial(self._hub.restart, instance_id, with_new_id=with_new_id))

    def purge(self, instance_id: str) -> Future[int]:
        return self._post(partial(self._hub.purge, instance_id))

    def purge_by(self, query: InstanceQuery) -> Future[int]:
        return self._post(partial(self._hub.purge_by, query))

    def signal(self, entity_id: str, operation: str, data: str | None) -> Future[None]:
        return self._post(partial(self._hub.signal, entity_id, operation, data))

    def get_entity(self, entity_id: str) -> Future[Entity | None]:
        return self._post(partial(self._hub.entity, entity_id))

    def list_entities(self, name: str) -> Future[list[Entity]]:
        return self._post(partial(self._hub.entities, f"@{name}@" if name else "@"))

    def _post(self, action: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        if self._stopping:
            future.set_exception(EngineError("The host is shutting down."))
        else:
            self._commands.put(_Command(action, future))
        return future

    # the thread

    def _loop(self) -> None:
        try:
            while not self._stopping:
                self._turn(self._take())
        except BaseException:  # noqa: BLE001
            # What is in flight could never end: better no engine than one that hangs.
            self._stopping = True
            self._drained.set()
            _log.critical("The durable engine cannot go on", exc_info=True)
            self._on_failure()
        finally:
            self._refuse_the_rest()

    def _take(self) -> list[_Command]:
        """Wait for a command or what is due, then take all that has arrived meanwhile."""
        commands: list[_Command] = []
        try:
            item = self._commands.get(timeout=self._patience())
            while True:
                if item is not None:
                    commands.append(item)
                if len(commands) == _MAX_COMMANDS_PER_TURN:
                    break
                item = self._commands.get_nowait()
        except queue.Empty:
            pass
        return commands

    def _patience(self) -> float | None:
        """Seconds until something is due, None if nothing is."""
        due = self._hub.next_due()
        waits = [None if due is None else self._clock.wait_for(due)]
        if self._renewal_pause is not None:
            waits.append(max(0.0, self._next_renewal - time.monotonic()))
        return min((wait for wait in waits if wait is not None), default=None)

    def _turn(self, commands: list[_Command]) -> None:
        with self._store.transaction():
            self._hub.deliver_what_is_due()
            answers = [self._apply(command) for command in commands]
            self._renew()  # not before ``take_up``, or what a former host had taken were renewed
            work = self._pick_work()
        for proceed in (*answers, *work):
            proceed()
        if self._draining and self._running_orchestrators == self._running_activities == 0:
            self._drained.set()

    def _renew(self) -> None:
        if self._renewal_pause is not None and time.monotonic() >= self._next_renewal:
            self._hub.renew()
            self._next_renewal = time.monotonic() + self._renewal_pause

    def _apply(self, command: _Command) -> Callable[[], None]:
        """Do it; how to tell the one who asked once it is committed."""
        future = command.future
        if future is None:
            command.action()
            return lambda: None
        try:
            with self._store.savepoint():
                result = command.action()
        except Exception as error:  # noqa: BLE001  belongs to the one who asked
            return partial(future.set_exception, error)
        return partial(future.set_result, result)

    def _refuse_the_rest(self) -> None:
        while not self._commands.empty():
            command = self._commands.get()
            if command is not None and command.future is not None:
                command.future.set_exception(EngineError("The host is shutting down."))

    # work

    def _pick_work(self) -> list[Callable[[], None]]:
        """Take work up to the limits; how to begin each once it is committed."""
        work: list[Callable[[], None]] = []
        if self._draining:
            return work
        # In turns, so that neither orchestrators nor entities starve the other.
        sources = [self._pick_episode, self._pick_batch]
        while sources and self._running_orchestrators < self._limits.orchestrators:
            pick = sources.pop(0)
            begin = pick()
            if begin is not None:
                self._running_orchestrators += 1
                work.append(begin)
                sources.append(pick)
        while self._running_activities < self._limits.activities:
            call = self._hub.next_activity()
            if call is None:
                break
            self._running_activities += 1
            work.append(
                partial(self._begin, self._functions.run_activity, call, self._end_activity)
            )
        return work

    def _pick_episode(self) -> Callable[[], None] | None:
        episode = self._hub.next_episode()
        if episode is None:
            return None
        return partial(self._begin, self._functions.run_orchestrator, episode, self._end_episode)

    def _pick_batch(self) -> Callable[[], None] | None:
        batch = self._hub.next_batch()
        if batch is None:
            return None
        return partial(self._begin, self._functions.run_entity, batch, self._end_batch)

    def _begin(
        self,
        run: Callable[[W], Future[T]],
        item: W,
        end: Callable[[W, Future[T]], None],
    ) -> None:
        try:
            future = run(item)
        except Exception as error:  # noqa: BLE001  the bridge's fault fails the work item
            future = Future()
            future.set_exception(error)
        future.add_done_callback(
            lambda done: self._commands.put(_Command(partial(end, item, done), None))
        )

    def _end_episode(self, episode: Episode, future: Future[EpisodeOutcome]) -> None:
        self._running_orchestrators -= 1
        if _is_lost(future):
            self._hub.give_again(episode)
            return
        self._end(
            future,
            partial(self._hub.complete_episode, episode),
            lambda fault: EpisodeOutcome(ending=fault),
        )

    def _end_activity(self, call: ActivityCall, future: Future[ActivityOutcome]) -> None:
        self._running_activities -= 1
        if _is_lost(future):
            self._hub.give_activity_again(call)
            return
        self._end(
            future,
            partial(self._hub.complete_activity, call),
            lambda fault: ActivityOutcome(failure=fault),
        )

    def _end_batch(self, batch: EntityBatch, future: Future[EntityOutcome]) -> None:
        self._running_orchestrators -= 1
        if _is_lost(future):
            self._hub.give_batch_again(batch)
            return

        def failed(fault: Failed) -> EntityOutcome:
            error = OperationResult(json.dumps(fault.reason), is_error=True)
            return EntityOutcome(batch.exists, batch.state, (error,) * len(batch.operations))

        self._end(future, partial(self._hub.complete_batch, batch), failed)

    def _end(
        self,
        future: Future[T],
        complete: Callable[[T], None],
        failed: Callable[[Failed], T],
    ) -> None:
        """Commit the outcome; whatever is wrong with it fails the work item, never wedges it."""
        try:
            outcome = future.result()
            with self._store.savepoint():
                complete(outcome)
        except BaseException as error:  # noqa: BLE001  user code in a thread may raise SystemExit
            _log.error("A work item failed outside of user code", exc_info=error)
            complete(failed(Failed(f"Internal error: {type(error).__name__}: {error}", "")))


def _is_lost(future: Future[Any]) -> bool:
    return not future.cancelled() and isinstance(future.exception(), WorkLostError)
