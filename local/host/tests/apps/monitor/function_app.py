# mypy: ignore-errors
"""A monitor: polls on a timer until something is done, showing how far it is."""

from datetime import timedelta

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def monitor(context):
    polls = 0
    while True:
        state = yield context.call_activity("poll", polls)
        context.set_custom_status({"polls": polls, "state": state})
        if state == "done":
            return polls
        polls += 1
        yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=20))


@app.activity_trigger(input_name="polls")
def poll(polls: int) -> str:
    return "done" if polls == 5 else "working"
