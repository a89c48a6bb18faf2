"""When orchestrations end, what they may read, and what is refused: rules that surprise on Azure.

Time stands still; see ``test_histories`` for what each rule leaves in a history.
"""

import itertools
import json
import threading
from collections.abc import Callable, Generator, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import azure.durable_functions as df
import pytest

from ..durable.engine import (
    InstanceExistsError,
    InstanceGoneError,
    InstanceNotFoundError,
    InstanceQuery,
    InvalidTransitionError,
    RuntimeStatus,
    StartRequest,
    UnknownFunctionError,
    WrongStateError,
)
from ..testing import TimeTravel
from .functions import Functions

Orchestration = Generator[Any, Any, Any]

# The SDK says so of every event that comes before it is awaited, and of every untyped result.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
    pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning"),
]

FUNCTIONS = Functions()
orchestrator, activity = FUNCTIONS.orchestrator, FUNCTIONS.activity
entity, register = FUNCTIONS.entity, FUNCTIONS.register


GATE = threading.Event()
"""Holds back ``held`` activities."""
RUNS = itertools.count()
"""Counts runs of the orchestrator that is not deterministic."""


@activity
def echo(value: Any) -> Any:
    return value


@activity
def fail(value: Any) -> Any:
    raise ValueError(f"no {value}")


@activity
def held(value: Any) -> Any:
    assert GATE.wait(timeout=60)
    return value


@entity
def slow_entity(context: df.DurableEntityContext) -> None:
    context.set_result(context.operation_name)


@pytest.fixture
def travel() -> Iterator[TimeTravel]:
    GATE.clear()
    with TimeTravel(FUNCTIONS.builders) as travel:
        yield travel
        GATE.set()


# ends


@orchestrator
def forgets_a_timer(context: df.DurableOrchestrationContext) -> Orchestration:
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.task_any([timer, context.call_activity("echo", 1)])
    return "done"


def test_an_uncancelled_timer_keeps_an_orchestration_open(travel: TimeTravel) -> None:
    instance_id = travel.start("forgets_a_timer")
    assert travel.get(instance_id).status is RuntimeStatus.RUNNING
    travel.finish(instance_id)
    assert travel.clock.now() - travel.START == timedelta(hours=1)


@orchestrator
def continues_with_an_open_timer(context: df.DurableOrchestrationContext) -> Orchestration:
    if context.get_input() == 2:
        return str(context.current_utc_datetime)
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.task_any([timer, context.call_activity("echo", 1)])
    context.continue_as_new(2)


def test_an_uncancelled_timer_holds_up_continue_as_new(travel: TimeTravel) -> None:
    instance_id = travel.start("continues_with_an_open_timer", 1)
    travel.finish(instance_id)
    assert travel.output(instance_id) == "2030-01-01 01:00:00+00:00"


@orchestrator
def catches_a_failed_sibling(context: df.DurableOrchestrationContext) -> Orchestration:
    deadline = context.current_utc_datetime + timedelta(hours=1)
    try:
        yield context.task_all([context.call_activity("fail", 1), context.create_timer(deadline)])
    except Exception:  # noqa: BLE001  what the SDK raises
        context.set_custom_status("cleaning up")
        yield context.call_activity("echo", "clean up")
    return str(context.current_utc_datetime)


def test_what_follows_a_failed_task_all_waits_for_the_siblings(travel: TimeTravel) -> None:
    instance_id = travel.start("catches_a_failed_sibling")
    # User code has gone on, and the extension has not.
    assert travel.get(instance_id).custom_status == '"cleaning up"'
    kinds = [event["EventType"] for event in travel.history(instance_id)]
    assert kinds.count(4) == 1
    travel.finish(instance_id)
    assert travel.clock.now() - travel.START == timedelta(hours=1)


@orchestrator
def returns_at_once(context: df.DurableOrchestrationContext) -> Any:
    return {"input": context.get_input()}


def test_an_orchestrator_need_not_yield(travel: TimeTravel) -> None:
    assert travel.output(travel.start("returns_at_once", 7)) == {"input": 7}


