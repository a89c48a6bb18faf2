"""What the Durable extension makes of an orchestrator's answer.

The SDK tells all actions of a generation, in the order in which user code yielded them. The
extension replays them over the history, one after the other, and gives each the next number when it
comes to it (``OutOfProcOrchestrationShim.ProcessAsyncActionsV2``, ``DurableOrchestrationContext``;
DurableTask.Core ``TaskOrchestrationExecutor``, ``TaskOrchestrationContext``, ``RetryInterceptor``).
The SDK counts for itself, and runs ahead:

* the extension awaits each action before it looks at the next, a ``task_all`` until all its
  children have ended, even after one has failed;
* each external event completes one wait, the latest of its name, or is kept for the next, though
  the SDK lets one early event satisfy every later wait;
* what cannot be called is never scheduled, gets no number and hangs whoever awaits it;
* an orchestration does not end, fail or continue as new while activities, sub-orchestrations or
  uncancelled timers are open.

Where the two count differently, results reach the wrong task, on Azure and here
(azure-functions-durable-python#603).
"""

import json
import uuid
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Protocol

from . import tasks
from .determinism import NonDeterminismError, check
from .failures import (
    non_deterministic,
    orchestrator_raised,
    orchestrator_threw,
)
from .history import EventType, HistoryEvent
from .tasks import Steps, Task
from .work import (
    Completed,
    ContinuedAsNew,
    CreateTimer,
    Decision,
    Ending,
    Episode,
    Failed,
    ScheduleActivity,
    SendToEntity,
    StartChild,
)

HTTP_ACTIVITY = "BuiltIn::HttpActivity"
"""The activity behind ``call_http`` (extension ``HttpOptions``)."""

MAX_CUSTOM_STATUS_BYTES = 16 * 1024
"""UTF-16, extension ``DurableOrchestrationContext.SetCustomStatus``."""

_HTTP_POLL_SECONDS = 30  # extension ``HttpOptions.DefaultAsyncRequestSleepTimeMilliseconds``


class ActionType(IntEnum):
    """Extension ``AsyncActionType``."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What an orchestrator's invocation gave."""

    actions: tuple[dict[str, Any], ...] = ()
    is_done: bool = False
    output: str | None = None
    """JSON text."""
    custom_status: str | None = None
    """JSON text."""
    error: str | None = None
    """What user code raised after these actions."""
    fault: str | None = None
    """Why the invocation failed as a whole, so that nothing is known of its actions."""


class KnownFunctions(Protocol):
    """What can be called. Each answers why not, None if it can."""

    def no_activity(self, name: str) -> str | None: ...

    def no_orchestrator(self, name: str) -> str | None: ...

    def no_entity(self, name: str) -> str | None: ...


class _CallError(Exception):
    """The extension throws before anything is scheduled."""


