"""Runs one episode of an orchestrator through the SDK and says what follows from it.

Protocol: SDK 1.7.0 ``Orchestrator.create``/``TaskOrchestrationExecutor``, schema V3. Meaning of
the answer: extension ``OutOfProcOrchestrationShim``, ``TaskOrchestrationShim``,
``OutOfProcExceptionHelpers``.
"""

import json
import logging
import traceback
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from azure.durable_functions.models.actions.CallActivityAction import CallActivityAction
from azure.durable_functions.models.actions.CallActivityWithRetryAction import (
    CallActivityWithRetryAction,
)
from azure.durable_functions.models.actions.CallEntityAction import CallEntityAction
from azure.durable_functions.models.actions.CallHttpAction import CallHttpAction
from azure.durable_functions.models.actions.CallSubOrchestratorAction import (
    CallSubOrchestratorAction,
)
from azure.durable_functions.models.actions.CallSubOrchestratorWithRetryAction import (
    CallSubOrchestratorWithRetryAction,
)
from azure.durable_functions.models.actions.ContinueAsNewAction import ContinueAsNewAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.SignalEntityAction import SignalEntityAction
from azure.durable_functions.orchestrator import Orchestrator

from local.host.durable.awaiting import Awaiting, Facts
from local.host.durable.history import EventType, HistoryEvent
from local.host.durable.recording import Recorded, RecordingContext
from local.host.durable.work import (
    Completed,
    ContinuedAsNew,
    CreateTimer,
    Decision,
    Ending,
    Episode,
    EpisodeOutcome,
    Failed,
    ScheduleActivity,
    SendToEntity,
    StartChild,
)

_log = logging.getLogger("host.durable")

HTTP_ACTIVITY = "BuiltIn::HttpActivity"
"""The activity behind ``call_http`` (extension ``HttpOptions``)."""

MAX_CUSTOM_STATUS_BYTES = 16 * 1024
"""UTF-16, extension ``DurableOrchestrationContext.SetCustomStatus``."""

_MARKER = "\n\n$OutOfProcData$:"
_DECIDED = {
    CreateTimer: EventType.TimerCreated,
    ScheduleActivity: EventType.TaskScheduled,
    SendToEntity: EventType.EventSent,
    StartChild: EventType.SubOrchestrationInstanceCreated,
}


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """host.json as far as an orchestrator can see it."""

    split_long_timers: bool = True
    """Azure Storage allows timers of six days; the SDK makes longer ones out of pieces."""


def replay(handle: Callable[..., Any], episode: Episode, options: ReplayOptions) -> EpisodeOutcome:
    """Run the orchestrator behind an SDK ``handle`` over the episode's history.

    Never raises what user code raises: that is a ``Failed`` ending.
    """
    context: RecordingContext = RecordingContext.from_json(_context_json(episode, options))
    # As Orchestrator.create does it: the decorator's input_type.
    setattr(context, "_input_expected_type", getattr(handle, "_df_input_type", None))  # noqa: B010
    orchestrator = Orchestrator(handle.orchestrator_function)  # type: ignore[attr-defined]
    trace = ""
    try:
        state = json.loads(orchestrator.handle(context))
    except Exception as error:  # noqa: BLE001  user code may raise anything; the SDK wraps it
        text = str(error)
        if _MARKER not in text:
            return EpisodeOutcome(ending=_failed(episode, text or repr(error), _trace(error)))
        # The actions before the failure count: a signal sent before a raise is delivered.
        state = json.loads(text.split(_MARKER, 1)[1])
        trace = _trace(error.__cause__ or error)
    return _Reading(episode, context, state, trace).outcome()


