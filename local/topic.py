"""`python -m local.topic`: Event Grid and a receiver of webhooks, on loopback.

    POST /api/events       the custom topic: CloudEvents or events in the Event Grid schema
    POST /system           events of the storage account's own topic
    POST /webhooks/NAME    a receiver that accepts all webhooks
    GET  /feed?after=N     the items after the Nth, waiting a while for the first

Like Event Grid, it adds the topic to events in the Event Grid schema, subscribes the function
on_event to requests (`DurableVideo.VideoRequested`) and to the system topic, and retries failed
deliveries. It keeps the last thousand items, in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Annotated, Any

import httpx
import typer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.loopback import BRIEFLY, NO_TLS
from local.simulator.server import listen, serve
from shared.delivery.topic import LOOPBACK_KEY

TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/Microsoft.EventGrid/topics/local"
)
FUNCTION = "on_event"
_REQUESTED = "DurableVideo.VideoRequested"
_KEPT = 1000
_LONGEST_WAIT = 20.0
_PAUSES = (0.5, 1, 2, 4, 8, 15, 30)


class LocalTopic:
    """The items so far, and the deliveries to the function that are under way."""

    def __init__(self, functions: str) -> None:
        self._url = f"{functions}/runtime/webhooks/eventgrid"
        self._items: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._count = 0
        self._came = asyncio.Condition()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=30, trust_env=False, verify=NO_TLS, limits=BRIEFLY)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/events", self.publish, methods=["POST"]),
                Route("/system", self.emit, methods=["POST"]),
                Route("/webhooks/{name}", self.webhook, methods=["POST"]),
                Route("/feed", self.feed, methods=["GET"]),
            ]
        )

    async def publish(self, request: Request) -> Response:
        if request.headers.get("aeg-sas-key") != LOOPBACK_KEY:
            return JSONResponse({"error": {"code": "Unauthorized"}}, status_code=401)
        events = _events(await request.body())
        if events is None:
            return JSONResponse({"error": {"code": "BadRequest"}}, status_code=400)
        for event in events:
            if "specversion" not in event:
                event["topic"] = TOPIC
            await self._add({"kind": "event", "event": event})
            if event.get("type", event.get("eventType")) == _REQUESTED:
                self._deliver(event)
        return JSONResponse({})

    async def emit(self, request: Request) -> Response:
        for event in _events(await request.body()) or ():
            self._deliver(event)
        return JSONResponse({})

    async def webhook(self, request: Request) -> Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.startswith(("webhook-", "content-type"))
        }
        body = (await request.body()).decode(errors="replace")
        name = request.path_params["name"]
        await self._add({"kind": "webhook", "name": name, "headers": headers, "body": body})
        return Response(status_code=204)

    async def feed(self, request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        async with self._came:
            try:
                async with asyncio.timeout(_LONGEST_WAIT):
                    await self._came.wait_for(lambda: self._count > after)
            except TimeoutError:
                return JSONResponse([])
            return JSONResponse([item for item in self._items if item["number"] > after])

    async def _add(self, item: dict[str, Any]) -> None:
        async with self._came:
            self._count += 1
            self._items.append({"number": self._count, **item})
            self._came.notify_all()

    def _deliver(self, event: dict[str, Any]) -> None:
        task = asyncio.create_task(self._until_taken(event))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _until_taken(self, event: dict[str, Any]) -> None:
        for pause in (*_PAUSES, None):
            try:
                answer = await self._http.post(
                    self._url,
                    params={"functionName": FUNCTION},
                    headers={"aeg-event-type": "Notification"},
                    json=[event],
                )
                if answer.is_success or answer.status_code in (400, 413):
                    return
            except httpx.HTTPError:
                pass  # the host is starting or restarting
            if pause is not None:
                await asyncio.sleep(pause)
        print(f"{event.get('id')} was never taken by {FUNCTION}", flush=True)


def _events(body: bytes) -> list[dict[str, Any]] | None:
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    events = parsed if isinstance(parsed, list) else [parsed]
    return events if all(isinstance(event, dict) for event in events) else None


def main(
    port: Annotated[int, typer.Option(envvar="TOPIC_PORT")] = 7081,
    functions: Annotated[str, typer.Option(help="Where the Functions host is.")] = (
        "http://127.0.0.1:7071"
    ),
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    listener = listen(port)
    serve(LocalTopic(functions).app(), listener)


if __name__ == "__main__":
    typer.run(main)
