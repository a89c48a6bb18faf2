"""What each rule of translation leaves in the history, against reviewed files in ``golden/``.

Time stands still in these tests, so histories are the same every time. ``UPDATE_GOLDEN=1`` writes
the files anew: read the difference before you keep it.
"""

import json
import os
import re
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from ..durable.engine import RuntimeStatus
from ..testing import TimeTravel
from .functions import Functions

GOLDEN = Path(__file__).parent / "golden"

Orchestration = Generator[Any, Any, Any]

# The SDK says so of every event that comes before it is awaited, and of every untyped result.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
    pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning"),
]

FUNCTIONS = Functions()
orchestrator, activity = FUNCTIONS.orchestrator, FUNCTIONS.activity
entity, register = FUNCTIONS.entity, FUNCTIONS.register


def first_line(error: Exception) -> str:
    """Without stack traces."""
    return str(error).splitlines()[0].strip()


@activity
def echo(value: Any) -> Any:
    return value


@activity
def fail(value: Any) -> Any:
    raise ValueError(f"no {value}")


@entity
def counter(context: df.DurableEntityContext) -> None:
    total = context.get_state(int)
    if context.operation_name == "fail":
        raise ValueError("no such operation")
    if context.operation_name == "add":
        context.set_state(total + context.get_input())
    context.set_result(context.get_state(int))


@orchestrator
def activities_in_sequence(context: df.DurableOrchestrationContext) -> Orchestration:
    first = yield context.call_activity("echo", {"n": 1})
    second = yield context.call_activity("echo", [first, "é"])
    return second


@orchestrator
def fan_out_and_in(context: df.DurableOrchestrationContext) -> Orchestration:
    results = yield context.task_all([context.call_activity("echo", n) for n in range(3)])
    return results


@orchestrator
def activity_fails(context: df.DurableOrchestrationContext) -> Orchestration:
    try:
        yield context.call_activity("fail", "luck")
    except Exception as error:  # noqa: BLE001  what the SDK raises
        return first_line(error)


@orchestrator
def orchestrator_fails(context: df.DurableOrchestrationContext) -> Orchestration:
    context.set_custom_status({"stage": "doomed"})
    context.signal_entity(df.EntityId("counter", "failures"), "add", 1)
    yield context.call_activity("echo", 1)
    raise RuntimeError("gone wrong")


@orchestrator
def timer(context: df.DurableOrchestrationContext) -> Orchestration:
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=3))
    return str(context.current_utc_datetime)


@orchestrator
def event_before_timeout(context: df.DurableOrchestrationContext) -> Orchestration:
    timeout: Any = context.create_timer(context.current_utc_datetime + timedelta(hours=72))
    approval = context.wait_for_external_event("approval")
    winner = yield context.task_any([approval, timeout])
    if winner is approval:
        timeout.cancel()
        return approval.result
    return "timeout"


@orchestrator
def retry_exhausted(context: df.DurableOrchestrationContext) -> Orchestration:
    try:
        yield context.call_activity_with_retry("fail", df.RetryOptions(5000, 2), "luck")
    except Exception:  # noqa: BLE001  what the SDK raises
        return str(context.current_utc_datetime)


@orchestrator
def retries_at_once(context: df.DurableOrchestrationContext) -> Orchestration:
    """Their timers and attempts draw numbers in turn."""
    try:
        yield context.task_all(
            [
                context.call_activity_with_retry("fail", df.RetryOptions(1000, 2), "a"),
                context.call_activity_with_retry("fail", df.RetryOptions(3000, 2), "b"),
            ]
        )
    except Exception:  # noqa: BLE001  what the SDK raises
        return (yield context.call_activity("echo", "after"))


@orchestrator
def child(context: df.DurableOrchestrationContext) -> Orchestration:
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=40))
    return context.get_input()


@orchestrator
def sub_orchestration(context: df.DurableOrchestrationContext) -> Orchestration:
    return (yield context.call_sub_orchestrator("child", {"n": 1}, instance_id="the-child"))


@orchestrator
def sub_orchestration_fails(context: df.DurableOrchestrationContext) -> Orchestration:
    try:
        yield context.call_sub_orchestrator("orchestrator_fails", None)
    except Exception as error:  # noqa: BLE001  what the SDK raises
        return first_line(error)


