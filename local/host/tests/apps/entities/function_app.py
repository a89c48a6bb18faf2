# mypy: ignore-errors
"""A counter and a semaphore, as durable entities."""

import time
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.entity_trigger(context_name="context")
def Counter(context):  # noqa: N802  entity names are compared without regard to case
    total = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            total += context.get_input()
            context.set_state(total)
        case "reset":
            context.destruct_on_exit()
        case "fail":
            raise ValueError("cannot")
    context.set_result(total)
    if context.operation_name == "reset":
        context.destruct_on_exit()


@app.entity_trigger(context_name="context")
def semaphore(context):
    state = context.get_state(lambda: {"free": 2, "most": 0, "held": []})
    who = context.get_input()
    if context.operation_name == "acquire":
        granted = state["free"] > 0
        if granted:
            state["free"] -= 1
            state["held"].append(who)
            state["most"] = max(state["most"], len(state["held"]))
        context.set_result(granted)
    elif context.operation_name == "release":
        state["free"] += 1
        state["held"].remove(who)
        context.set_result(None)
    context.set_state(state)


@app.orchestration_trigger(context_name="context")
def counts(context):
    entity = df.EntityId("Counter", context.get_input())
    context.signal_entity(entity, "add", 2)
    total = yield context.call_entity(entity, "add", 3)
    return total


@app.orchestration_trigger(context_name="context")
def call_fails(context):
    try:
        yield context.call_entity(df.EntityId("counter", "failing"), "fail")
    except Exception as error:  # noqa: BLE001  what the SDK raises
        return str(error)


@app.orchestration_trigger(context_name="context")
def takes_turns(context):
    entity = df.EntityId("semaphore", context.get_input())
    me = context.instance_id
    while not (yield context.call_entity(entity, "acquire", me)):
        yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=30))
    yield context.call_activity("work", me)
    yield context.call_entity(entity, "release", me)


@app.activity_trigger(input_name="who")
def work(who: str) -> None:
    time.sleep(0.05)


@app.route(route="signal/{name}/{key}/{operation}")
@app.durable_client_input(client_name="client")
async def signal(req: func.HttpRequest, client) -> func.HttpResponse:
    entity = df.EntityId(req.route_params["name"], req.route_params["key"])
    amount = int(req.params["amount"]) if "amount" in req.params else None
    await client.signal_entity(entity, req.route_params["operation"], amount)
    return func.HttpResponse(status_code=202)


@app.route(route="read/{name}/{key}")
@app.durable_client_input(client_name="client")
async def read(req: func.HttpRequest, client) -> func.HttpResponse:
    entity = df.EntityId(req.route_params["name"], req.route_params["key"])
    state = await client.read_entity_state(entity)
    return func.HttpResponse(f"{state.entity_exists} {state.entity_state}")
