# mypy: ignore-errors
"""Approval by a human, with a deadline."""

from datetime import timedelta

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def approval(context):
    seconds = context.get_input()
    context.set_custom_status("waiting")
    deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
    answer = context.wait_for_external_event("approval")
    winner = yield context.task_any([answer, deadline])
    if winner is deadline:
        return {"escalated": True}
    deadline.cancel()
    return {"answer": answer.result}