@orchestrator
def entity_call_and_signal(context: df.DurableOrchestrationContext) -> Orchestration:
    entity = df.EntityId("Counter", "k")
    context.signal_entity(entity, "add", 5)
    total = yield context.call_entity(entity, "get")
    try:
        yield context.call_entity(entity, "fail")
    except Exception as error:  # noqa: BLE001  what the SDK raises
        return [total, str(error)]


@orchestrator
def continues_as_new(context: df.DurableOrchestrationContext) -> Orchestration:
    """The first generation cancels a timer whose number the second generation uses again."""
    generation = context.get_input()
    if generation == 2:
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=100))
        return [generation, str(context.current_utc_datetime)]
    stale: Any = context.create_timer(context.current_utc_datetime + timedelta(seconds=30))
    soon = context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
    yield context.task_any([stale, soon])
    stale.cancel()
    context.continue_as_new(2)


@orchestrator
def two_events(context: df.DurableOrchestrationContext) -> Orchestration:
    first = yield context.wait_for_external_event("first")
    yield context.call_activity("echo", first)
    second = yield context.wait_for_external_event("second")
    return [first, second, str(context.current_utc_datetime)]


def test_activities_in_sequence(travel: TimeTravel) -> None:
    instance_id = travel.start("activities_in_sequence")
    assert travel.output(instance_id) == [{"n": 1}, "é"]
    check(travel, instance_id, "activities_in_sequence")


def test_fan_out_and_in(travel: TimeTravel) -> None:
    instance_id = travel.start("fan_out_and_in")
    assert travel.output(instance_id) == [0, 1, 2]
    check(travel, instance_id, "fan_out_and_in", in_any_order=True)


def test_activity_fails(travel: TimeTravel) -> None:
    instance_id = travel.start("activity_fails")
    assert travel.output(instance_id) == "Activity function 'fail' failed: ValueError: no luck"
    check(travel, instance_id, "activity_fails")


def test_orchestrator_fails_after_its_signals_are_sent(travel: TimeTravel) -> None:
    instance_id = travel.start("orchestrator_fails")
    instance = travel.get(instance_id)
    assert instance.status is RuntimeStatus.FAILED
    assert instance.output == "Orchestrator function 'orchestrator_fails' failed: gone wrong"
    assert instance.custom_status == '{"stage":"doomed"}'
    entity = travel.engine.get_entity("@counter@failures").result(timeout=90)
    assert entity is not None
    assert entity.state == "1"
    check(travel, instance_id, "orchestrator_fails")


def test_timer(travel: TimeTravel) -> None:
    instance_id = travel.start("timer")
    travel.advance(timedelta(hours=2, minutes=59, seconds=59))
    assert travel.get(instance_id).status is RuntimeStatus.RUNNING
    travel.advance(timedelta(seconds=1))
    assert travel.output(instance_id) == "2030-01-01 03:00:00+00:00"
    check(travel, instance_id, "timer")


def test_event_before_timeout(travel: TimeTravel) -> None:
    instance_id = travel.start("event_before_timeout")
    travel.advance(timedelta(hours=1))
    travel.raise_event(instance_id, "approval", {"by": "me"})
    assert travel.output(instance_id) == {"by": "me"}
    check(travel, instance_id, "event_before_timeout")


def test_timeout_before_event(travel: TimeTravel) -> None:
    instance_id = travel.start("event_before_timeout")
    assert json.loads(travel.finish(instance_id).output or "") == "timeout"
    assert travel.clock.now() - travel.START == timedelta(hours=72)


def test_retry_sets_a_timer_after_the_last_attempt_too(travel: TimeTravel) -> None:
    instance_id = travel.start("retry_exhausted")
    travel.finish(instance_id)
    # Failed, 5 s, failed, and a timer that is due at once.
    assert travel.output(instance_id) == "2030-01-01 00:00:05+00:00"
    check(travel, instance_id, "retry_exhausted")


def test_retries_at_once_get_each_others_results(travel: TimeTravel) -> None:
    """The SDK and the extension number their attempts differently (durable-python#603).

    By the SDK's count, number 6 is the "echo" of user code, which went on when "a" was exhausted;
    the extension waits for both first, and gave number 6 to the second attempt of "b".
    """
    instance = travel.finish(travel.start("retries_at_once"))
    assert instance.status is RuntimeStatus.FAILED
    assert (instance.output or "").splitlines()[0].endswith("ValueError: no b ")
    assert travel.clock.now() - travel.START == timedelta(seconds=3)
    events = travel.history(instance.instance_id)
    scheduled = {event["EventId"]: event["Input"] for event in events if event["EventType"] == 4}
    assert scheduled == {0: '"a"', 1: '"b"', 4: '"a"', 6: '"b"', 8: '"after"'}


