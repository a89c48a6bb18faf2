"""Event Grid triggers: ``POST /runtime/webhooks/eventgrid?functionName=NAME``.

Both schemas, one invocation for each event of a delivery, and both handshakes; the answers are
those of the Event Grid extension (``HttpRequestProcessor``): 202 when all invocations succeeded,
500 when one failed, so that Event Grid delivers again.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from azure.functions import meta
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from . import net_json
from .bindings import DurableLinks, bind
from .index import Function
from .query import Query
from .worker import Worker, result_of


class EventGridTriggers:
    """The app's Event Grid functions behind the extension's webhook."""

    def __init__(self, functions: Iterable[Function], worker: Worker, links: DurableLinks) -> None:
        self._worker = worker
        self._links = links
        self._functions = {
            function.name.lower(): function
            for function in functions
            if function.trigger.type == "eventGridTrigger" and function.error is None
        }

    async def __call__(self, request: Request) -> Response:
        name = Query(request.url.query).get("functionName") or ""
        function = self._functions.get(name.lower())
        if function is None:
            return PlainTextResponse(f"cannot find function: '{name}'", status_code=404)
        if request.method == "OPTIONS":
            return _cloud_events_handshake(request)
        if request.method != "POST":
            return Response(status_code=404)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return Response(status_code=202)
        if kind not in ("notification", "subscriptionvalidation"):
            return Response(status_code=400)  # also where there is none, in either schema
        try:
            delivery = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("the body is not JSON", status_code=400)
        events: list[Any] = delivery if isinstance(delivery, list) else [delivery]
        if not all(isinstance(event, dict) for event in events):
            return PlainTextResponse("the body holds something else than events", status_code=400)
        if kind == "subscriptionvalidation":
            code = (events[0].get("data") or {}).get("validationCode") if events else None
            return net_json.reply({"validationResponse": code})
        results = await asyncio.gather(*(self.fire(function, event) for event in events))
        return Response(status_code=202 if all(results) else 500)

    async def fire(self, function: Function, event: Any) -> bool:
        """Run the function for one event; whether it succeeded."""
        trigger = meta.Datum(json.dumps(event), "json")
        try:
            await result_of(
                self._worker.call(
                    function, lambda: bind(function, self._links, trigger), lambda _result: None
                )
            )
        except Exception:  # noqa: BLE001  the app's fault, in the log already
            return False
        return True


def _cloud_events_handshake(request: Request) -> Response:
    """CloudEvents 1.0 webhooks, section 4: allow whoever asks."""
    origin = request.headers.get("webhook-request-origin")
    if origin is None:
        return Response(status_code=400)
    return Response(
        status_code=200,
        headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"},
    )
