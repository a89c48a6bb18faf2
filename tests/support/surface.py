"""The app's HTTP functions called in this process, by method and path, as a host would."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

import function_app
from local.host.routing import Route, RouteTable
from local.stack import API_KEY
from tests.support.forms import sent_as

BASE = "/openai/v1"


@dataclass(frozen=True)
class HttpFunction:
    """One exported HTTP function."""

    name: str
    route: str
    methods: tuple[str, ...]
    call: Any


@lru_cache(maxsize=1)
def http_functions() -> list[HttpFunction]:
    """Every HTTP function that the app exports."""
    found = []
    function_app.app.functions_bindings = {}  # it is read once by a host, and remembers the names
    for function in function_app.app.get_functions():
        for binding in function.get_bindings_dict()["bindings"]:
            if binding["type"] == "httpTrigger":
                methods = tuple(getattr(method, "value", method) for method in binding["methods"])
                call = function.get_user_function()
                name = str(function.get_function_name())
                found.append(HttpFunction(name, binding["route"], methods, call))
    function_app.app.functions_bindings = {}
    return found


@lru_cache(maxsize=1)
def _table() -> RouteTable[HttpFunction]:
    return RouteTable(
        (each.name, Route(each.route, each.methods), each) for each in http_functions()
    )


class Durable:
    """A durable client whose engine takes everything."""

    async def start_new(self, *_: Any) -> None: ...
    async def raise_event(self, *_: Any) -> None: ...
    async def purge_instance_history(self, *_: Any) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What a function answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    model: Any
    """What its JSON was built of."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(
    method: str,
    path: str,
    *,
    key: str | None = API_KEY,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    client: Any = None,
    base: str = BASE,
) -> Answer:
    """Call the function of a path below the base path (query included). `body` is a form, bytes, or
    anything else as JSON; `client` is for functions that bind the durable client."""
    parts = urlsplit(base + path)
    found = _table().find(method, parts.path)
    assert found is not None, f"nothing claims {method} {path}"
    function, values = found
    binds = "client" in inspect.signature(function.call).parameters
    assert not binds or client is not None, function.name
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if key is not None:
        sent["authorization"] = f"Bearer {key}"
    content, kind = sent_as(body)
    if kind is not None:
        sent["content-type"] = kind
    request = func.HttpRequest(
        method,
        f"http://x{parts.path}",
        headers=sent,
        params=dict(parse_qsl(parts.query)),
        route_params=values,
        body=content,
    )
    # the SDK makes its client of what a host sends; this is the function below that
    answered = function.call.client_function(request, client) if binds else function.call(request)
    if inspect.iscoroutine(answered):
        answered = asyncio.run(answered)
    names = {name.lower(): value for name, value in answered.headers.items()}
    names["content-type"] = answered.mimetype  # the host adds the charset
    return Answer(
        answered.status_code, names, answered.get_body(), getattr(answered, "model", None)
    )


def page_of(path: str) -> tuple[list[str], bool]:
    """A page of one of the API's lists: its ids, and whether there are more."""
    answer = send("GET", path).json
    found = [each["id"] for each in answer["data"]]
    assert answer["object"] == "list"
    assert (answer["first_id"], answer["last_id"]) == (
        (found[0], found[-1]) if found else (None, None)
    )
    return found, answer["has_more"]
