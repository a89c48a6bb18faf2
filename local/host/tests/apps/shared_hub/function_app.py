# mypy: ignore-errors
"""An app that several hosts run at once; a file says which process did what."""

import os
import time
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

FOLDER = Path(os.environ["JOURNAL"]).parent


def note(text: str) -> None:
    with Path(os.environ["JOURNAL"]).open("a") as journal:
        journal.write(f"{os.getpid()} {text}\n")


@app.orchestration_trigger(context_name="context")
def fans_out(context):
    names = context.get_input()
    return (yield context.task_all([context.call_activity("held", name) for name in names]))


@app.orchestration_trigger(context_name="context")
def waits(context):
    return (yield context.wait_for_external_event("event"))


@app.activity_trigger(input_name="name")
def held(name: str) -> str:
    """Run until the test opens the gate of this name; `name` alone says whose result it is."""
    note(f"begin {name}")
    while not (FOLDER / f"open {name}").exists():
        time.sleep(0.01)
    note(f"end {name}")
    return f"{name} by {os.getpid()}"


@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    note("tick")