@orchestrator
def signals_and_fails(context: df.DurableOrchestrationContext) -> Orchestration:
    yield context.call_activity("echo", 1)
    context.signal_entity(df.EntityId("slow_entity", "k"), "release")
    raise ValueError("after the signal")


def test_a_signal_before_a_failure_is_sent(travel: TimeTravel) -> None:
    assert travel.get(travel.start("signals_and_fails")).status is RuntimeStatus.FAILED
    assert travel.engine.get_entity("@slow_entity@k").result(timeout=90) is not None


@orchestrator
def returns_the_unserializable(context: df.DurableOrchestrationContext) -> Orchestration:
    for n in range(context.get_input() or 0):
        yield context.call_activity("echo", n)
    return {1, 2}


def test_an_output_that_is_not_json_fails_the_orchestration(travel: TimeTravel) -> None:
    instance = travel.get(travel.start("returns_the_unserializable"))
    assert instance.status is RuntimeStatus.FAILED
    assert (instance.output or "").startswith(
        "Orchestrator function 'returns_the_unserializable' failed: One or more errors occurred."
        " (Result: Failure\nException: "
    )
    assert "not JSON serializable" in (instance.output or "")


def test_after_earlier_actions_such_an_output_looks_like_non_determinism(
    travel: TimeTravel,
) -> None:
    """The SDK's answer holds no actions then, though the history holds what they left."""
    instance = travel.get(travel.start("returns_the_unserializable", 1))
    assert instance.status is RuntimeStatus.FAILED
    assert "scheduled an activity task with sequence ID 0 and name 'echo'" in (
        instance.output or ""
    )


@orchestrator
def exits(context: df.DurableOrchestrationContext) -> Orchestration:
    yield from ()
    raise SystemExit(3)


def test_even_sys_exit_only_fails_the_orchestration(travel: TimeTravel) -> None:
    instance = travel.get(travel.start("exits"))
    assert instance.status is RuntimeStatus.FAILED
    assert "SystemExit: 3" in (instance.output or "")
    assert travel.output(travel.start("returns_at_once")) == {"input": None}


# numbers


@orchestrator
def not_deterministic(context: df.DurableOrchestrationContext) -> Orchestration:
    name = ("echo", "fail")[next(RUNS) % 2]
    yield context.call_activity(name, 1)
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))


def test_non_determinism_is_detected(travel: TimeTravel) -> None:
    instance = travel.get(travel.start("not_deterministic"))
    assert instance.status is RuntimeStatus.FAILED
    # The words of DurableTask.Core, two spaces included.
    assert instance.output == (
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled"
        " an activity task with sequence number 0 named 'echo', but the current orchestration"
        " replay instead scheduled an activity task named 'fail' with this sequence number.  Was a"
        " change made to the orchestrator code after this instance had already started running?"
    )


@orchestrator
def restarted(context: df.DurableOrchestrationContext) -> Orchestration:
    return (yield context.call_activity("held", context.get_input()))


def test_a_result_for_an_earlier_execution_is_dropped(travel: TimeTravel) -> None:
    travel.engine.start(StartRequest("restarted", '"\\"old\\""', "same")).result(timeout=90)
    travel.engine.terminate("same", "start over").result(timeout=90)
    wait_until(lambda: travel.get("same").status is RuntimeStatus.TERMINATED)
    travel.engine.start(StartRequest("restarted", '"\\"new\\""', "same")).result(timeout=90)
    GATE.set()  # both activities return now, each as task 0
    travel.settle()
    assert travel.output("same") == "new"


def test_a_long_timer_comes_in_pieces_as_on_azure_storage(travel: TimeTravel) -> None:
    instance_id = travel.start("sleeps_for_a_week")
    travel.finish(instance_id)
    assert travel.clock.now() - travel.START == timedelta(days=7)
    fire_at = [e["FireAt"][:10] for e in travel.history(instance_id) if e["EventType"] == 10]
    assert fire_at == ["2030-01-04", "2030-01-08"]


@orchestrator
def sleeps_for_a_week(context: df.DurableOrchestrationContext) -> Orchestration:
    yield context.create_timer(context.current_utc_datetime + timedelta(days=7))


