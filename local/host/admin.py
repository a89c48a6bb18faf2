"""The host's admin API: what runs here, and running a function by hand.

``GET /admin/host/status``, ``/admin/host/ping``, ``GET /admin/functions``,
``GET /admin/functions/NAME``, ``GET /admin/functions/NAME/status`` and
``POST /admin/functions/NAME`` with ``{"input": ...}`` (host ``FunctionsController``,
``HostController``, ``FunctionMetadataExtensions``). Other paths of the real host's are kept from
the app, as there, and are not served.
"""

import asyncio
import json
import logging
import platform
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from . import net_json
from .bindings import DurableLinks, bind_activity
from .event_grid import EventGridTriggers
from .index import Function
from .keys import Auth, Keys, presented_key
from .routing import Route, RouteTable
from .timer_trigger import TimerTriggers
from .worker import Worker, result_of

_log = logging.getLogger("host.admin")

VERSION = "4.1037.0.0"
"""The Functions host whose recorded answers this one gives."""

_NOT_SERVED = (
    ("host/config", ["GET"]),
    ("host/debug", ["POST"]),
    ("host/drain", ["POST"]),
    ("host/drain/status", ["GET"]),
    ("host/extensionbundle/v1/{part}", ["GET"]),
    ("host/extensions/{*rest}", ["GET", "POST", "PUT", "DELETE"]),
    ("host/{keys:regex(^(keys|functionkeys|systemkeys)$)}", ["GET"]),
    ("host/{keys:regex(^(keys|functionkeys|systemkeys)$)}/{name}", None),
    ("host/log", ["POST"]),
    ("host/processes", ["GET"]),
    ("host/restart", ["POST"]),
    ("host/resume", ["POST"]),
    ("host/scale/status", ["POST"]),
    ("host/state", ["PUT"]),
    ("host/synctriggers", ["POST"]),
    ("functions/download", ["GET"]),
    ("functions/{name}", ["PUT", "DELETE"]),
    ("functions/{name}/keys/{key?}", ["GET", "POST", "PUT", "DELETE"]),
    ("vfs/{*rest}", None),
    ("zip/{*rest}", None),
    ("instance/{part}", ["GET", "POST"]),
)

_Handler = Callable[[Request, dict[str, str]], Coroutine[Any, Any, Response]]


