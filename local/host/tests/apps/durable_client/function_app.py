# mypy: ignore-errors
"""Everything that the SDK's durable client can do, as HTTP functions that tell what they got."""

import json
from datetime import datetime, timedelta

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from azure.durable_functions.models.PurgeHistoryResult import PurgeHistoryResult

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def answer(value) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), mimetype="application/json")


@app.route(route="call/{method}")
@app.durable_client_input(client_name="client")
async def call(req: func.HttpRequest, client, context: func.Context) -> func.HttpResponse:
    """Call ``client.METHOD(*args)`` of a JSON body and answer the result or the exception."""
    try:
        result = await getattr(client, req.route_params["method"])(*req.get_json())
    except Exception as error:  # noqa: BLE001  what the SDK raises
        return answer({"raised": str(error)})
    if isinstance(result, DurableOrchestrationStatus):
        if not result:
            return answer(None)
        return answer({**result.to_json(), "input": result.input_, "history": result.history})
    if isinstance(result, PurgeHistoryResult):
        return answer(result.instances_deleted)
    return answer(result)


@app.route(route="start_all_kinds")
@app.durable_client_input(client_name="client")
async def start_all_kinds(req: func.HttpRequest, client) -> func.HttpResponse:
    """Start one instance for each value of a JSON array; their ids."""
    return answer([await client.start_new("shows_input", None, v) for v in req.get_json()])


@app.route(route="query")
@app.durable_client_input(client_name="client")
async def query(req: func.HttpRequest, client) -> func.HttpResponse:
    since = datetime.fromisoformat(req.params["since"])
    wanted = [df.OrchestrationRuntimeStatus(name) for name in req.params["status"].split(",")]
    found = await client.get_status_by(since, since + timedelta(hours=1), wanted)
    everything = await client.get_status_all()
    return answer({"found": [i.instance_id for i in found], "all": len(everything)})


@app.route(route="purge_by")
@app.durable_client_input(client_name="client")
async def purge_by(req: func.HttpRequest, client) -> func.HttpResponse:
    since = datetime.fromisoformat(req.params["since"])
    wanted = [df.OrchestrationRuntimeStatus.Completed]
    result = await client.purge_instance_history_by(since, since + timedelta(hours=1), wanted)
    return answer(result.instances_deleted)


@app.route(route="payload/{id}")
@app.durable_client_input(client_name="client")
async def payload(req: func.HttpRequest, client) -> func.HttpResponse:
    return answer(client.create_http_management_payload(req.route_params["id"]))


@app.orchestration_trigger(context_name="context")
def shows_input(context):
    value = context.get_input()
    return [type(value).__name__, value]


@app.orchestration_trigger(context_name="context")
def shows_version(context):
    return context.version


@app.orchestration_trigger(context_name="context")
def shows_event(context):
    value = yield context.wait_for_external_event("event")
    return [type(value).__name__, value]


@app.orchestration_trigger(context_name="context")
def shows_depths(context):
    """How a value reaches each kind of function."""
    value = context.get_input()
    activity = yield context.call_activity("kind_of", value)
    child = yield context.call_sub_orchestrator("shows_input", value)
    entity = yield context.call_entity(df.EntityId("mirror", "k"), "show", value)
    return [activity, child, entity]


@app.orchestration_trigger(context_name="context")
def shows_depth_after_renewal(context):
    value = context.get_input()
    if isinstance(value, list) and value[:1] == ["renewed"]:
        return [type(value[1]).__name__, value[1]]
    context.continue_as_new(["renewed", value])
    return None


@app.orchestration_trigger(context_name="context")
def calls_http(context):
    url = context.get_input()
    response = yield context.call_http("POST", url, {"n": 1})
    return [response["statusCode"], response["content"]]


@app.route(route="target", methods=["POST"])
def target(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"got {req.get_json()['n']}", status_code=201)


@app.activity_trigger(input_name="value")
def kind_of(value):
    return [type(value).__name__, value]


@app.activity_trigger(input_name="instance")
@app.durable_client_input(client_name="client")
async def wakes(instance: str, client) -> str:
    """An activity that binds the durable client too."""
    await client.raise_event(instance, "event", {"from": "activity"})
    return instance


@app.orchestration_trigger(context_name="context")
def wakes_another(context):
    return (yield context.call_activity("wakes", context.get_input()))


@app.entity_trigger(context_name="context")
def mirror(context):
    value = context.get_input()
    context.set_result([type(value).__name__, value])