def test_other_storage_has_timers_of_any_length() -> None:
    with TimeTravel(FUNCTIONS.builders, split_long_timers=False) as travel:
        instance_id = travel.start("sleeps_for_a_week")
        travel.finish(instance_id)
        assert [e["EventType"] for e in travel.history(instance_id)].count(10) == 1


@orchestrator
def naive_timer(context: df.DurableOrchestrationContext) -> Orchestration:
    yield context.create_timer(datetime(2031, 1, 1))  # noqa: DTZ001  the mistake at hand


def test_a_naive_time_is_refused_as_on_azure_storage(travel: TimeTravel) -> None:
    instance = travel.get(travel.start("naive_timer"))
    assert "can't compare offset-naive and offset-aware" in (instance.output or "")


@orchestrator
def timer_in_another_zone(context: df.DurableOrchestrationContext) -> Orchestration:
    zone = timezone(timedelta(hours=5))
    due = context.current_utc_datetime + timedelta(hours=1)
    yield context.create_timer(due.astimezone(zone))


def test_a_timer_in_another_zone_is_off_by_its_offset(travel: TimeTravel) -> None:
    travel.finish(travel.start("timer_in_another_zone"))
    assert travel.clock.now() - travel.START == timedelta(hours=6)


# events


@orchestrator
def two_waits_for_one_event(context: df.DurableOrchestrationContext) -> Orchestration:
    yield context.call_activity("held", 1)
    first = yield context.wait_for_external_event("event")
    second = yield context.wait_for_external_event("event")
    return [first, second]


def test_early_events_of_one_name_overwrite_each_other(travel: TimeTravel) -> None:
    """A known fault of SDK 1.7.0, and so what happens on Azure."""
    travel.engine.start(StartRequest("two_waits_for_one_event", None, "early")).result(timeout=90)
    for data in ("1", "2"):
        travel.engine.raise_event("early", "event", data).result(timeout=90)
    GATE.set()
    travel.settle()
    assert travel.output("early") == [2, 2]


def test_one_early_event_does_not_do_for_two_waits(travel: TimeTravel) -> None:
    """The SDK would go on, but the extension waits for a second one, and so does the instance."""
    travel.engine.start(StartRequest("two_waits_for_one_event", None, "early")).result(timeout=90)
    travel.engine.raise_event("early", "event", "1").result(timeout=90)
    GATE.set()
    travel.settle()
    assert travel.get("early").status is RuntimeStatus.RUNNING
    travel.raise_event("early", "EVENT", 2)
    assert travel.output("early") == [1, 1]


@orchestrator
def waits_in_a_loop(context: df.DurableOrchestrationContext) -> Orchestration:
    """Asks again and again; the latest question gets the answer."""
    for _round in range(3):
        timer: Any = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        hint = context.wait_for_external_event("hint")
        winner = yield context.task_any([hint, timer])
        if winner is hint:
            yield context.call_activity("echo", 1)
            timer.cancel()
            return hint.result
    return "nothing"


def test_the_latest_wait_hears_the_event(travel: TimeTravel) -> None:
    instance_id = travel.start("waits_in_a_loop")
    travel.advance(timedelta(seconds=90))
    travel.raise_event(instance_id, "hint", "here")
    assert travel.output(instance_id) == "here"


@orchestrator
def catches_while_a_retry_goes_on(context: df.DurableOrchestrationContext) -> Orchestration:
    try:
        yield context.task_all(
            [
                context.call_activity("fail", 1),
                context.call_activity_with_retry("fail", df.RetryOptions(60_000, 2), 2),
            ]
        )
    except Exception:  # noqa: BLE001  what the SDK raises
        return (yield context.call_activity("echo", "after"))


def test_going_on_while_a_retry_does_gives_a_task_the_result_of_another(
    travel: TimeTravel,
) -> None:
    """The SDK numbers "after" before the parts of the retry, the extension behind them (#603)."""
    instance = travel.finish(travel.start("catches_while_a_retry_goes_on"))
    scheduled = [e for e in travel.history(instance.instance_id) if e["EventType"] == 4]
    assert [event["Name"] for event in scheduled] == ["fail", "fail", "fail", "echo"]
    assert instance.output != '"after"'


