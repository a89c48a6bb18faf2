"""What is in flight when a new version is deployed goes on: recorded instances of a release are put
into the host's task hub as they stood after each episode, and today's orchestrator finishes them.

Activities answer what they answered then; what today's code calls, and in which order, is compared
with what the recorded history goes on with.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from local.host.durable.engine import Instance, RuntimeStatus
from local.host.testing import TimeTravel
from orchestrators.generate_video import generate_video
from orchestrators.run_batch import run_batch

HISTORIES = Path(__file__).resolve().parents[1] / "histories"
SCHEDULED, TASK_COMPLETED, TIMER_CREATED, TIMER_FIRED, COMPLETED = 4, 5, 10, 11, 13

pytestmark = [
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
    pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning"),
]


def generations() -> list[Any]:
    """The generations in which a video or a batch came to its end."""
    found = []
    for path in sorted(HISTORIES.glob("*/*.json")):
        for context in json.loads(path.read_text())["contexts"]:
            results = (event.get("Result") or "{}" for event in context["history"])
            if any(json.loads(result).get("outcome") == "done" for result in results):
                found += [pytest.param(context, id=f"{path.parent.name}/{path.stem}")]
    return found


class Stubs:
    """The activities, answering from what was recorded after the cut, by name and in order."""

    def __init__(self, events: list[dict[str, Any]], cut: int) -> None:
        names = {e["EventId"]: e["Name"] for e in events if e["EventType"] == SCHEDULED}
        self.answers: dict[str, deque[Any]] = {name: deque() for name in names.values()}
        for event in events[cut:]:
            if event["EventType"] == TASK_COMPLETED:
                name = names[event["TaskScheduledId"]]
                self.answers[name].append(json.loads(event["Result"]))
        self.called: list[str] = []
        self._lock = threading.Lock()

    def builders(self) -> list[Any]:
        bp = df.Blueprint()
        return [bp.activity_trigger(input_name="step")(self._stub(name)) for name in self.answers]

    def _stub(self, name: str) -> Callable[[Any], Any]:
        def activity(step: Any) -> Any:
            with self._lock:
                self.called.append(name)
                return self.answers[name].popleft()

        activity.__name__ = name
        return activity


def put_in_flight(hub: TimeTravel, context: dict[str, Any], cut: int) -> None:
    """The instance as the task hub held it: its history, and what is owed to it."""
    events = context["history"][:cut]
    execution = events[1]["OrchestrationInstance"]["ExecutionId"]
    instance, started = context["instanceId"], events[0]["Timestamp"]
    store: Any = hub.engine._store
    with store.transaction():
        store.put_instance(
            Instance(
                instance_id=instance,
                execution_id=execution,
                name=events[1]["Name"],
                version="",
                status=RuntimeStatus.RUNNING,
                input=json.dumps(context["input"]),
                output=None,
                custom_status=None,
                created_at=started,
                updated_at=started,
            )
        )
        store.append_history(instance, 0, [json.dumps(event) for event in events])
        done = {e["TaskScheduledId"] for e in events if e["EventType"] == TASK_COMPLETED}
        fired = {e["TimerId"] for e in events if e["EventType"] == TIMER_FIRED}
        for event in events:
            number = event["EventId"]
            if event["EventType"] == SCHEDULED and number not in done:
                store.put_activity(instance, execution, number, event["Name"], event["Input"])
            if event["EventType"] == TIMER_CREATED and number not in fired:
                store.put_timer(instance, execution, number, event["FireAt"])


@pytest.mark.parametrize("context", generations())
def test_an_instance_of_a_release_is_finished_by_todays_code(context: dict[str, Any]) -> None:
    events = context["history"]
    cuts = [at + 1 for at, event in enumerate(events) if event["EventType"] == COMPLETED]
    assert cuts
    for cut in cuts:
        stubs = Stubs(events, cut)
        hub = TimeTravel([generate_video, run_batch, *stubs.builders()])  # type: ignore[list-item]
        put_in_flight(hub, context, cut)
        with warnings.catch_warnings(), hub:
            hub.settle()
            instance = hub.finish(context["instanceId"])
        assert instance.status is RuntimeStatus.COMPLETED, instance.output
        assert json.loads(instance.output or "null") == "done"
        assert not any(stubs.answers.values()), "something was decided otherwise"
        later = [e["Name"] for e in events[cut:] if e["EventType"] == SCHEDULED]
        assert [name for name in stubs.called if name in later][-len(later) :] == later


def test_there_is_something_in_flight() -> None:
    assert len(generations()) >= 6
