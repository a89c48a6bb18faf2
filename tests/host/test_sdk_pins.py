"""What the host relies on in azure-functions-durable that is not its public API.

When an upgrade of the SDK breaks one of these tests, read the SDK's new
``DurableOrchestrationContext``, ``Task`` and ``TaskOrchestrationExecutor`` before touching
``local/host/durable/recording.py``, ``awaiting.py`` and ``replay.py``; then pin the new version.
"""

import inspect
import json
import sys
from importlib.metadata import version

import azure.durable_functions as df
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType
from azure.durable_functions.models.ReplaySchema import ReplaySchema
from azure.durable_functions.models.Task import AtomicTask, RetryAbleTask, TaskBase, TaskState
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor
from azure.durable_functions.models.utils import http_utils
from azure.durable_functions.orchestrator import Orchestrator

from local.host.durable import history
from local.host.durable.recording import RecordingContext

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


def context() -> RecordingContext:
    made: RecordingContext = RecordingContext.from_json(
        json.dumps(
            {
                "history": EVENTS,
                "instanceId": "i",
                "isReplaying": False,
                "parentInstanceId": None,
                "upperSchemaVersion": 1,
                "upperSchemaVersionNew": 2,
            }
        )
    )
    return made


def test_the_version_that_was_read() -> None:
    assert version("azure-functions-durable").startswith("1.7."), "read the SDK anew"


def test_numbers_are_given_where_they_are_recorded() -> None:
    source = inspect.getsource(DurableOrchestrationContext._add_to_open_tasks)
    assert "if task._is_scheduled:" in source
    assert "if isinstance(task, AtomicTask):" in source
    assert "task.id = self._sequence_number" in source
    source = inspect.getsource(DurableOrchestrationContext._record_fire_and_forget_action)
    assert source.rstrip().endswith("self._sequence_number += 1")
    # Nobody else counts.
    whole = inspect.getsource(DurableOrchestrationContext)
    assert whole.count("_sequence_number += 1") == 2


def test_a_task_is_recorded_with_the_number_it_gets() -> None:
    made = context()
    first = made.call_activity("a", 1)
    second = made.call_activity("b", 2)
    made._add_to_open_tasks(made.task_all([second, first]))
    assert (second.id, first.id) == (0, 1)
    assert {n: r.action.function_name for n, r in made.recorded.items()} == {0: "b", 1: "a"}  # type: ignore[attr-defined]
    made.signal_entity(df.EntityId("e", "k"), "op")
    assert made.recorded[2].action is made.actions[-1]


def test_the_parts_of_a_retry_are_told_apart() -> None:
    made = context()
    retry = made.call_activity_with_retry("a", df.RetryOptions(1000, 3), 1)
    assert isinstance(retry, RetryAbleTask)
    made._add_to_open_tasks(retry)
    retry.children[0].set_value(is_error=True, value=Exception("no"))
    timer = made.open_tasks[1]
    assert isinstance(timer, AtomicTask)
    assert isinstance(timer.action_repr, NoOpAction)
    assert timer.action_repr.metadata == "-WithRetry timer"
    assert timer.parent is retry
    timer.set_value(is_error=False, value=None)
    again = made.open_tasks[2]
    assert isinstance(again, AtomicTask)
    assert isinstance(again.action_repr, NoOpAction)
    assert again.action_repr.metadata == "rescheduled task"
    assert made.recorded[2].action is retry.actions
    assert retry.state is TaskState.RUNNING


def test_replay_goes_through_our_executor() -> None:
    orchestrator = Orchestrator(lambda _context: 7)  # type: ignore[arg-type,return-value]
    assert isinstance(orchestrator.task_orchestration_executor, TaskOrchestrationExecutor)
    assert "self.process_event(event)" in inspect.getsource(TaskOrchestrationExecutor.execute)
    source = inspect.getsource(TaskOrchestrationExecutor.get_orchestrator_state_str)
    assert r"\n\n$OutOfProcData$:" in source


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


def test_other_names() -> None:
    assert inspect.iscoroutinefunction(http_utils._close_session)
    assert hasattr(TaskBase(0, []), "_is_scheduled")
    assert context()._action_payload_v2 == []