@orchestrator
def returns_while_a_retry_goes_on(context: df.DurableOrchestrationContext) -> Orchestration:
    retry = context.call_activity_with_retry("fail", df.RetryOptions(60_000, 3), "luck")
    yield context.task_any([retry, context.call_activity("echo", 1)])
    return "done"


def test_a_retry_in_flight_does_not_hold_an_ended_orchestration_for_ever(
    travel: TimeTravel,
) -> None:
    instance_id = travel.start("returns_while_a_retry_goes_on")
    travel.finish(instance_id, within=timedelta(minutes=5))
    assert travel.output(instance_id) == "done"


@orchestrator
def continues_with_unread_events(context: df.DurableOrchestrationContext) -> Orchestration:
    generation = context.get_input()
    if generation == 1:
        yield context.wait_for_external_event("go")
        context.continue_as_new(2)
        return None
    timeout: Any = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    unread = context.wait_for_external_event("unread")
    winner = yield context.task_any([unread, timeout])
    if winner is timeout:
        return "lost"
    timeout.cancel()
    return unread.result


def test_an_unread_event_does_not_survive_continue_as_new(travel: TimeTravel) -> None:
    instance_id = travel.start("continues_with_unread_events", 1)
    travel.raise_event(instance_id, "unread", "before")
    travel.raise_event(instance_id, "go")
    travel.finish(instance_id)
    assert travel.output(instance_id) == "lost"


@orchestrator
def calls_continue_as_new_early(context: df.DurableOrchestrationContext) -> Orchestration:
    """Holds up its own continuation, so that events come between the call and its effect."""
    if context.get_input() == 1:
        timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        yield context.task_any([timer, context.call_activity("echo", 1)])
        context.continue_as_new(2)
        return None
    return (yield context.wait_for_external_event("late"))


def test_an_event_after_the_call_is_carried_over(travel: TimeTravel) -> None:
    instance_id = travel.start("calls_continue_as_new_early", 1)
    travel.raise_event(instance_id, "late", "carried")
    travel.finish(instance_id)
    assert travel.output(instance_id) == "carried"


def test_an_event_during_an_episode_is_not_lost(travel: TimeTravel) -> None:
    instance_ids = [travel.start("waits_for_many", n) for n in range(5)]
    threads = [
        threading.Thread(target=travel.engine.raise_event, args=(instance_id, f"e{n}", "1"))
        for instance_id in instance_ids
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    travel.settle()
    assert [travel.output(instance_id) for instance_id in instance_ids] == [20] * 5


@orchestrator
def waits_for_many(context: df.DurableOrchestrationContext) -> Orchestration:
    events = [context.wait_for_external_event(f"e{n}") for n in range(20)]
    return len((yield context.task_all(events)))


@orchestrator
def blocks_and_renews(context: df.DurableOrchestrationContext) -> Orchestration:
    if context.get_input() == 1:
        assert GATE.wait(timeout=60)
        context.continue_as_new(2)
        return None
    return (yield context.wait_for_external_event("meanwhile"))


def test_an_event_during_the_last_episode_of_a_generation_is_for_the_next(
    travel: TimeTravel,
) -> None:
    request = StartRequest("blocks_and_renews", '"1"', "renewed")
    travel.engine.start(request).result(timeout=90)
    travel.engine.raise_event("renewed", "meanwhile", "7").result(timeout=90)
    GATE.set()
    travel.settle()
    assert travel.output("renewed") == 7


# custom status


@orchestrator
def custom_status_over_generations(context: df.DurableOrchestrationContext) -> Orchestration:
    if context.get_input() == 1:
        context.set_custom_status("from the first")
        context.continue_as_new(2)
        return
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))


def test_a_custom_status_outlives_its_generation_by_one_episode(travel: TimeTravel) -> None:
    instance_id = travel.start("custom_status_over_generations", 1)
    assert travel.get(instance_id).custom_status == '"from the first"'
    travel.advance(timedelta(hours=1))
    assert travel.get(instance_id).custom_status is None


@orchestrator
def large_custom_status(context: df.DurableOrchestrationContext) -> Orchestration:
    context.set_custom_status("x" * 9000)
    yield context.call_activity("echo", 1)