class Admin:
    """Answers below ``/admin``."""

    def __init__(
        self,
        functions: Sequence[Function],
        route_prefix: str,
        worker: Worker,
        links: DurableLinks,
        timers: TimerTriggers,
        event_grid: EventGridTriggers,
        keys: Keys,
        auth: Auth,
    ) -> None:
        self._functions = functions
        self._route_prefix = route_prefix
        self._worker = worker
        self._links = links
        self._timers = timers
        self._event_grid = event_grid
        self._keys = keys
        self._auth = auth
        self._started = time.monotonic()
        self._instance_id = uuid.uuid4().hex
        self._running: set[asyncio.Task[Any]] = set()
        served: list[tuple[str, list[str] | None, _Handler]] = [
            ("host/status", ["GET"], self._status),
            ("functions", ["GET"], self._list),
            ("functions/{name}", ["GET"], self._show),
            ("functions/{name}/status", ["GET"], self._errors),
            ("functions/{name}", ["POST"], self._invoke),
            *((path, methods, _not_served) for path, methods in _NOT_SERVED),
        ]
        # named by number: their order is the one above
        self._table = RouteTable(
            (f"{number:03}", Route(path, methods), handler)
            for number, (path, methods, handler) in enumerate(served)
        )

    async def __call__(self, request: Request, path: str) -> Response | None:
        """Answer a request; ``path`` is what follows ``/admin/``, in lower case.

        None for what is not the host's.
        """
        if path.strip("/") == "host/ping" and request.method in ("GET", "POST"):
            return Response(status_code=200)
        found = self._table.find(request.method, f"/{path}")
        if found is None:
            return None
        if self._auth is Auth.ALL and not self._keys.opens_admin(presented_key(request)):
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        handler, values = found
        return await handler(request, values)

    async def _status(self, _request: Request, _values: dict[str, str]) -> Response:
        lost = self._worker.lost_lines()
        status = {
            "id": "local-host",
            "state": "Running",
            "version": VERSION,
            "versionDetails": f"{VERSION} as the local host answers it",
            "platformVersion": platform.platform(),
            "instanceId": self._instance_id,
            "computerName": platform.node(),
            "processUptime": int((time.monotonic() - self._started) * 1000),
            "functionAppContentEditingState": "Unknown",
        }
        if lost:
            # not in the real host's answer, which tells nobody
            status["unattributedLogLines"] = {"count": sum(lost.values()), "loggers": lost}
        return net_json.reply(status)

    async def _list(self, _request: Request, _values: dict[str, str]) -> Response:
        # made from the host's name, where the description of one is made from the request
        origin = f"https://{self._links.public_origin.partition('://')[2]}"
        return net_json.reply([self._describe(function, origin) for function in self._functions])

    async def _show(self, request: Request, values: dict[str, str]) -> Response:
        function = self._find(values["name"])
        if function is None:
            return Response(status_code=404)
        return net_json.reply(self._describe(function, f"http://{request.headers['host']}"))

    async def _errors(self, _request: Request, values: dict[str, str]) -> Response:
        function = self._find(values["name"])
        if function is None:
            return Response(status_code=404)
        return net_json.reply({"errors": [function.error]} if function.error else {})

    def _find(self, name: str) -> Function | None:
        return next((f for f in self._functions if f.name.lower() == name), None)

    def _describe(self, function: Function, origin: str) -> dict[str, Any]:
        files = f"{origin}/admin/vfs"
        template = None
        if function.trigger.type == "httpTrigger":
            route = function.trigger.raw.get("route") or function.name
            parts = (origin, self._route_prefix, str(route))
            template = "/".join(part for part in parts if part).lower()
        return {
            "name": function.name,
            "script_root_path_href": None,
            "script_href": f"{files}/{function.script.name}",
            "config_href": None,
            "test_data_href": f"{files}/data/Functions/sampledata/{function.name}.dat",
            "href": f"{origin}/admin/functions/{function.name}",
            "invoke_url_template": template,
            "language": "python",
            "config": {
                "name": function.name,
                "entryPoint": function.entry_point,
                "scriptFile": function.script.name,
                "language": "python",
                "functionDirectory": str(function.script.parent),
                "bindings": [binding.raw for binding in function.bindings],
            },
            "files": None,
            "test_data": "",
            "isDisabled": False,
            "isDirect": False,
            "isProxy": False,
        }

    async def _invoke(self, request: Request, values: dict[str, str]) -> Response:
        """Start one invocation and answer 202 at once."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return Response(status_code=415)
        try:
            invocation = json.loads(await request.body())
            data = invocation.get("input")
        except (ValueError, AttributeError):
            return Response(status_code=400)
        if isinstance(data, dict | list):
            return Response(status_code=400)
        function = self._find(values["name"])
        if function is None or function.error is not None:
            return Response(status_code=404)
        task = asyncio.create_task(self._run(function, data))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Response(status_code=202)

    async def _run(self, function: Function, data: Any) -> None:
        text = None if data is None else str(data)
        match function.trigger.type:
            case "timerTrigger":
                await self._timers.fire(function)
            case "eventGridTrigger":
                try:
                    event = json.loads(text or "null")
                except ValueError:
                    event = text
                await self._event_grid.fire(function, event)
            case "activityTrigger":
                call = self._worker.call(
                    function,
                    lambda: bind_activity(function, self._links, text),
                    lambda _result: None,
                )
                await result_of(call)
            case kind:
                _log.warning("'%s' is not run: this host runs no %s by hand", function.name, kind)


async def _not_served(_request: Request, _values: dict[str, str]) -> Response:
    return Response(status_code=501)
