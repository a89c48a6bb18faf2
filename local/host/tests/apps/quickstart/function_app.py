# mypy: ignore-errors
"""The shape of the Durable Functions quickstart: HTTP starter, orchestrator, chained activities."""

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orchestrators/{functionName}")
@app.durable_client_input(client_name="client")
async def http_start(req: func.HttpRequest, client):
    instance_id = await client.start_new(req.route_params["functionName"])
    return client.create_check_status_response(req, instance_id)


@app.route(route="wait/{functionName}")
@app.durable_client_input(client_name="client")
async def http_wait(req: func.HttpRequest, client):
    instance_id = await client.start_new(req.route_params["functionName"])
    return await client.wait_for_completion_or_create_check_status_response(
        req, instance_id, 5000, 20
    )


@app.orchestration_trigger(context_name="context")
def hello_orchestrator(context):
    first = yield context.call_activity("hello", "Seattle")
    second = yield context.call_activity("hello", "Tokyo")
    third = yield context.call_activity("hello", "London")
    return [first, second, third]


@app.orchestration_trigger(context_name="context")
def fan_out_orchestrator(context):
    tasks = [context.call_activity("hello", city) for city in ("Seattle", "Tokyo", "London")]
    greetings = yield context.task_all(tasks)
    return greetings


@app.activity_trigger(input_name="city")
def hello(city: str):
    return f"Hello {city}"