def test_a_custom_status_above_sixteen_kilobytes_fails(travel: TimeTravel) -> None:
    instance = travel.get(travel.start("large_custom_status"))
    assert instance.status is RuntimeStatus.FAILED
    assert "must not exceed 16 KB" in (instance.output or "")


# what cannot be called


@orchestrator
def calls_nobody(context: df.DurableOrchestrationContext) -> Orchestration:
    match context.get_input():
        case "activity":
            yield context.call_activity("nobody")
        case "activity with retry":
            yield context.call_activity_with_retry("nobody", df.RetryOptions(1000, 2))
        case "child":
            yield context.call_sub_orchestrator("nobody")
        case "itself":
            yield context.call_sub_orchestrator("waits_for_many", None, context.instance_id)
        case "entity":
            yield context.call_entity(df.EntityId("nobody", "k"), "op")
        case "signal":
            context.signal_entity(df.EntityId("nobody", "k"), "op")
            yield context.call_activity("echo", 1)


@pytest.mark.parametrize("kind", ["activity", "activity with retry", "child", "itself", "entity"])
def test_who_calls_what_does_not_exist_waits_for_ever(travel: TimeTravel, kind: str) -> None:
    instance_id = travel.start("calls_nobody", kind)
    travel.advance(timedelta(days=1))
    assert travel.get(instance_id).status is RuntimeStatus.RUNNING
    kinds = [event["EventType"] for event in travel.history(instance_id)]
    assert kinds == [12, 0, 13]


def test_a_signal_to_an_entity_that_does_not_exist_fails_the_orchestration(
    travel: TimeTravel,
) -> None:
    instance = travel.get(travel.start("calls_nobody", "signal"))
    assert instance.status is RuntimeStatus.FAILED
    assert instance.output == (
        "Orchestrator function 'calls_nobody' failed: The function 'nobody' doesn't exist, is"
        " disabled, or is not an entity function. Additional info: The following are the known"
        " entity functions: 'slow_entity'."
    )


@orchestrator
def parent_of_one_id(context: df.DurableOrchestrationContext) -> Orchestration:
    return (yield context.call_sub_orchestrator("returns_at_once", "mine", "same"))


def test_a_sub_orchestration_replaces_who_runs_under_its_id(travel: TimeTravel) -> None:
    travel.start("waits_for_many", None, "same")
    assert travel.get("same").status is RuntimeStatus.RUNNING
    parent = travel.get(travel.start("parent_of_one_id"))
    assert parent.status is RuntimeStatus.COMPLETED
    child = travel.get("same")
    assert (child.name, child.parent_instance_id) == ("returns_at_once", parent.instance_id)


# call_http


