# mypy: ignore-errors
"""Orchestrations that call orchestrations."""

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def parent(context):
    names = context.get_input()
    children = [context.call_sub_orchestrator(child, {"name": name}) for name in names]
    return (yield context.task_all(children))


@app.orchestration_trigger(context_name="context")
def child(context):
    greeting = yield context.call_activity("greet", context.get_input()["name"])
    return {"greeting": greeting, "parent": context.parent_instance_id}


@app.orchestration_trigger(context_name="context")
def factorial(context):
    n = context.get_input()
    if n == 0:
        return 1
    rest = yield context.call_sub_orchestrator("factorial", n - 1)
    return n * rest


@app.orchestration_trigger(context_name="context")
def names_its_child(context):
    return (
        yield context.call_sub_orchestrator("waits", instance_id=f"{context.instance_id}-child")
    )


@app.orchestration_trigger(context_name="context")
def waits(context):
    return (yield context.wait_for_external_event("go"))


@app.activity_trigger(input_name="name")
def greet(name: str) -> str:
    return f"Hello {name}"
