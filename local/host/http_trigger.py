"""HTTP triggers: a request to ``func.HttpRequest``, what the function returns to a response.

Request: host ``GrpcMessageConversionExtensions.ToRpcHttp`` with the Python worker's capabilities
(the body as bytes; repeated headers and query values joined with commas; empty query values left
out). Response: azure-functions 1.26 ``HttpResponseConverter``.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import azure.functions as func
from azure.functions import meta
from starlette.requests import Request
from starlette.responses import Response

from local.host.bindings import DurableLinks, bind
from local.host.index import Function
from local.host.keys import Auth, Keys, presented_key
from local.host.routing import Route, RouteTable
from local.host.worker import Worker, result_of

_log = logging.getLogger("host.http")

_BODILESS = frozenset({204, 304})


class HttpTriggers:
    """The app's HTTP functions behind their routes."""

    def __init__(
        self,
        functions: Iterable[Function],
        route_prefix: str,
        worker: Worker,
        links: DurableLinks,
        keys: Keys,
        auth: Auth,
    ) -> None:
        """Raises ``RouteError`` for a template that ASP.NET would refuse."""
        self._worker = worker
        self._links = links
        self._keys = keys
        self._auth = auth
        self._table = RouteTable(
            (route_of(function, route_prefix), function)
            for function in functions
            if function.trigger.type == "httpTrigger" and function.error is None
        )

    async def __call__(self, request: Request) -> Response:
        """Answer a request; an empty 404 when no function has this path and method."""
        found = self._table.find(request.method, request.url.path)
        if found is None:
            return Response(status_code=404)
        function, route_values = found
        if not self._may_call(function, request):
            return Response(status_code=401)
        trigger = _datum(request, route_values, await request.body())
        try:
            return await result_of(
                self._worker.call(function, lambda: bind(function, self._links, trigger), _response)
            )
        except Exception:  # noqa: BLE001  the app's fault, in the log already
            return Response(status_code=500)

    def _may_call(self, function: Function, request: Request) -> bool:
        if self._auth is Auth.OFF:
            return True
        level = str(function.trigger.properties.get("authLevel") or "function")
        key = presented_key(request.headers, request.query_params)
        if self._keys.opens_function(key, level, function.name):
            return True
        _log.warning(
            "401 for '%s': its AuthLevel is %s, and the request has no key that fits"
            " (header x-functions-key or ?code=)",
            function.name,
            level,
        )
        return False


def route_of(function: Function, route_prefix: str) -> Route:
    """The route of an HTTP function. Raises ``RouteError``."""
    properties = function.trigger.properties
    template = properties.get("route") or function.name
    prefix = f"{route_prefix}/" if route_prefix else ""
    return Route(f"{prefix}{str(template).lstrip('/')}", properties.get("methods"))


def _datum(request: Request, route_values: Mapping[str, str], body: bytes) -> meta.Datum:
    """The request as the worker hands it to ``HttpRequestConverter``."""

    def texts(values: Mapping[str, str]) -> dict[str, meta.Datum]:
        return {name: meta.Datum(value, "string") for name, value in values.items()}

    return meta.Datum(
        {
            "method": meta.Datum(request.method, "string"),
            "url": meta.Datum(_url(request), "string"),
            "headers": texts(_joined(request.headers.items())),
            "query": texts(
                {
                    name: value
                    for name, value in _joined(request.query_params.multi_items()).items()
                    if value
                }
            ),
            "params": texts(route_values),
            "body": meta.Datum(body, "bytes"),
        },
        "http",
    )


def _url(request: Request) -> str:
    """The URL as it was sent, with its escapes."""
    path = request.scope["raw_path"].decode("ascii")
    query = request.scope["query_string"].decode("ascii")
    return f"{request.url.scheme}://{request.url.netloc}{path}{'?' if query else ''}{query}"


def _joined(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in items:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _response(result: Any) -> Response:
    """What a function returned as a response.

    Raises ``TypeError`` for anything but text and ``func.HttpResponse``, None included: the worker
    cannot encode it either.
    """
    if isinstance(result, str):
        return Response(result, media_type="text/plain")
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"unable to encode outgoing TypedData: unsupported type {type(result)}")
    body = result.get_body()
    headers = [(name.lower(), value) for name, value in result.headers.items()]
    names = [name for name, _value in headers]
    if "content-type" not in names:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        headers.append(("content-type", f"{result.mimetype}{charset}"))
    repeated = {name for name in names if names.count(name) > 1} - {"set-cookie"}
    if repeated:
        _log.warning("Azure keeps only the last of repeated headers: %s", ", ".join(repeated))
    response = Response(b"" if result.status_code in _BODILESS else body, result.status_code)
    length = [(name, value) for name, value in headers if name == "content-length"]
    headers = [(name, value) for name, value in headers if name != "content-length"]
    if body or not length:
        length = [("content-length", str(len(response.body)))]
    if result.status_code in _BODILESS:
        length = []
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in [*headers, *length]
    ]
    return response
