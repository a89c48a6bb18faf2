"""What a worker that dies leaves behind: the host loses the turn or activity at hand."""

from collections.abc import Callable, Generator
from typing import Any

import azure.durable_functions as df
import pytest

from ..durable.engine import RuntimeStatus
from ..durable.functions import WorkerDeaths
from ..testing import TimeTravel
from .functions import Functions

FUNCTIONS = Functions()

pytestmark = pytest.mark.filterwarnings(
    "ignore:azure.functions df_loads was called:DeprecationWarning"
)

EXITED = "python exited with code 137 (0x89)"


@FUNCTIONS.activity
def echo(value: Any) -> Any:
    return value


@FUNCTIONS.orchestrator
def two_steps(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    try:
        first = yield context.call_activity("echo", 1)
    except Exception as error:  # noqa: BLE001  what the SDK raises
        first = str(error).splitlines()[0].strip()
    return [first, (yield context.call_activity("echo", 2))]


def nth(number: int) -> Callable[[], bool]:
    """Whether it is the turn of that number, counted from one."""
    calls = iter(range(1, 100))
    return lambda: next(calls) == number


def test_a_lost_first_turn_fails_the_instance() -> None:
    with TimeTravel(FUNCTIONS.builders, deaths=WorkerDeaths(in_turn=nth(1))) as travel:
        instance = travel.get(travel.start("two_steps"))
        assert instance.status is RuntimeStatus.FAILED
        assert instance.output == (
            f"Orchestrator function 'two_steps' failed: One or more errors occurred. ({EXITED})"
        )
        assert travel.output(travel.start("two_steps")) == [1, 2], "the next worker is well"


def test_a_lost_later_turn_looks_like_non_determinism() -> None:
    """A run that gave no actions does not schedule what the history holds."""
    with TimeTravel(FUNCTIONS.builders, deaths=WorkerDeaths(in_turn=nth(2))) as travel:
        instance = travel.get(travel.start("two_steps"))
        assert instance.status is RuntimeStatus.FAILED
        assert (instance.output or "").startswith(
            "Non-Deterministic workflow detected: A previous execution of this orchestration"
            " scheduled an activity task with sequence ID 0 and name 'echo' (version ''), but the"
            " current replay execution hasn't (yet?) scheduled this task."
        )


def test_a_lost_activity_has_run_and_fails() -> None:
    with TimeTravel(FUNCTIONS.builders, deaths=WorkerDeaths(in_activity=nth(1))) as travel:
        instance_id = travel.start("two_steps")
        assert travel.output(instance_id) == [f"Activity function 'echo' failed: {EXITED}", 2]
