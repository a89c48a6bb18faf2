# mypy: ignore-errors
"""Work that a crash may interrupt at every point. What ran is noted in a file that survives."""

import os
import time
from datetime import timedelta
from pathlib import Path

import azure.durable_functions as df

app = df.DFApp()


def note(text: str) -> None:
    with Path(os.environ["JOURNAL"]).open("a") as journal:
        journal.write(f"{text}\n")


@app.orchestration_trigger(context_name="context")
def during_a_timer(context):
    yield context.call_activity("step", "before")
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1.5))
    return (yield context.call_activity("step", "after"))


@app.orchestration_trigger(context_name="context")
def during_an_activity(context):
    first = yield context.call_activity("slow_once", "activity")
    return [first, (yield context.call_activity("step", "after"))]


@app.orchestration_trigger(context_name="context")
def during_a_child(context):
    return (yield context.call_sub_orchestrator("during_an_activity"))


@app.orchestration_trigger(context_name="context")
def during_an_entity_call(context):
    entity = df.EntityId("tally", "k")
    yield context.call_entity(entity, "add", 1)
    total = yield context.call_entity(entity, "add_slowly_once", 1)
    return total


@app.orchestration_trigger(context_name="context")
def during_continue_as_new(context):
    state = context.get_input()
    if state["generation"] == 3:
        state["seen"].append((yield context.call_activity("slow_once", "generation")))
    else:
        state["seen"].append((yield context.call_activity("step", state["generation"])))
    state["generation"] += 1
    if state["generation"] < 6:
        context.continue_as_new(state)
        return None
    return state["seen"]


@app.orchestration_trigger(context_name="context")
def waits_for_an_event(context):
    return (yield context.wait_for_external_event("event"))


@app.activity_trigger(input_name="name")
def step(name):
    note(f"step {name}")
    return name


def sleep_the_first_time(name: str) -> None:
    """Be caught by the crash the first time, and quick the second."""
    flag = Path(os.environ["JOURNAL"]).with_suffix(f".{name}")
    if not flag.exists():
        flag.touch()
        note(f"begin {name}")
        time.sleep(30)


@app.activity_trigger(input_name="name")
def slow_once(name: str) -> str:
    sleep_the_first_time(name)
    note(f"end {name}")
    return name


@app.entity_trigger(context_name="context")
def tally(context):
    if context.operation_name == "add_slowly_once":
        sleep_the_first_time("entity")
    total = context.get_state(lambda: 0) + context.get_input()
    context.set_state(total)
    context.set_result(total)
