"""The app's durable functions as an engine calls them."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from ..bindings import DurableLinks, bind_activity
from ..converters import converter_of
from ..index import Function
from ..worker import Worker
from . import failures, http_activity
from .entity_id import split_entity_id
from .extension import HTTP_ACTIVITY, Answer
from .replay import ReplayOptions, carry_out, replay
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

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerDeaths:
    """Faults to inject: whether the worker dies with the work at hand."""

    in_turn: Callable[[], bool] = lambda: False
    """In an orchestrator's turn."""
    in_activity: Callable[[], bool] = lambda: False
    """In an activity that has done its work."""


class DurableFunctions:
    """The orchestrators, activities and entities of an app."""

    def __init__(
        self,
        functions: Iterable[Function],
        worker: Worker,
        links: DurableLinks,
        options: ReplayOptions,
        deaths: WorkerDeaths | None = None,
    ) -> None:
        functions = [function for function in functions if function.error is None]
        self._orchestrators = _by_name(functions, "orchestrationTrigger", "orchestration")
        self._activities = _by_name(functions, "activityTrigger", "activity")
        self._entities = _by_name(functions, "entityTrigger", "entityName")
        self._worker = worker
        self._links = links
        self._options = options
        self._deaths = deaths or WorkerDeaths()

    def no_orchestrator(self, name: str) -> str | None:
        return _missing(self._orchestrators, name, "orchestrator")

    def no_activity(self, name: str) -> str | None:
        return None if name == HTTP_ACTIVITY else _missing(self._activities, name, "activity")

    def no_entity(self, name: str) -> str | None:
        return _missing(self._entities, name, "entity")

    def run_orchestrator(self, episode: Episode) -> Future[EpisodeOutcome]:
        if problem := self.no_orchestrator(episode.name):
            return _done(carry_out(episode, Answer(fault=problem), self))
        if self._deaths.in_turn():
            # What was scheduled before is not scheduled in a run that gave nothing: after the
            # first turn the extension takes that for non-determinism.
            fault = failures.invocation_failed(failures.WORKER_EXITED)
            return _done(carry_out(episode, Answer(fault=fault), self))
        function = self._orchestrators[episode.name.lower()]
        future = self._worker.run(
            function.name,
            lambda: replay(function.call, episode, self._options, self),
            note=f"Instance={episode.instance_id}",
            failure_of=_trouble,
        )
        return _or_else(
            future,
            lambda error: carry_out(
                episode,
                Answer(fault=failures.invocation_failed(failures.rpc_text(error))),
                self,
            ),
        )

    def run_activity(self, call: ActivityCall) -> Future[ActivityOutcome]:
        note = f"Instance={call.instance_id}"
        if call.name == HTTP_ACTIVITY:
            return self._run_http_activity(call, note)
        function = self._activities.get(call.name.lower())
        if function is None:  # it was there when it was asked for
            problem = self.no_activity(call.name) or ""
            return _done(ActivityOutcome(failure=Failed(problem, "")))
        future = self._worker.call(
            function, lambda: bind_activity(function, self._links, call.input), _encode_result, note
        )
        if self._deaths.in_activity():
            lost = ActivityOutcome(failure=failures.activity_lost(call.name))
            return _then(future, lambda _done: lost)
        return _or_else(
            future,
            lambda error: ActivityOutcome(failure=failures.activity_raised(call.name, error)),
        )

    def run_entity(self, batch: EntityBatch) -> Future[EntityOutcome]:
        name, key = split_entity_id(batch.entity_id)
        function = self._entities.get(name.lower())
        if function is None:
            return _done(_entity_failed(batch, self.no_entity(name) or ""))
        call = function.call
        future = self._worker.run(
            function.name,
            lambda: _run_entity(call, name, key, batch),
            note=f"Entity={batch.entity_id}",
            failure_of=_operation_errors,
        )
        return _or_else(future, lambda error: _entity_failed(batch, failures.error_text(error)))

    def _run_http_activity(self, call: ActivityCall, note: str) -> Future[ActivityOutcome]:
        future = self._worker.run(
            HTTP_ACTIVITY,
            lambda: ActivityOutcome(result=http_activity.send(call.input or "null")),
            note,
        )
        return _or_else(
            future, lambda error: ActivityOutcome(failure=failures.http_activity_raised(error))
        )


def _by_name(functions: Iterable[Function], trigger: str, override: str) -> dict[str, Function]:
    """Durable functions by the name that they are called by, in lower case."""
    return {
        str(function.trigger.properties.get(override) or function.name).lower(): function
        for function in functions
        if function.trigger.type == trigger
    }


def _missing(functions: dict[str, Function], name: str, kind: str) -> str | None:
    """Why a function cannot be called, if so."""
    if name.lower() in functions:
        return None
    return failures.unknown_function(name, kind, [each.name for each in functions.values()])


def _encode_result(result: Any) -> ActivityOutcome:
    encoded = converter_of("activityTrigger").encode(result, expected_type=None)
    return ActivityOutcome(result=encoded.value)


def _run_entity(
    handle: Callable[[str], str], name: str, key: str, batch: EntityBatch
) -> EntityOutcome:
    """Call an entity as the extension does (2.7 of the protocol)."""
    answer = json.loads(
        handle(
            json.dumps(
                {
                    "self": {"name": name, "key": key},
                    "exists": batch.exists,
                    "state": batch.state,
                    "batch": [
                        {
                            "name": operation.name,
                            "input": operation.input,
                            "isSignal": operation.caller_id is None,
                        }
                        for operation in batch.operations
                    ],
                }
            )
        )
    )
    return EntityOutcome(
        answer["entityExists"],
        answer["entityState"],
        tuple(OperationResult(item["result"], item["isError"]) for item in answer["results"]),
    )


def _trouble(outcome: EpisodeOutcome) -> str | None:
    if isinstance(outcome.ending, Failed):
        return "\n".join(filter(None, (outcome.ending.reason, outcome.trouble)))
    return outcome.trouble


def _operation_errors(outcome: EntityOutcome) -> str | None:
    return "; ".join(result.result for result in outcome.results if result.is_error) or None


def _entity_failed(batch: EntityBatch, problem: str) -> EntityOutcome:
    """All operations fail and the state stays, as after a timeout (``TaskEntityShim``)."""
    result = OperationResult(json.dumps(problem), is_error=True)
    return EntityOutcome(batch.exists, batch.state, (result,) * len(batch.operations))


def _done(result: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(result)
    return future


def _or_else(future: Future[T], failed: Callable[[BaseException], T]) -> Future[T]:
    """The same result, or what ``failed`` makes of the error."""

    def settled(done: Future[T]) -> T:
        error = RuntimeError("the host is shutting down") if done.cancelled() else done.exception()
        return done.result() if error is None else failed(error)

    return _then(future, settled)


def _then(future: Future[Any], settled: Callable[[Future[Any]], T]) -> Future[T]:
    """What ``settled`` makes of a future that is done."""
    result: Future[T] = Future()

    def settle(done: Future[Any]) -> None:
        try:
            result.set_result(settled(done))
        except Exception as error:  # noqa: BLE001  the bridge's fault, which fails the work item
            result.set_exception(error)

    future.add_done_callback(settle)
    return result
