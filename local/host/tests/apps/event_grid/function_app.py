# mypy: ignore-errors
"""Event Grid triggers."""

import json

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

events: list[dict] = []


@app.event_grid_trigger(arg_name="event")
def on_event(event: func.EventGridEvent) -> None:
    events.append(
        {"id": event.id, "type": event.event_type, "subject": event.subject, **event.get_json()}
    )
    if event.get_json().get("bad"):
        raise ValueError("a bad event")


@app.event_grid_trigger(arg_name="event")
async def on_cloud_event(event: func.CloudEvent) -> None:
    events.append({"id": event.id, "type": event.type, "source": event.source})


@app.event_grid_trigger(arg_name="event")
@app.durable_client_input(client_name="client")
async def starts(event: func.EventGridEvent, client) -> None:
    await client.start_new("orchestration", event.id, event.get_json())


@app.orchestration_trigger(context_name="context")
def orchestration(context):
    return context.get_input()


@app.route(route="events")
def get_events(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(events))
