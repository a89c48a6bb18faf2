# mypy: ignore-errors
"""Activities and sub-orchestrations with retries."""

from collections import Counter

import azure.durable_functions as df

app = df.DFApp()

attempts: Counter[str] = Counter()


@app.orchestration_trigger(context_name="context")
def succeeds_at_last(context):
    key = context.instance_id
    options = df.RetryOptions(20, 3)
    return (yield context.call_activity_with_retry("flaky", options, {"key": key, "good": 3}))


@app.orchestration_trigger(context_name="context")
def gives_up(context):
    key = context.instance_id
    options = df.RetryOptions(20, 2)
    yield context.call_activity_with_retry("flaky", options, {"key": key, "good": 3})


@app.orchestration_trigger(context_name="context")
def retries_a_child(context):
    options = df.RetryOptions(20, 3)
    data = {"key": context.instance_id, "good": 2}
    return (yield context.call_sub_orchestrator_with_retry("child", options, data))


@app.orchestration_trigger(context_name="context")
def child(context):
    attempt = yield context.call_activity("flaky", context.get_input())
    return [attempt, context.parent_instance_id]


@app.activity_trigger(input_name="job")
def flaky(job: dict) -> int:
    attempts[job["key"]] += 1
    if attempts[job["key"]] < job["good"]:
        raise ConnectionError(f"attempt {attempts[job['key']]}")
    return attempts[job["key"]]
