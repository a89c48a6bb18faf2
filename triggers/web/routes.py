"""Registering HTTP functions: `shared.durable`'s decorators, and what every answer gets."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import azure.functions as func

from shared import durable
from shared.settings import SettingsError
from triggers.web import cors

Plain = Callable[[func.HttpRequest], func.HttpResponse]
WithClient = Callable[[func.HttpRequest, durable.Client], Awaitable[func.HttpResponse]]


def http(bp: Any, route: str, methods: list[str]) -> Callable[[Plain], Plain]:
    """Register a function whose parameter is named `req`."""

    def register(handler: Plain) -> Plain:
        @wraps(handler)
        def answered(req: func.HttpRequest) -> func.HttpResponse:
            return _preflight(req) or _open(req, handler(req))

        return durable.http(bp, route, methods)(answered)

    return register


def http_with_client(bp: Any, route: str, methods: list[str]) -> Callable[[WithClient], WithClient]:
    """Register an `async def` with the parameters `req` and `client`."""

    def register(handler: WithClient) -> WithClient:
        @wraps(handler)
        async def answered(req: func.HttpRequest, client: durable.Client) -> func.HttpResponse:
            return _open(req, await handler(req, client))

        return durable.http_with_client(bp, route, methods)(answered)

    return register


def _preflight(req: func.HttpRequest) -> func.HttpResponse | None:
    try:
        return cors.preflight(req)
    except SettingsError:
        return None  # the handler says what is misconfigured


def _open(req: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    try:
        added = cors.headers(req)
    except SettingsError:
        return response
    for name, value in added.items():
        response.headers[name] = value
    return response
