# mypy: ignore-errors
"""An error in each place."""

import sys

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="raises")
def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise KeyError("secret detail")


@app.route(route="raises_async")
async def raises_async(req: func.HttpRequest) -> func.HttpResponse:
    raise KeyError("secret detail")


@app.route(route="exits")
def exits(req: func.HttpRequest) -> func.HttpResponse:
    sys.exit(3)


@app.route(route="exits_async")
async def exits_async(req: func.HttpRequest) -> func.HttpResponse:
    sys.exit(3)


@app.route(route="nothing")
def nothing(req: func.HttpRequest):
    return None


@app.route(route="start_unknown")
@app.durable_client_input(client_name="client")
async def start_unknown(req: func.HttpRequest, client) -> func.HttpResponse:
    return func.HttpResponse(await client.start_new("nobody"))


@app.orchestration_trigger(context_name="context")
def orchestrator_raises(context):
    yield context.call_activity("fine", 1)
    raise ValueError("in the orchestrator")


@app.orchestration_trigger(context_name="context")
def raises_nothing_to_say(context):
    yield context.call_activity("fine", 1)
    raise ValueError


@app.orchestration_trigger(context_name="context")
def activity_raises(context):
    yield context.call_activity("raising", 1)


@app.orchestration_trigger(context_name="context")
def activity_exits(context):
    yield context.call_activity("exiting", 1)


@app.orchestration_trigger(context_name="context")
def activity_result_is_no_json(context):
    yield context.call_activity("unserializable", 1)


@app.orchestration_trigger(context_name="context")
def yields_no_task(context):
    yield 42


@app.orchestration_trigger(context_name="context")
def entity_state_is_no_json(context):
    yield context.call_entity(df.EntityId("broken", "k"), "op")


@app.activity_trigger(input_name="value")
def fine(value: int) -> int:
    return value


@app.activity_trigger(input_name="value")
def raising(value: int) -> int:
    raise ValueError("in the activity")


@app.activity_trigger(input_name="value")
def exiting(value: int) -> int:
    sys.exit(3)


@app.activity_trigger(input_name="value")
def unserializable(value: int):
    return {1, 2}


@app.entity_trigger(context_name="context")
def broken(context):
    context.set_state({1, 2})
