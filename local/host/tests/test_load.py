"""Many orchestrations: all complete, with bounded threads and memory."""

import re
import threading
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.durable_functions as df
import pytest

from ..durable.engine import InstanceQuery, RuntimeStatus, StartRequest
from ..testing import TimeTravel

if TYPE_CHECKING:
    from .conftest import Client

APP = "load"
ARGUMENTS = ("--log-level", "warning")

bp = df.Blueprint()


def sleeps(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    return "woken"


parked = bp.orchestration_trigger(context_name="context")(sleeps)


def test_two_hundred_orchestrations_of_five_activities(client: "Client") -> None:
    assert client.post("/api/start/five_steps/200", json={}).status_code == 202
    query = {
        "instanceIdPrefix": "five_steps-",
        "top": "200",
        "runtimeStatus": "Completed",
    }
    deadline = time.monotonic() + 90
    url = "/runtime/webhooks/durabletask/instances"
    while len(completed := client.get(url, params=query).json()) < 200:
        assert time.monotonic() < deadline, f"{len(completed)} have completed"
        time.sleep(0.1)
    assert [status["output"] for status in completed] == [10] * 200
    threads = Path(f"/proc/{client.host.process.pid}/task")
    assert len(list(threads.iterdir())) < 40


@pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning")
def test_two_thousand_parked_timers() -> None:
    before = memory()
    with TimeTravel([parked]) as travel:
        for n in range(2000):
            travel.engine.start(StartRequest("sleeps", None, f"parked-{n}"))
        travel.settle(seconds=90)
        assert threading.active_count() < 20
        assert memory() - before < 40_000
        query = InstanceQuery(statuses=[RuntimeStatus.RUNNING], page_size=2500)
        assert len(travel.engine.query(query).result(timeout=90).instances) == 2000
        travel.clock.advance(timedelta(hours=1))
        travel.settle(seconds=90)
        query = InstanceQuery(statuses=[RuntimeStatus.COMPLETED], page_size=2500)
        woken = travel.engine.query(query).result(timeout=90).instances
        assert [instance.output for instance in woken] == ['"woken"'] * 2000


def memory() -> int:
    """This process's resident memory in kB."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
    assert found is not None
    return int(found[1])
