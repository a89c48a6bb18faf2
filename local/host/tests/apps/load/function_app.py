# mypy: ignore-errors
"""Many orchestrations at a time."""

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="start/{name}/{count:int}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_many(req: func.HttpRequest, client) -> func.HttpResponse:
    name, count = req.route_params["name"], int(req.route_params["count"])
    for n in range(count):
        await client.start_new(name, f"{name}-{n}", req.get_json())
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def five_steps(context):
    total = 0
    for n in range(5):
        total += yield context.call_activity("step", n)
    return total


@app.activity_trigger(input_name="n")
def step(n: int) -> int:
    return n