class Slow(BaseHTTPRequestHandler):
    """Answers a POST with 202, and what it points to with 200."""

    seen: ClassVar[list[tuple[str, str, str | None]]] = []

    def do_POST(self) -> None:
        self._answer(202, {"Location": f"http://{self.headers['Host']}/result", "Retry-After": "5"})

    def do_GET(self) -> None:
        self._answer(200, {})

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.seen.append((self.command, self.path, self.headers["x-functions-key"]))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Silent."""


@orchestrator
def calls_what_is_slow(context: df.DurableOrchestrationContext) -> Orchestration:
    url = str(context.get_input())
    response = yield context.call_http("POST", url, headers={"X-Functions-Key": "secret"})
    return response["statusCode"]


def test_a_202_is_followed_behind_the_back_of_user_code(travel: TimeTravel) -> None:
    """User code gets the first answer; the orchestration ends with the last."""
    Slow.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        instance_id = travel.start("calls_what_is_slow", f"http://127.0.0.1:{server.server_port}/")
        travel.finish(instance_id)
        server.shutdown()
    assert travel.output(instance_id) == 202
    assert Slow.seen == [("POST", "/", "secret"), ("GET", "/result", None)]
    assert travel.clock.now() - travel.START == timedelta(seconds=5)


# requests


def test_what_an_engine_refuses(travel: TimeTravel) -> None:
    engine = travel.engine
    travel.start("waits_for_many", None, "running")
    travel.start("returns_at_once", None, "ended")
    refused: list[tuple[Callable[[], Any], type[Exception]]] = [
        (
            lambda: engine.start(StartRequest("returns_at_once", None, "running")),
            InstanceExistsError,
        ),
        (lambda: engine.restart("running", with_new_id=False), InstanceExistsError),
        (lambda: engine.restart("missing", with_new_id=True), InstanceNotFoundError),
        (lambda: engine.raise_event("missing", "e", "1"), InstanceNotFoundError),
        (lambda: engine.raise_event("ended", "e", "1"), InstanceGoneError),
        (lambda: engine.terminate("ended", None), InstanceGoneError),
        (lambda: engine.suspend("ended", None), InstanceGoneError),
        (lambda: engine.resume("running", None), InvalidTransitionError),
        (lambda: engine.rewind("running", None), WrongStateError),
        (lambda: engine.purge("running"), WrongStateError),
        (lambda: engine.purge("missing"), InstanceNotFoundError),
        (lambda: engine.signal("@nobody@k", "op", None), UnknownFunctionError),
    ]
    for request, error in refused:
        with pytest.raises(error):
            request().result(timeout=90)
    engine.suspend("running", None).result(timeout=90)
    travel.settle()
    with pytest.raises(InvalidTransitionError):
        engine.suspend("running", None).result(timeout=90)


def test_an_ended_id_may_be_used_again(travel: TimeTravel) -> None:
    travel.start("returns_at_once", 1, "same")
    travel.start("returns_at_once", 2, "same")
    assert travel.output("same") == {"input": 2}
    assert len(travel.history("same")) == 4


def test_purge_forgets(travel: TimeTravel) -> None:
    travel.start("returns_at_once", 1, "ended")
    assert travel.engine.purge("ended").result(timeout=90) == 1
    assert travel.engine.get("ended").result(timeout=90) is None
    assert travel.history("ended") == []


def test_a_purge_by_statuses_that_are_not_terminal_deletes_everything(travel: TimeTravel) -> None:
    """Such statuses are passed over, and then none is left to filter by."""
    for instance_id in ("a", "b"):
        travel.start("waits_for_many", None, instance_id)
    travel.start("returns_at_once", None, "c")
    purge = travel.engine.purge_by
    mixed = [RuntimeStatus.RUNNING, RuntimeStatus.COMPLETED]
    assert purge(InstanceQuery(statuses=mixed)).result(timeout=90) == 1
    assert purge(InstanceQuery(statuses=[RuntimeStatus.FAILED])).result(timeout=90) == 0
    assert travel.get("a").status is RuntimeStatus.RUNNING
    assert purge(InstanceQuery(statuses=[RuntimeStatus.RUNNING])).result(timeout=90) == 2


# rewind


LUCK = threading.Event()


@activity
def lucky(value: Any) -> Any:
    if not LUCK.is_set():
        raise ValueError("out of luck")
    return value


@orchestrator
def tries_its_luck(context: df.DurableOrchestrationContext) -> Orchestration:
    first = yield context.call_activity("echo", "first")
    return [first, (yield context.call_activity("lucky", "second"))]


@orchestrator
def parent_of_luck(context: df.DurableOrchestrationContext) -> Orchestration:
    return (yield context.call_sub_orchestrator("tries_its_luck", None, "child"))


@pytest.mark.parametrize("name", ["tries_its_luck", "parent_of_luck"])
def test_a_rewind_does_again_what_failed(travel: TimeTravel, name: str) -> None:
    LUCK.clear()
    instance_id = travel.start(name)
    assert travel.get(instance_id).status is RuntimeStatus.FAILED
    LUCK.set()
    travel.engine.rewind(instance_id, "again").result(timeout=90)
    travel.settle()
    assert travel.output(instance_id) == ["first", "second"]
    leaf = "child" if name == "parent_of_luck" else instance_id
    echoes = [e for e in travel.history(leaf) if e.get("Name") == "echo"]
    assert len(echoes) == 1, "what had not failed is not done again"


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _attempt in range(1000):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("it did not happen")


def test_inputs_are_json(travel: TimeTravel) -> None:
    assert json.loads(travel.get(travel.start("returns_at_once", {"a": 1})).input or "") == (
        '{"a": 1}'
    )
