"""Registers HTTP functions: `shared.durable.sdk`'s decorators plus error envelopes and CORS; and
knows which methods a path takes."""

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar

import azure.functions as func

from shared.durable import sdk
from shared.settings.app import SettingsError
from triggers.web import cors
from triggers.web.answers import Response, answer, answer_async

Handler = TypeVar("Handler", bound=Callable[..., Response | Awaitable[Response]])

_registered: dict[str, set[str]] = {}
"""Route template -> methods, filled by the decorators."""

_CATCH_ALL = "{*"
_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def http(bp: Any, route: str, methods: list[str]) -> Callable[[Handler], Handler]:
    """Register a function, plain or `async`, whose parameter is named `req`."""
    _registered.setdefault(route, set()).update(methods)

    def register(handler: Any) -> Any:
        @wraps(handler)
        def answered(req: func.HttpRequest) -> func.HttpResponse:
            return _preflight(req) or _opened(req, answer(lambda: handler(req)))

        @wraps(handler)
        async def answered_later(req: func.HttpRequest) -> func.HttpResponse:
            return _opened(req, await answer_async(handler(req)))

        wrapped = answered_later if iscoroutinefunction(handler) else answered
        return sdk.http(bp, route, methods)(wrapped)

    return register


def http_with_client(bp: Any, route: str, methods: list[str]) -> Callable[[Handler], Handler]:
    """Register an `async def` with the parameters `req` and `client`."""
    _registered.setdefault(route, set()).update(methods)

    def register(handler: Any) -> Any:
        @wraps(handler)
        async def answered(req: func.HttpRequest, client: sdk.Client) -> func.HttpResponse:
            return _opened(req, await answer_async(handler(req, client)))

        return sdk.http_with_client(bp, route, methods)(answered)

    return register


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that a path (without its first slash) takes; empty for an unknown path."""
    matched = (methods for pattern, methods in _patterns() if pattern.fullmatch(path))
    return tuple(sorted(set[str]().union(*matched), key=_ORDER.index))


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], set[str]]]:
    """A pattern of the paths of every route but the catch-all, and its methods."""
    return [
        (
            re.compile(
                "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", route))),
                re.IGNORECASE,  # as the host matches paths
            ),
            methods,
        )
        for route, methods in _registered.items()
        if not route.startswith(_CATCH_ALL)
    ]


def _preflight(req: func.HttpRequest) -> func.HttpResponse | None:
    try:
        return cors.preflight(req)
    except SettingsError:
        return None  # the handler reports what is misconfigured


def _opened(req: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    """Add the headers that let listed origins read the answer."""
    try:
        added = cors.headers(req)
    except SettingsError:
        return response
    for name, value in added.items():
        response.headers[name] = value
    return response
