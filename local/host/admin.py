"""The host's admin API: what runs here, and running a function by hand.

``GET /admin/host/status`` (needs no key: the probe that says the host is ready),
``GET /admin/functions``, ``GET /admin/functions/NAME``, ``GET /admin/functions/NAME/status`` and
``POST /admin/functions/NAME`` with ``{"input": ...}`` (host ``FunctionsController``,
``HostController``).
"""

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.host.event_grid import EventGridTriggers
from local.host.http_trigger import route_of
from local.host.index import Function
from local.host.keys import Auth, Keys, presented_key
from local.host.timer_trigger import TimerTriggers

VERSION = "4.local"


class Admin:
    """Answers below ``/admin``."""

    def __init__(
        self,
        functions: Sequence[Function],
        route_prefix: str,
        timers: TimerTriggers,
        event_grid: EventGridTriggers,
        keys: Keys,
        auth: Auth,
    ) -> None:
        self._functions = functions
        self._route_prefix = route_prefix
        self._timers = timers
        self._event_grid = event_grid
        self._keys = keys
        self._auth = auth
        self._started = time.monotonic()
        self._running: set[asyncio.Task[Any]] = set()

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; ``path`` is what follows ``/admin/``."""
        parts = path.strip("/").split("/")
        if [part.lower() for part in parts] == ["host", "status"] and request.method == "GET":
            return self._status()
        if self._auth is Auth.ALL and not self._keys.opens_admin(
            presented_key(request.headers, request.query_params)
        ):
            return Response(status_code=401)
        if parts[0].lower() != "functions" or len(parts) > 3:
            return Response(status_code=404)
        if len(parts) == 1 and request.method == "GET":
            return JSONResponse([self._describe(function) for function in self._functions])
        function = self._find(parts[1]) if len(parts) > 1 else None
        if function is None:
            return Response(status_code=404)
        match request.method, parts[2:]:
            case "GET", []:
                return JSONResponse(self._describe(function))
            case "GET", ["status"]:
                return JSONResponse({"errors": [function.error]} if function.error else {})
            case "POST", []:
                return await self._invoke(function, request)
        return Response(status_code=404)

    def _status(self) -> Response:
        errors = [f"{f.name}: {f.error}" for f in self._functions if f.error]
        return JSONResponse(
            {
                "id": "local-host",
                "state": "Running",
                "version": VERSION,
                "processUptime": int((time.monotonic() - self._started) * 1000),
                **({"errors": errors} if errors else {}),
                "functions": [self._describe(function) for function in self._functions],
            }
        )

    def _find(self, name: str) -> Function | None:
        return next((f for f in self._functions if f.name.lower() == name.lower()), None)

    def _describe(self, function: Function) -> dict[str, Any]:
        description: dict[str, Any] = {
            "name": function.name,
            "type": function.trigger.type,
            "isDisabled": False,
        }
        if function.trigger.type == "httpTrigger" and function.error is None:
            description["route"] = f"/{route_of(function, self._route_prefix).template}"
            description["methods"] = function.trigger.properties.get("methods")
        if function.error is not None:
            description["error"] = function.error
        return description

    async def _invoke(self, function: Function, request: Request) -> Response:
        """Start one invocation and answer 202 at once."""
        try:
            invocation = json.loads(await request.body())
            data = invocation.get("input")
        except (ValueError, AttributeError):
            return Response(status_code=400)
        run: Coroutine[Any, Any, Any]
        if function.error is not None:
            return JSONResponse({"Message": function.error}, status_code=400)
        if function.trigger.type == "timerTrigger":
            run = self._timers.fire(function)
        elif function.trigger.type == "eventGridTrigger":
            try:
                event = json.loads(data) if isinstance(data, str) else data
            except ValueError:
                return Response(status_code=400)
            run = self._event_grid.fire(function, event)
        else:
            message = (
                f"Functions of type '{function.trigger.type}' are called through their trigger"
            )
            return JSONResponse({"Message": message}, status_code=400)
        task = asyncio.create_task(run)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Response(status_code=202)
