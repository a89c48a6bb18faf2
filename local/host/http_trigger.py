"""HTTP triggers: a request to ``func.HttpRequest``, what the function returns to a response.

Request: host ``GrpcMessageConversionExtensions.ToRpcHttp`` with the Python worker's capabilities
(the body as bytes, and only if its length is known; repeated headers and query values joined with
commas; empty query values left out). Response: azure-functions 1.26 ``HttpResponseConverter``, host
``RawScriptResult``.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from azure.functions import meta
from starlette.requests import Request
from starlette.responses import Response

from . import kestrel
from .bindings import DurableLinks, bind
from .converters import converter_of
from .cookies import rewritten
from .index import Function
from .keys import Auth, Keys, presented_key
from .query import Query, joined
from .routing import Route, RouteTable
from .worker import Worker, result_of

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
            (function.name, route_of(function, route_prefix), function)
            for function in functions
            if function.trigger.type == "httpTrigger" and function.error is None
        )

    async def __call__(self, request: Request, path: str) -> Response | None:
        """Answer a request for a decoded path; None when no function has that and the method."""
        found = self._table.find(request.method, path)
        if found is None:
            return None
        function, route_values = found
        if not self._may_call(function, request):
            return Response(status_code=401)
        trigger = _datum(request, path, route_values, await _body(request))
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
        key = presented_key(request)
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


async def _body(request: Request) -> bytes:
    """The body, if its length was announced: the host does not read a chunked one."""
    if int(request.headers.get("content-length", "0")) > 0:
        return await request.body()
    async for _chunk in request.stream():
        pass  # it has to go, or the connection could not be used again
    return b""


def _datum(request: Request, path: str, route_values: Mapping[str, str], body: bytes) -> meta.Datum:
    """The request as the worker hands it to ``HttpRequestConverter``."""
    query = request.scope["query_string"].decode("latin-1")
    host = request.headers.get("host", "")
    url = f"http://{host}{kestrel.escaped_path(path)}{'?' if query else ''}{query}"
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.raw:
        headers.setdefault(name.decode("latin-1"), []).append(kestrel.header_text(value))

    def texts(values: Mapping[str, str]) -> dict[str, meta.Datum]:
        return {name: meta.Datum(value, "string") for name, value in values.items()}

    return meta.Datum(
        {
            "method": meta.Datum(request.method, "string"),
            "url": meta.Datum(url, "string"),
            "headers": texts({name: joined(values) for name, values in headers.items()}),
            "query": texts({n: value for n, value in Query(query).items().items() if value}),
            "params": texts(route_values),
            "body": meta.Datum(body, "bytes"),
        },
        "http",
    )


def _response(result: Any) -> Response:
    """What a function returned as a response.

    Raises ``NotImplementedError`` for anything but text and ``func.HttpResponse``: the worker
    cannot encode it either.
    """
    datum = converter_of("http").encode(result, expected_type=None)
    if datum.type == "string":
        return Response(datum.value, media_type="text/plain")
    parts = datum.value
    status, body = int(parts["status_code"].value), parts["body"].value
    headers = _one_of_each((name, value.value) for name, value in parts["headers"].items())
    response = Response(b"" if status in _BODILESS else body, status)
    length = headers.pop("content-length", None)
    if body or length is None:
        length = str(len(response.body))
    lines = list(headers.items())
    lines += [("set-cookie", line) for each in parts["cookies"] or () for line in rewritten(each)]
    if status not in _BODILESS:
        lines.append(("content-length", length))
    response.raw_headers = [(name.encode("latin-1"), value.encode()) for name, value in lines]
    return response


def _one_of_each(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name in lower case. What comes twice in another case is dropped by the host, what
    comes twice as it is by the converter already."""
    kept: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "content-type":
            kept["content-type"] = value
        else:
            kept.setdefault(name.lower(), value)
    return kept
