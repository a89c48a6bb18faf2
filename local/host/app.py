"""The host as an ASGI application: which part answers which path."""

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.host.admin import Admin
from local.host.bindings import RPC_PATH, WEBHOOK_PATH
from local.host.durable.management import ManagementApi
from local.host.event_grid import EventGridTriggers
from local.host.http_trigger import HttpTriggers
from local.host.keys import Auth, Keys, presented_key

_log = logging.getLogger("host")

_ADMIN_PATH = "/admin/"
_EVENT_GRID_PATH = "/runtime/webhooks/eventgrid"


class HostApp:
    """``/admin`` and ``/runtime`` are the host's own; everything else is the app's."""

    def __init__(
        self,
        http: HttpTriggers,
        event_grid: EventGridTriggers,
        management: ManagementApi,
        admin: Admin,
        keys: Keys,
        auth: Auth,
    ) -> None:
        self._http = http
        self._event_grid = event_grid
        self._management = management
        self._admin = admin
        self._keys = keys
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # neither lifespan nor WebSockets
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception:  # noqa: BLE001  a fault of this host: say where, and go on serving
            _log.exception("%s %s failed inside the host", request.method, request.url.path)
            response = Response(status_code=500)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        lower = path.lower()
        if lower.startswith(RPC_PATH):
            return await self._management(request, path[len(RPC_PATH) :])
        if lower.startswith(_ADMIN_PATH):
            return await self._admin(request, path[len(_ADMIN_PATH) :])
        if lower.startswith("/runtime/"):
            return await self._webhook(request, path, lower)
        return await self._http(request)

    async def _webhook(self, request: Request, path: str, lower: str) -> Response:
        if self._auth is Auth.ALL and not self._keys.opens_webhooks(
            presented_key(request.headers, request.query_params)
        ):
            return Response(status_code=401)
        if lower.startswith(f"{WEBHOOK_PATH}/"):
            return await self._management(request, path[len(WEBHOOK_PATH) :])
        if lower.rstrip("/") == _EVENT_GRID_PATH:
            return await self._event_grid(request)
        return Response(status_code=404)
