"""The engine of a host that shares its task hub with others: it asks the hub, and runs what the hub
gives it."""

import itertools
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from . import engine as errors
from .engine import (
    EngineError,
    Entity,
    Functions,
    Instance,
    InstancePage,
    InstanceQuery,
    StartRequest,
    UnknownFunctionError,
)
from .entity_id import split_entity_id
from .history import HistoryEvent
from .hosts import Kind
from .link import (
    ANSWER,
    ASK,
    DONE,
    DRAIN,
    FAILED,
    HELLO,
    LOCK,
    REFUSED,
    RENEW,
    RUN,
    Address,
    Message,
)

T = TypeVar("T")


class RemoteEngine:
    """An ``Engine`` whose task hub is another process."""

    def __init__(self, folder: Path, functions: Functions, on_failure: Callable[[], None]) -> None:
        """``folder`` is the hub's; ``on_failure`` is called when the hub has gone. Raises
        ``HubGoneError``."""
        self._functions = functions
        self._on_failure = on_failure
        self._name = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._asked: dict[int, Future[Any]] = {}
        self._guard = threading.Lock()
        self._running = 0
        self._idle = threading.Event()
        self._idle.set()
        self._ending = threading.Event()
        self._address = Address.read(folder)
        self._wire = self._address.connect()

    def run(self) -> None:
        self._wire.send((HELLO, self._name))
        self._follow(lambda: self._wire.read(self._receive), "hub-reader", self._hub_gone)
        self._follow(self._renew, "hub-renewals")

    def drain(self) -> None:
        self._wire.send((DRAIN,))

    def stop(self, grace: float) -> bool:
        self.drain()
        is_drained = self._idle.wait(grace)
        self._ending.set()
        self._wire.close()
        self._refuse_the_rest()
        return is_drained

    def lock(self, name: str) -> Future[bool]:
        """Take what one host holds at a time, or keep it; whether this one has it now."""
        return self._number(LOCK, name)

    @property
    def lock_polling(self) -> float:
        """Seconds between two tries to get a lock."""
        return self._address.lock_polling

    # requests

    def start(self, request: StartRequest) -> Future[str]:
        return self._ask("start", request)

    def get(self, instance_id: str) -> Future[Instance | None]:
        return self._ask("get", instance_id)

    def history(self, instance_id: str) -> Future[list[HistoryEvent]]:
        return self._ask("history", instance_id)

    def query(self, query: InstanceQuery) -> Future[InstancePage]:
        return self._ask("query", query)

    def raise_event(self, instance_id: str, name: str, data: str) -> Future[None]:
        return self._ask("raise_event", instance_id, name, data)

    def terminate(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._ask("terminate", instance_id, reason)

    def suspend(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._ask("suspend", instance_id, reason)

    def resume(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._ask("resume", instance_id, reason)

    def rewind(self, instance_id: str, reason: str | None) -> Future[None]:
        return self._ask("rewind", instance_id, reason)

    def restart(self, instance_id: str, *, with_new_id: bool) -> Future[str]:
        return self._ask("restart", instance_id, with_new_id=with_new_id)

    def purge(self, instance_id: str) -> Future[int]:
        return self._ask("purge", instance_id)

    def purge_by(self, query: InstanceQuery) -> Future[int]:
        return self._ask("purge_by", query)

    def signal(self, entity_id: str, operation: str, data: str | None) -> Future[None]:
        # which entities there are is known where the functions are
        if problem := self._functions.no_entity(split_entity_id(entity_id)[0]):
            refused: Future[None] = Future()
            refused.set_exception(UnknownFunctionError(problem))
            return refused
        return self._ask("signal", entity_id, operation, data)

    def get_entity(self, entity_id: str) -> Future[Entity | None]:
        return self._ask("get_entity", entity_id)

    def list_entities(self, name: str) -> Future[list[Entity]]:
        return self._ask("list_entities", name)

    def _ask(self, method: str, *arguments: Any, **named: Any) -> Future[Any]:
        return self._number(ASK, method, arguments, named)

    def _number(self, kind: str, *what: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._guard:
            if self._ending.is_set():
                future.set_exception(EngineError("The host is shutting down."))
                return future
            number = next(self._numbers)
            self._asked[number] = future
        self._wire.send((kind, number, *what))
        return future

    # the hub's

    def _receive(self, message: Message) -> None:
        match message:
            case (kind, number, what) if kind == ANSWER:
                if future := self._pop(number):
                    future.set_result(what)
            case (kind, number, name, text) if kind == REFUSED:
                if future := self._pop(number):
                    future.set_exception(_error(name, text))
            case (kind, number, what, item) if kind == RUN:
                self._run(number, Kind(what), item)

    def _pop(self, number: int) -> Future[Any] | None:
        """Who asked that, if nobody has refused it meanwhile."""
        with self._guard:
            return self._asked.pop(number, None)

    def _run(self, number: int, kind: Kind, item: Any) -> None:
        run: dict[Kind, Callable[[Any], Future[Any]]] = {
            Kind.TURN: self._functions.run_orchestrator,
            Kind.BATCH: self._functions.run_entity,
            Kind.ACTIVITY: self._functions.run_activity,
        }
        with self._guard:
            self._running += 1
            self._idle.clear()
        try:
            future = run[kind](item)
        except Exception as error:  # noqa: BLE001  the bridge's fault fails the work item
            future = Future()
            future.set_exception(error)
        future.add_done_callback(partial(self._ran, number))

    def _ran(self, number: int, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            self._wire.send((FAILED, number, f"{type(error).__name__}: {error}"))
        else:
            self._wire.send((DONE, number, future.result()))
        with self._guard:
            self._running -= 1
            if not self._running:
                self._idle.set()

    # threads

    def _follow(
        self, code: Callable[[], None], name: str, then: Callable[[], None] = lambda: None
    ) -> None:
        def follow() -> None:
            try:
                code()
            finally:
                then()

        threading.Thread(target=follow, name=name, daemon=True).start()

    def _renew(self) -> None:
        while not self._ending.wait(self._address.renewal):
            self._wire.send((RENEW,))

    def _hub_gone(self) -> None:
        if not self._ending.is_set():
            self._ending.set()
            self._on_failure()
        self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        with self._guard:
            asked, self._asked = self._asked, {}
        for future in asked.values():
            future.set_exception(EngineError("The host is shutting down."))


def _error(name: str, text: str) -> Exception:
    """An engine's error with its own text, whatever its class makes it from."""
    kind: type[Exception] = getattr(errors, name, EngineError)
    error = kind.__new__(kind)
    error.args = (text,)
    return error