class Extension:
    """One replay: an answer, then the history, event by event."""

    def __init__(self, episode: Episode, answer: Answer, known: KnownFunctions) -> None:
        self._episode = episode
        self._answer = answer
        self._known = known
        self._now = datetime.min.replace(tzinfo=UTC)
        self._next_number = 0
        self._decided: dict[int, Decision] = {}
        """By number: what the history does not hold yet."""
        self._open: dict[int, Task] = {}
        self._results: dict[int, str | None] = {}
        self._listening: dict[str, list[Task]] = defaultdict(list)
        self._kept: dict[str, deque[None]] = defaultdict(deque)
        self._continued: str | None = None
        self._carried: list[HistoryEvent] = []
        self._run: Task | None = None
        self._non_determinism: Failed | None = None

    def replay(self, events: Iterable[HistoryEvent]) -> None:
        """Go through the whole history, what is new included."""
        try:
            for event in events:
                self._process(event)
        except NonDeterminismError as error:
            self._non_determinism = non_deterministic(str(error))

    def decisions(self) -> tuple[Decision, ...]:
        """What is newly asked for, by number."""
        return tuple(self._decided[number] for number in sorted(self._decided))

    def ending(self) -> Ending | None:
        """How the generation ends, None if it goes on."""
        if self._non_determinism is not None:
            return self._non_determinism
        if self._run is None or not self._run.is_done or self._open:
            return None
        if self._run.error is not None:
            # Continue-as-new does nothing for an orchestration that fails.
            assert isinstance(self._run.error, _Failure)
            return self._run.error.failed
        if self._continued is not None:
            return ContinuedAsNew(self._continued, tuple(self._carried))
        return Completed(self._answer.output)

    def custom_status(self) -> str | None:
        return None if self._status_size_error() else self._answer.custom_status

    # the history

    def _process(self, event: HistoryEvent) -> None:
        match event["EventType"]:
            case EventType.OrchestratorStarted:
                self._now = datetime.fromisoformat(event["Timestamp"])
            case EventType.ExecutionStarted:
                self._run = tasks.start(self._replay_actions())
            case (
                EventType.TaskScheduled
                | EventType.TimerCreated
                | EventType.SubOrchestrationInstanceCreated
                | EventType.EventSent
            ):
                check(event, self._decided.get(event["EventId"]))
                del self._decided[event["EventId"]]
            case EventType.TaskCompleted | EventType.SubOrchestrationInstanceCompleted:
                self._results[event["TaskScheduledId"]] = event["Result"]
                self._complete(event["TaskScheduledId"])
            case EventType.TaskFailed | EventType.SubOrchestrationInstanceFailed:
                self._complete(event["TaskScheduledId"], _CallError(event["Reason"]))
            case EventType.TimerFired:
                self._complete(event["TimerId"])
            case EventType.EventRaised:
                if self._continued is None:
                    self._raise_event(event["Name"])
                else:
                    # Those that nobody had waited for before are dropped: the extension's
                    # ``preserveUnprocessedEvents`` is false, and the SDK 1.7 cannot change that.
                    self._carried.append({**event, "IsPlayed": False})

    def _complete(self, number: int, error: Exception | None = None) -> None:
        task = self._open.pop(number, None)
        if task is not None:  # else it comes twice, or late
            task.complete(error)

    def _raise_event(self, name: str) -> None:
        waits = self._listening[name.lower()]
        if waits:
            waits.pop().complete()
        else:
            self._kept[name.lower()].append(None)

    # the actions

    def _replay_actions(self) -> Steps:
        name, answer = self._episode.name, self._answer
        problem = answer.fault or self._status_size_error()
        if problem:
            raise _Failure(orchestrator_threw(name, problem))
        for action in answer.actions:
            try:
                task = self._invoke(action)
            except _CallError as error:
                raise _Failure(orchestrator_threw(name, str(error))) from error
            yield task  # its error is the SDK's business
        if answer.error is not None:
            raise _Failure(orchestrator_raised(name, answer.error))
        if not answer.is_done:
            yield Task()  # for ever

    def _status_size_error(self) -> str | None:
        size = len((self._answer.custom_status or "").encode("utf-16-le"))
        if size <= MAX_CUSTOM_STATUS_BYTES:
            return None
        return (
            "The UTF-16 size of the JSON-serialized payload must not exceed 16 KB. The current"
            f" payload size is {size // 1024} KB."
        )

    def _invoke(self, action: dict[str, Any]) -> Task:
        """Begin an action. Raises ``_CallError`` for what is not even a task."""
        match action["actionType"]:
            case ActionType.CALL_ACTIVITY:
                return tasks.start(self._call_activity(action["functionName"], action["input"]))
            case ActionType.CALL_ACTIVITY_WITH_RETRY | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
                return tasks.start(self._call_with_retry(action))
            case ActionType.CALL_SUB_ORCHESTRATOR:
                return tasks.start(self._call_child(action))
            case ActionType.CALL_HTTP:
                return tasks.start(self._call_http(action["httpRequest"]))
            case ActionType.CREATE_TIMER:
                return self._timer(_moment(action["fireAt"]), is_cancelled=action["isCanceled"])
            case ActionType.WAIT_FOR_EXTERNAL_EVENT:
                return self._wait(action["externalEventName"])
            case ActionType.CALL_ENTITY:
                return tasks.start(self._call_entity(action))
            case ActionType.SIGNAL_ENTITY:
                self._send(action, is_signal=True)
                return tasks.done()
            case ActionType.CONTINUE_AS_NEW:
                self._continued = json.dumps(action["input"])
                return tasks.done()
            case ActionType.WHEN_ALL:
                return tasks.when_all([self._invoke(each) for each in action["compoundActions"]])
            case ActionType.WHEN_ANY:
                try:
                    return tasks.when_any(
                        [self._invoke(each) for each in action["compoundActions"]]
                    )
                except ValueError as error:
                    raise _CallError(str(error)) from error
        raise _CallError(f"unexpected action type: '{action['actionType']}'")

    def _call_activity(self, name: str, data: str | None) -> Steps:
        if problem := self._known.no_activity(name):
            raise _CallError(problem)
        yield from _result_of(self._schedule(name, data))

    def _schedule(self, name: str, data: str | None) -> Task:
        number = self._number()
        self._decided[number] = ScheduleActivity(number, name, data)
        return self._opened(number)

    def _call_child(self, action: dict[str, Any]) -> Steps:
        self._check_child(action)
        yield from _result_of(self._start_child(action))

    def _check_child(self, action: dict[str, Any]) -> None:
        instance_id = (action.get("instanceId") or "").lower()
        episode = self._episode
        if problem := self._known.no_orchestrator(action["functionName"]):
            raise _CallError(problem)
        ancestors = (episode.instance_id, episode.parent_instance_id)
        if instance_id in [ancestor.lower() for ancestor in ancestors if ancestor]:
            raise _CallError(
                "The instance ID of a sub-orchestration must be different than the instance ID of"
                " a parent orchestration."
            )
        if instance_id.startswith("@"):
            raise _CallError("Orchestration instance ids must not start with @")

    def _start_child(self, action: dict[str, Any]) -> Task:
        number = self._number()
        self._decided[number] = StartChild(
            number,
            action["functionName"],
            action.get("instanceId") or f"{self._episode.execution_id}:{number}",
            json.dumps(action["input"]),
            action.get("version"),
        )
        return self._opened(number)

    def _call_with_retry(self, action: dict[str, Any]) -> Steps:
        is_activity = action["actionType"] == ActionType.CALL_ACTIVITY_WITH_RETRY
        if not is_activity:
            self._check_child(action)
        elif problem := self._known.no_activity(action["functionName"]):
            raise _CallError(problem)
        options = action["retryOptions"]
        most = options["maxNumberOfAttempts"]
        pause = timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"])
        for attempt in range(1, most + 1):
            if is_activity:
                task = self._schedule(action["functionName"], action["input"])
            else:
                task = self._start_child(action)
            yield task
            if task.error is None:
                return
            # There is a timer after the last attempt too, which fires at once.
            yield self._timer(self._now + (pause if attempt < most else timedelta(0)))
            if attempt == most:
                raise task.error

    def _call_http(self, request: dict[str, Any]) -> Steps:
        """A 202 is followed until it is another status; the SDK knows of the first answer only."""
        while True:
            number = self._next_number
            yield from _result_of(self._schedule(HTTP_ACTIVITY, json.dumps(request)))
            response = json.loads(self._results[number] or "{}")
            if response.get("statusCode") != 202:
                return
            answered = {k.lower(): v for k, v in (response.get("headers") or {}).items()}
            pause = int(answered.get("retry-after", _HTTP_POLL_SECONDS))
            yield self._timer(self._now + timedelta(seconds=pause))
            if "location" not in answered:
                return
            headers = request.get("headers") or {}
            request = {
                **request,
                "method": "GET",
                "uri": answered["location"],
                "content": None,
                "headers": {k: v for k, v in headers.items() if k.lower() != "x-functions-key"},
            }

    def _timer(self, fire_at: datetime, *, is_cancelled: bool = False) -> Task:
        number = self._number()
        self._decided[number] = CreateTimer(number, fire_at)
        task = self._opened(number)
        if is_cancelled:
            self._complete(number, _CallError("A task was canceled."))
        return task

    def _wait(self, name: str) -> Task:
        task = Task()
        self._listening[name.lower()].append(task)
        kept = self._kept[name.lower()]
        if kept:
            kept.popleft()
            self._raise_event(name)
        return task

    def _call_entity(self, action: dict[str, Any]) -> Steps:
        yield self._wait(self._send(action, is_signal=False))

    def _send(self, action: dict[str, Any], *, is_signal: bool) -> str:
        """Send a request to an entity; its id, after which the reply is called."""
        entity_id = action["instanceId"]
        if problem := self._known.no_entity(entity_id.removeprefix("@").partition("@")[0]):
            raise _CallError(problem)
        number = self._number()
        seed = f"{self._episode.execution_id}:{number}"
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, seed))
        self._decided[number] = SendToEntity(
            number,
            entity_id,
            action["operation"],
            json.dumps(action["input"]),
            request_id,
            is_signal=is_signal,
        )
        return request_id

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number - 1

    def _opened(self, number: int) -> Task:
        self._open[number] = Task()
        return self._open[number]


class _Failure(Exception):
    """Ends the run."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.reason)
        self.failed = failed


def _result_of(task: Task) -> Steps:
    yield task
    if task.error is not None:
        raise task.error


def _moment(text: str) -> datetime:
    """The wire format drops a time's offset: one in another zone fires hours off."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