class _Reading:
    """What one run of the orchestrator means."""

    def __init__(
        self,
        episode: Episode,
        context: RecordingContext,
        state: dict[str, Any],
        trace: str,
    ) -> None:
        self._episode = episode
        self._context = context
        self._state = state
        self._trace = trace
        self._facts = Facts.of(context)

    def outcome(self) -> EpisodeOutcome:
        decisions = {
            sequence: decision
            for sequence, recorded in self._context.recorded.items()
            if (decision := self._decision(sequence, recorded)) is not None
        }
        if problem := self._non_determinism(decisions):
            reason = f"Non-Deterministic workflow detected: {problem}"
            return EpisodeOutcome(ending=Failed(reason, ""))

        custom_status = None
        if "customStatus" in self._state:
            custom_status = json.dumps(self._state["customStatus"])
            size = len(custom_status.encode("utf-16-le"))
            if size > MAX_CUSTOM_STATUS_BYTES:
                problem = (
                    "The UTF-16 size of the JSON-serialized payload must not exceed 16 KB. The"
                    f" current payload size is {size // 1024} KB."
                )
                return EpisodeOutcome(ending=_failed(self._episode, problem, ""))

        request_ids = {
            sequence: decision.request_id
            for sequence, decision in decisions.items()
            if isinstance(decision, SendToEntity)
        }
        awaiting = Awaiting(self._context, self._facts, request_ids)
        new = sorted(awaiting.reached & decisions.keys() - self._facts.scheduled.keys())
        self._warn_of_other_numbers(new, decisions.keys() - awaiting.reached)
        may_end = not awaiting.is_held_up and not awaiting.has_open_tasks()
        return EpisodeOutcome(
            tuple(decisions[sequence] for sequence in new),
            self._ending(awaiting.position) if may_end else None,
            custom_status,
        )

    def _warn_of_other_numbers(self, new: Sequence[int], held_back: Iterable[int]) -> None:
        """The extension counts for itself, and what it comes to later gets a later number."""
        if new and min(held_back, default=new[-1]) < new[-1]:
            _log.warning(
                "On Azure, '%s' (instance '%s') would mix up its tasks: one was yielded while a"
                " retry of an earlier task_all or task_any is still going on"
                " (azure-functions-durable-python#603)",
                self._episode.name,
                self._episode.instance_id,
            )

    def _decision(self, sequence: int, recorded: Recorded) -> Decision | None:
        """What a recorded action asks of the engine; None for continue-as-new.

        Inputs are JSON text already. Activities get it as it is; what instances and entities get
        is stored as a JSON string again, as the extension does (2.3 of the protocol).
        """
        match recorded.action:
            case CallActivityAction() | CallActivityWithRetryAction() as action:
                return ScheduleActivity(sequence, action.function_name, action.input_)
            case CallHttpAction() as action:
                request = json.dumps(action.http_request.to_json())
                return ScheduleActivity(sequence, HTTP_ACTIVITY, request)
            case CallSubOrchestratorAction() | CallSubOrchestratorWithRetryAction() as action:
                return StartChild(
                    sequence,
                    action.function_name,
                    action.instance_id or f"{self._episode.execution_id}:{sequence}",
                    json.dumps(action._input),
                    action.version,
                )
            case CreateTimerAction() as action:
                # The wire format drops the offset: a time in another zone fires hours off.
                return CreateTimer(sequence, action.fire_at.replace(tzinfo=UTC))
            case CallEntityAction() | SignalEntityAction() as action:
                seed = f"{self._episode.execution_id}:{sequence}"
                return SendToEntity(
                    sequence,
                    action.instance_id,
                    action.operation,
                    json.dumps(action.input_),
                    str(uuid.uuid5(uuid.NAMESPACE_OID, seed)),
                    is_signal=isinstance(action, SignalEntityAction),
                )
        return None

    def _non_determinism(self, decisions: dict[int, Decision]) -> str | None:
        """Where the history tells another story than this run (DurableTask.Core's check)."""
        for sequence, (kind, name) in self._facts.scheduled.items():
            decision = decisions.get(sequence)
            was = f"{kind.name}{f' of {name!r}' if name else ''} with sequence number {sequence}"
            if decision is None:
                return (
                    f"A previous execution of this orchestration recorded {was}, but the current"
                    " replay execution hasn't (yet?) scheduled this task. Was a change made to the"
                    " orchestrator code after this instance had already started running?"
                )
            decided = _DECIDED[type(decision)]
            decided_name = getattr(decision, "name", None)
            if decided is not kind or (name or "").lower() != (decided_name or "").lower():
                now = f"{decided.name}{f' of {decided_name!r}' if decided_name else ''}"
                return (
                    f"A previous execution of this orchestration recorded {was}, but the current"
                    f" orchestration replay instead produced {now}. Was a change made to the"
                    " orchestrator code after this instance had already started running?"
                )
        return None

    def _ending(self, position: int) -> Ending | None:
        if "error" in self._state:
            # Continue-as-new does nothing for an orchestration that fails afterwards.
            return _failed(self._episode, self._state["error"], self._trace)
        if not self._state["isDone"]:
            return None
        for action in self._context.actions:
            if isinstance(action, ContinueAsNewAction):
                carried = self._events_after(position)
                return ContinuedAsNew(json.dumps(action.input_), carried)
        return Completed(json.dumps(self._state.get("output")))

    def _events_after(self, position: int) -> tuple[HistoryEvent, ...]:
        """External events that came after the extension had called continue-as-new.

        Those that came before it and nobody waited for are dropped: the shim's
        ``preserveUnprocessedEvents`` is false and 1.7's ``continue_as_new`` cannot change that.
        """
        past, new = self._episode.past, self._episode.new
        events = [json.loads(text) for text in past[position + 1 :]]
        events += new[max(position + 1 - len(past), 0) :]
        return tuple(
            {**event, "IsPlayed": False}
            for event in events
            if event["EventType"] == EventType.EventRaised
        )


def _context_json(episode: Episode, options: ReplayOptions) -> str:
    """The orchestrationTrigger's input (2.1 of the protocol)."""
    events = [*episode.past, *(json.dumps(event) for event in episode.new)]
    context = {
        "instanceId": episode.instance_id,
        "isReplaying": bool(episode.past),
        "parentInstanceId": episode.parent_instance_id,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": "3.00:00:00" if options.split_long_timers else None,
        "maximumShortTimerDuration": "6.00:00:00" if options.split_long_timers else None,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }
    return (
        f'{{"history":[{",".join(events)}],"input":{episode.input or "null"},'
        f"{json.dumps(context)[1:]}"
    )


def _failed(episode: Episode, message: str, trace: str) -> Failed:
    return Failed(
        f"Orchestrator function '{episode.name}' failed: {message}",
        f"Message: {message}, StackTrace: {trace}",
    )


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