def test_child_of_forty_seconds(travel: TimeTravel) -> None:
    instance_id = travel.start("sub_orchestration")
    travel.finish(instance_id)
    assert travel.output(instance_id) == {"n": 1}
    assert travel.clock.now() - travel.START == timedelta(seconds=40)
    check(travel, instance_id, "sub_orchestration")
    check(travel, "the-child", "sub_orchestration_child")


def test_sub_orchestration_fails(travel: TimeTravel) -> None:
    instance_id = travel.start("sub_orchestration_fails")
    assert travel.output(instance_id) == (
        "Orchestrator function 'orchestrator_fails' failed: gone wrong"
    )
    check(travel, instance_id, "sub_orchestration_fails")


def test_entity_call_and_signal(travel: TimeTravel) -> None:
    instance_id = travel.start("entity_call_and_signal")
    assert travel.output(instance_id) == [5, "no such operation"]
    check(travel, instance_id, "entity_call_and_signal")


def test_continue_as_new_is_deaf_to_the_timers_of_the_generation_before(
    travel: TimeTravel,
) -> None:
    instance_id = travel.start("continues_as_new", 1)
    before = travel.get(instance_id).execution_id
    travel.finish(instance_id)
    assert travel.output(instance_id) == [2, "2030-01-01 00:01:41+00:00"]
    assert travel.get(instance_id).execution_id != before
    check(travel, instance_id, "continues_as_new")


def test_suspended_instance_reads_its_messages_after_resuming(travel: TimeTravel) -> None:
    instance_id = travel.start("two_events")
    travel.engine.suspend(instance_id, "lunch").result(timeout=90)
    travel.settle()
    travel.raise_event(instance_id, "first", 1)
    travel.advance(timedelta(minutes=30))
    travel.raise_event(instance_id, "second", 2)
    suspended = travel.get(instance_id)
    assert suspended.status is RuntimeStatus.SUSPENDED
    assert suspended.output == "lunch"
    assert len(travel.history(instance_id)) == 6  # start, suspension
    travel.advance(timedelta(minutes=30))
    travel.engine.resume(instance_id, "back").result(timeout=90)
    travel.settle()
    assert travel.output(instance_id) == [1, 2, "2030-01-01 01:00:00+00:00"]
    check(travel, instance_id, "suspend_and_resume")


def test_terminate(travel: TimeTravel) -> None:
    instance_id = travel.start("two_events")
    travel.engine.terminate(instance_id, "enough").result(timeout=90)
    travel.settle()
    instance = travel.get(instance_id)
    assert instance.status is RuntimeStatus.TERMINATED
    assert instance.output == "enough"
    check(travel, instance_id, "terminate")


def test_terminate_while_suspended(travel: TimeTravel) -> None:
    instance_id = travel.start("two_events")
    travel.engine.suspend(instance_id, None).result(timeout=90)
    travel.engine.terminate(instance_id, "enough").result(timeout=90)
    travel.settle()
    assert travel.get(instance_id).status is RuntimeStatus.TERMINATED


@pytest.fixture
def travel() -> Any:
    with TimeTravel(FUNCTIONS.builders) as travel:
        yield travel


def check(travel: TimeTravel, instance_id: str, name: str, *, in_any_order: bool = False) -> None:
    """Compare a history with its golden file."""
    events = normalized(travel.history(instance_id))
    if in_any_order:
        # Nor is it settled which results arrive together.
        events = [event for event in events if event["EventType"] not in (12, 13)]
        events.sort(key=lambda event: json.dumps(event, sort_keys=True))
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        lines = ",\n ".join(json.dumps(event, ensure_ascii=False) for event in events)
        path.write_text(f"[{lines}]\n", encoding="utf-8")
    assert events == json.loads(path.read_text(encoding="utf-8"))


def normalized(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace made-up ids by their order of appearance and stack traces by a word."""
    names: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"id-{len(names) + 1}")

    text = json.dumps(
        [
            {**event, "Details": "(a traceback)"} if event.get("Details") else event
            for event in events
        ]
    )
    text = re.sub(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}", named, text)
    normal: list[dict[str, Any]] = json.loads(text)
    return normal
