"""What the host relies on in azure-functions-durable that is not its public API.

When an upgrade of the SDK breaks one of these tests, read the SDK's new
``DurableOrchestrationContext``, ``Task`` and ``TaskOrchestrationExecutor`` before touching
``durable/replay.py`` and ``durable/extension.py``; then pin the new version.
"""

import inspect
import json
import sys
from collections.abc import Callable, Generator
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType
from azure.durable_functions.models.ReplaySchema import ReplaySchema
from azure.durable_functions.models.utils import http_utils
from azure.durable_functions.orchestrator import Orchestrator

from ..durable import history

EVENTS = [
    {"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": "2030-01-01T00:00:00Z"},
    {
        "EventType": 0,
        "EventId": -1,
        "IsPlayed": False,
        "Timestamp": "2030-01-01T00:00:00Z",
        "Version": "",
    },
]


def state(code: Callable[..., Any]) -> dict[str, Any]:
    """What the SDK answers to the first turn of an orchestrator."""
    builder = df.Blueprint().orchestration_trigger(context_name="context")(code)
    context = {
        "history": EVENTS,
        "instanceId": "i",
        "isReplaying": False,
        "parentInstanceId": None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "maximumShortTimerDuration": "6.00:00:00",
        "longRunningTimerIntervalDuration": "3.00:00:00",
    }
    answer: dict[str, Any] = json.loads(builder.build().get_user_function()(json.dumps(context)))
    return answer


def test_the_version_that_was_read() -> None:
    assert version("azure-functions-durable").startswith("1.7."), "read the SDK anew"


def test_all_actions_are_told_in_the_order_in_which_user_code_yields() -> None:
    def code(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
        context.set_custom_status("half")
        second = context.call_activity("b", 2)
        timer: Any = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        context.signal_entity(df.EntityId("E", "k"), "op", 3)
        timer.cancel()
        yield context.task_any([timer, second])
        yield context.call_activity_with_retry("c", df.RetryOptions(1000, 3), 1)

    answer = state(code)
    assert [each["actionType"] for each in answer["actions"][0]] == [9, 11]
    signal, either = answer["actions"][0]
    assert (signal["instanceId"], signal["operation"], signal["input"]) == ("@e@k", "op", "3")
    timer, second = either["compoundActions"]
    assert (timer["isCanceled"], timer["fireAt"]) == (True, "2030-01-01T01:00:00.000000Z")
    assert (second["functionName"], second["input"]) == ("b", "2")
    assert (answer["isDone"], answer["customStatus"]) == (False, "half")


def test_a_retry_is_one_action() -> None:
    def code(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
        yield context.call_activity_with_retry("c", df.RetryOptions(1000, 3), 1)

    (all_of,) = state(code)["actions"][0]
    assert all_of["actionType"] == 12
    (retry,) = all_of["compoundActions"]
    assert (retry["actionType"], retry["functionName"], retry["input"]) == (1, "c", "1")
    assert retry["retryOptions"]["maxNumberOfAttempts"] == 3
    assert retry["retryOptions"]["firstRetryIntervalInMilliseconds"] == 1000


def test_a_failure_carries_the_actions() -> None:
    def code(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
        context.signal_entity(df.EntityId("e", "k"), "op")
        yield from ()
        raise ValueError("no")

    with pytest.raises(Exception, match="no") as raised:
        state(code)
    answer = json.loads(str(raised.value).split("\n\n$OutOfProcData$:")[1])
    assert [each["actionType"] for each in answer["actions"][0]] == [9]
    assert (answer["isDone"], answer["error"]) == (False, "no")


def test_the_decorators_keep_what_we_look_for() -> None:
    def code(context: object) -> None: ...

    decorator = df.Blueprint().orchestration_trigger(context_name="context", input_type=dict)
    handle = decorator(code).build().get_user_function()
    assert callable(handle.orchestrator_function)
    assert handle._df_input_type is dict
    assert "ctx._input_expected_type = " in inspect.getsource(Orchestrator.create)


def test_schema_and_event_numbers() -> None:
    assert max(schema.value for schema in ReplaySchema) == 2
    numbers = {name: value for name, value in vars(HistoryEventType).items() if name.isupper()}
    assert len(numbers) == len(history.EventType)
    for name, value in numbers.items():
        assert history.EventType(value).name.lower() == name.replace("_", "").lower()


def test_the_parser_of_timestamps_is_where_we_replace_it() -> None:
    module = sys.modules["azure.durable_functions.models.history.HistoryEvent"]
    assert callable(module.dt_parse)
    assert "dt_parse(Timestamp)" in inspect.getsource(module)


def test_the_session_that_the_worker_closes() -> None:
    assert inspect.iscoroutinefunction(http_utils._close_session)
