"""Runs one episode of an orchestrator: the SDK's answer, and what follows from it.

Protocol: SDK 1.7.0 ``Orchestrator``, ``TaskOrchestrationExecutor``, schema V3. What the extension
makes of the answer: ``extension``.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from dateutil import tz  # type: ignore[import-untyped]

from . import failures
from .extension import Answer, Extension, KnownFunctions
from .work import Episode, EpisodeOutcome

_MARKER = "\n\n$OutOfProcData$:"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """host.json as far as an orchestrator can see it."""

    split_long_timers: bool = True
    """Azure Storage allows timers of six days; the SDK makes longer ones out of pieces."""


def replay(
    handle: Callable[[str], str], episode: Episode, options: ReplayOptions, known: KnownFunctions
) -> EpisodeOutcome:
    """Run the orchestrator behind an SDK ``handle`` over the episode's history.

    Never raises what user code raises: that is a ``Failed`` ending.
    """
    try:
        answer, trouble = _read(json.loads(_ask(handle, _context_json(episode, options)))), None
    except Exception as error:  # noqa: BLE001  user code may raise anything; the SDK wraps it
        answer, trouble = _read_failure(error), _trace(error)
    return replace(carry_out(episode, answer, known), trouble=trouble)


def carry_out(episode: Episode, answer: Answer, known: KnownFunctions) -> EpisodeOutcome:
    """What follows from an orchestrator's answer to an episode."""
    extension = Extension(episode, answer, known)
    extension.replay([*map(json.loads, episode.past), *episode.new])
    return EpisodeOutcome(extension.decisions(), extension.ending(), extension.custom_status())


def _ask(handle: Callable[[str], str], context: str) -> str:
    return handle(context)


def _read(state: dict[str, Any]) -> Answer:
    """An ``OrchestratorState`` (2.3 of the protocol)."""
    return Answer(
        actions=tuple(state["actions"][0]),
        is_done=state["isDone"],
        output=_text(state, "output"),
        custom_status=_text(state, "customStatus"),
        error=state.get("error"),
    )


def _text(state: dict[str, Any], name: str) -> str | None:
    # a number that is none stays one here, as .NET reads and writes it
    value = state.get(name)
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read_failure(error: Exception) -> Answer:
    """What an exception of the SDK says: the actions before it count, if they can be read."""
    text = str(error)
    if _MARKER in text:
        answer = _read(json.loads(text.split(_MARKER, 1)[1]))
        if not answer.is_done:
            return answer
    # An orchestrator that has returned what is no JSON is such a case: its actions are lost.
    return Answer(fault=failures.invocation_failed(failures.rpc_text(error)))


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


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error.__cause__ or error))


def speed_up_replay() -> None:
    """Let the SDK read our timestamps with ``fromisoformat``: dateutil dominates long replays.

    Only this host does it; on Azure the SDK's own parser runs.
    """
    # The package exports a class under the module's name, hence the detour.
    module = sys.modules["azure.durable_functions.models.history.HistoryEvent"]
    module.dt_parse = _parse_timestamp  # type: ignore[attr-defined]


@lru_cache(maxsize=4096)
def _parse_timestamp(text: str) -> datetime:
    # dateutil takes UTC for the local time zone wherever that is called so, as in a container
    zone = tz.tzlocal() if "UTC" in time.tzname else tz.tzutc()
    return datetime.fromisoformat(text).replace(tzinfo=zone)
