# mypy: ignore-errors
"""An orchestration that renews itself many times."""

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def generations(context):
    state = context.get_input()
    state["sum"] = yield context.call_activity("add", state)
    state["left"] -= 1
    if state["left"]:
        context.continue_as_new(state)
        return None
    return state["sum"]


@app.activity_trigger(input_name="state")
def add(state: dict) -> int:
    return state["sum"] + state["left"]
