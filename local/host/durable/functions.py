"""The app's durable functions as an engine calls them."""

import json
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from local.host.bindings import DurableLinks, bind_activity
from local.host.converters import converter_of
from local.host.durable import http_activity
from local.host.durable.engine import UnknownFunctionError
from local.host.durable.entity_id import split_entity_id
from local.host.durable.replay import HTTP_ACTIVITY, ReplayOptions, replay
from local.host.durable.work import (
    ActivityCall,
    ActivityOutcome,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
    Failed,
    OperationResult,
)
from local.host.index import Function
from local.host.worker import Worker

T = TypeVar("T")


class DurableFunctions:
    """The orchestrators, activities and entities of an app."""

    def __init__(
        self,
        functions: Iterable[Function],
        worker: Worker,
        links: DurableLinks,
        options: ReplayOptions,
    ) -> None:
        functions = [function for function in functions if function.error is None]
        self._orchestrators = _by_name(functions, "orchestrationTrigger", "orchestration")
        self._activities = _by_name(functions, "activityTrigger", "activity")
        self._entities = _by_name(functions, "entityTrigger", "entityName")
        self._worker = worker
        self._links = links
        self._options = options

    def has_orchestrator(self, name: str) -> bool:
        return name.lower() in self._orchestrators

    def has_entity(self, name: str) -> bool:
        return name.lower() in self._entities

    def run_orchestrator(self, episode: Episode) -> Future[EpisodeOutcome]:
        function = self._orchestrators.get(episode.name.lower())
        if function is None:
            problem = str(UnknownFunctionError(episode.name, "orchestrator"))
            return _done(EpisodeOutcome(ending=Failed(problem, "")))
        future = self._worker.run(
            function.name,
            lambda: replay(function.call, episode, self._options),
            note=f"Instance={episode.instance_id}",
            failure_of=lambda outcome: (
                outcome.ending.reason if isinstance(outcome.ending, Failed) else None
            ),
        )
        return _or_else(future, lambda error: _orchestrator_failed(episode.name, error))

    def run_activity(self, call: ActivityCall) -> Future[ActivityOutcome]:
        note = f"Instance={call.instance_id}"
        if call.name == HTTP_ACTIVITY:
            return self._run_http_activity(call, note)
        function = self._activities.get(call.name.lower())
        if function is None:
            problem = str(UnknownFunctionError(call.name, "activity"))
            return _done(ActivityOutcome(failure=Failed(problem, "")))
        future = self._worker.call(
            function, lambda: bind_activity(function, self._links, call.input), _encode_result, note
        )
        return _or_else(future, lambda error: _activity_failed(call.name, error))

    def run_entity(self, batch: EntityBatch) -> Future[EntityOutcome]:
        name, key = split_entity_id(batch.entity_id)
        function = self._entities.get(name.lower())
        if function is None:
            return _done(_entity_failed(batch, str(UnknownFunctionError(name, "entity"))))
        call = function.call
        future = self._worker.run(
            function.name,
            lambda: _run_entity(call, name, key, batch),
            note=f"Entity={batch.entity_id}",
            failure_of=_operation_errors,
        )
        return _or_else(
            future, lambda error: _entity_failed(batch, f"{type(error).__name__}: {error}")
        )

    def _run_http_activity(self, call: ActivityCall, note: str) -> Future[ActivityOutcome]:
        future = self._worker.run(
            HTTP_ACTIVITY,
            lambda: ActivityOutcome(result=http_activity.send(call.input or "null")),
            note,
        )
        # TaskHttpActivityShim reports the bare message.
        return _or_else(
            future, lambda error: ActivityOutcome(failure=Failed(str(error), _trace(error)))
        )


def _by_name(functions: Iterable[Function], trigger: str, override: str) -> dict[str, Function]:
    """Durable functions by the name that they are called by, in lower case."""
    return {
        str(function.trigger.properties.get(override) or function.name).lower(): function
        for function in functions
        if function.trigger.type == trigger
    }


def _encode_result(result: Any) -> ActivityOutcome:
    encoded = converter_of("activityTrigger").encode(result, expected_type=None)
    return ActivityOutcome(result=encoded.value)


def _activity_failed(name: str, error: BaseException) -> ActivityOutcome:
    # Two spaces: the extension cuts the message out of the worker's text after "Exception:"
    # (OutOfProcExceptionHelpers, TaskActivityShim).
    reason = f"Activity function '{name}' failed:  {type(error).__name__}: {error}"
    return ActivityOutcome(failure=Failed(reason, _trace(error)))


def _orchestrator_failed(name: str, error: BaseException) -> EpisodeOutcome:
    reason = f"Orchestrator function '{name}' failed: {type(error).__name__}: {error}"
    return EpisodeOutcome(ending=Failed(reason, _trace(error)))


def _run_entity(
    handle: Callable[[str], str], name: str, key: str, batch: EntityBatch
) -> EntityOutcome:
    """Call an entity as the extension does (2.7 of the protocol)."""
    answer = json.loads(
        handle(
            json.dumps(
                {
                    "self": {"name": name, "key": key},
                    "exists": batch.state is not None,
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
        answer["entityState"] if answer["entityExists"] else None,
        tuple(OperationResult(item["result"], item["isError"]) for item in answer["results"]),
    )


def _operation_errors(outcome: EntityOutcome) -> str | None:
    return "; ".join(result.result for result in outcome.results if result.is_error) or None


def _entity_failed(batch: EntityBatch, problem: str) -> EntityOutcome:
    """All operations fail and the state stays, as after a timeout (``TaskEntityShim``)."""
    result = OperationResult(json.dumps(problem), is_error=True)
    return EntityOutcome(batch.state, (result,) * len(batch.operations))


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _done(result: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(result)
    return future


def _or_else(future: Future[T], failed: Callable[[BaseException], T]) -> Future[T]:
    """The same result, or what ``failed`` makes of the error."""
    result: Future[T] = Future()

    def settle(done: Future[T]) -> None:
        error = RuntimeError("the host is shutting down") if done.cancelled() else done.exception()
        result.set_result(done.result() if error is None else failed(error))

    future.add_done_callback(settle)
    return result
