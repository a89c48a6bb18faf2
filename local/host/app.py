"""The host as an ASGI application: which part answers which path.

The order is that of the Functions host's pipeline (``WebJobsApplicationBuilderExtension``): its own
controllers, which take the paths and methods they know, then the app's routes, then the home page.
"""

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from . import kestrel
from .admin import Admin
from .bindings import RPC_PATH
from .durable.management import ManagementApi
from .event_grid import EventGridTriggers
from .home import home_page
from .http_trigger import HttpTriggers
from .keys import Auth, Keys, presented_key

_log = logging.getLogger("host")

_WEBHOOKS = "/runtime/webhooks/"
_WEBHOOK_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS"})


class HostApp:
    """Answers every request."""

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
            kestrel.check(scope)
            response = await self._answer(request, kestrel.decoded_path(scope["raw_path"]))
        except ClientDisconnect:
            return
        except kestrel.RefusedError as refused:
            response = Response(status_code=refused.status, headers={"Connection": "close"})
        except Exception:  # noqa: BLE001  a fault of this host: say where, and go on serving
            _log.exception("%s %s failed inside the host", request.method, request.url.path)
            response = Response(status_code=500)
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        lower = path.lower()
        if lower.startswith(RPC_PATH):
            return await self._management(request, path[len(RPC_PATH) :])
        response: Response | None = None
        if lower.startswith("/admin/"):
            response = await self._admin(request, lower[len("/admin/") :])
        elif lower.startswith(_WEBHOOKS) and request.method in _WEBHOOK_METHODS:
            response = await self._webhook(request, path[len(_WEBHOOKS) :])
        if response is None:
            response = await self._http(request, path)
        if response is None:
            response = home_page() if path == "/" else Response(status_code=404)
        return response

    async def _webhook(self, request: Request, path: str) -> Response:
        if self._auth is Auth.ALL and not self._keys.opens_webhooks(presented_key(request)):
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        extension, _slash, rest = path.partition("/")
        if extension.lower() == "durabletask":
            return await self._management(request, rest)
        if extension.lower() == "eventgrid":
            return await self._event_grid(request)
        return Response(status_code=404)
