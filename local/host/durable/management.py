"""The HTTP API of orchestrations and entities, for the SDK's client and for the public webhooks.

Paths, statuses, headers and bodies: extension ``HttpApiHandler`` (2024, and its 2026 statuses:
409 for an id in use, 412 for purging what runs, 501 for rewinding where that is not supported).
Paths are compared without regard to case.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.host.bindings import DurableLinks
from local.host.durable import history
from local.host.durable.engine import (
    Engine,
    EngineError,
    InstanceExistsError,
    InstanceGoneError,
    InstanceNotFoundError,
    InstanceQuery,
    InvalidIdError,
    RuntimeStatus,
    StartRequest,
    UnknownFunctionError,
    UnsupportedError,
    WrongStateError,
)
from local.host.durable.entity_id import join_entity_id
from local.host.durable.payloads import entity_payload, history_payload, status_payload

T = TypeVar("T")

_CONTINUATION = "x-ms-continuation-token"
_EMPTY_ENTITY_KEY = "$"  # the webhook's way to write an empty key

_STATUS_OF: Mapping[type[EngineError], int] = {
    InstanceNotFoundError: 404,
    InstanceGoneError: 410,
    InstanceExistsError: 409,
    WrongStateError: 412,
    UnsupportedError: 501,
    UnknownFunctionError: 400,
    InvalidIdError: 400,
}


class _BadRequestError(Exception):
    """The request itself is wrong: 400 with this message and detail."""


class ManagementApi:
    """Both faces of the API: they differ only in who may call them."""

    def __init__(self, engine: Engine, links: DurableLinks) -> None:
        self._engine = engine
        self._links = links

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; ``path`` is what follows the API's base, decoded."""
        try:
            return await self._route(request, path.strip("/").split("/"))
        except _BadRequestError as error:
            return _error(400, "Invalid JSON content", error)
        except (InstanceNotFoundError, InstanceGoneError) as error:
            return Response(status_code=_STATUS_OF[type(error)])
        except (UnknownFunctionError, InvalidIdError) as error:
            message = "One or more of the arguments submitted is incorrect"
            return _error(400, message, error)
        except EngineError as error:
            status = _STATUS_OF.get(type(error), 500)
            return _error(status, str(error), error)

    async def _route(self, request: Request, parts: list[str]) -> Response:
        head = [part.lower() for part in parts]
        match request.method, head[0], len(parts):
            case "POST", "orchestrators", 2 | 3:
                return await self._start(request, parts[1], parts[2] if len(parts) == 3 else None)
            case "GET", "instances", 1:
                return await self._list(request)
            case "DELETE", "instances", 1:
                return await self._purge_by(request)
            case "GET", "instances", 2:
                return await self._status(request, parts[1])
            case "DELETE", "instances", 2:
                deleted = await _answer(self._engine.purge(parts[1]))
                return JSONResponse({"instancesDeleted": deleted})
            case "POST", "instances", 3:
                return await self._operate(request, parts[1], head[2])
            case "POST", "instances", 4 if head[2] == "raiseevent":
                return await self._raise_event(request, parts[1], parts[3])
            case "GET", "entities", 1 | 2:
                return await self._list_entities(request, parts[1] if len(parts) == 2 else "")
            case "GET", "entities", 3:
                return await self._entity(parts[1], parts[2])
            case "POST" | "DELETE", "entities", 3:
                return await self._signal(request, parts[1], parts[2])
        return Response(status_code=404)

    # instances

    async def _start(self, request: Request, name: str, instance_id: str | None) -> Response:
        version = request.query_params.get("version")
        data = await _json_text(request)
        started = await _answer(self._engine.start(StartRequest(name, data, instance_id, version)))
        return await self._started(request, started)

    async def _started(self, request: Request, instance_id: str) -> Response:
        """The result if the caller waits long enough for it, else 202 with the management URLs."""
        timeout = _number(request, "timeout")
        interval = _number(request, "pollingInterval")
        if timeout is not None and interval is not None:
            answer = await self._wait(request, instance_id, timeout, interval)
            if answer is not None:
                return answer
        links = self._links.management(instance_id, origin=_origin(request))
        del links["rewindPostUri"]
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return JSONResponse(links, status_code=202, headers=headers)

    async def _wait(
        self, request: Request, instance_id: str, seconds: float, interval: float
    ) -> Response | None:
        """The output of an instance that completes in time, the status of one that fails."""
        deadline = time.monotonic() + seconds
        while True:
            instance = await _answer(self._engine.get(instance_id))
            if instance is not None and instance.status is RuntimeStatus.COMPLETED:
                payload = status_payload(instance, show_input=False)
                return JSONResponse(payload["output"])
            if instance is not None and instance.status.is_terminal:
                return await self._status(request, instance_id)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            await asyncio.sleep(min(remaining, max(interval, 0.01)))

    async def _status(self, request: Request, instance_id: str) -> Response:
        instance = await _answer(self._engine.get(instance_id))
        if instance is None:
            return Response(status_code=404)
        show_input = _flag(request, "showInput", default=True)
        events = None
        if _flag(request, "showHistory", default=False):
            events = history_payload(
                await _answer(self._engine.history(instance_id)),
                show_input=show_input,
                show_output=_flag(request, "showHistoryOutput", default=False),
            )
        payload = status_payload(instance, show_input=show_input, history=events)
        if not instance.status.is_terminal:
            headers = {"Location": str(request.url), "Retry-After": "5"}
            return JSONResponse(payload, status_code=202, headers=headers)
        as_error = _flag(request, "returnInternalServerErrorOnFailure", default=False)
        failed = instance.status is RuntimeStatus.FAILED
        return JSONResponse(payload, status_code=500 if failed and as_error else 200)

    async def _list(self, request: Request) -> Response:
        page = await _answer(self._engine.query(_query(request)))
        show_input = _flag(request, "showInput", default=True)
        headers = {}
        if page.continuation is not None:
            token = base64.urlsafe_b64encode(page.continuation.encode())
            headers[_CONTINUATION] = token.decode()
        return JSONResponse(
            [status_payload(instance, show_input=show_input) for instance in page.instances],
            headers=headers,
        )

    async def _purge_by(self, request: Request) -> Response:
        query = _query(request)
        if not query.created_from:
            return JSONResponse(
                "Please provide value for 'createdTimeFrom' parameter.", status_code=400
            )
        deleted = await _answer(self._engine.purge_by(query))
        if deleted == 0:
            return Response(status_code=404)
        return JSONResponse({"instancesDeleted": deleted})

    async def _operate(self, request: Request, instance_id: str, operation: str) -> Response:
        reason = request.query_params.get("reason")
        match operation:
            case "terminate":
                await _answer(self._engine.terminate(instance_id, reason))
            case "suspend":
                await _answer(self._engine.suspend(instance_id, reason))
            case "resume":
                await _answer(self._engine.resume(instance_id, reason))
            case "rewind":
                await _answer(self._engine.rewind(instance_id))
            case "restart":
                return await self._restart(request, instance_id)
            case _:
                return Response(status_code=404)
        return Response(status_code=202)

    async def _restart(self, request: Request, instance_id: str) -> Response:
        with_new_id = _flag(request, "restartWithNewInstanceId", default=True)
        try:
            started = await _answer(self._engine.restart(instance_id, with_new_id=with_new_id))
        except InstanceNotFoundError as error:
            message = "InstanceId does not match a valid orchestration instance."
            return _error(400, message, error)
        return await self._started(request, started)

    async def _raise_event(self, request: Request, instance_id: str, name: str) -> Response:
        # First the instance, then the body: that is the order of the extension's answers.
        instance = await _answer(self._engine.get(instance_id))
        if instance is None:
            raise InstanceNotFoundError(instance_id)
        if instance.status.is_terminal:
            raise InstanceGoneError(instance_id, instance.status)
        if _media_type(request) != "application/json":
            message = "Only application/json request content is supported"
            return JSONResponse({"Message": message}, status_code=400)
        data = await _json_text(request)
        if data is None:
            raise _BadRequestError("the body is empty")
        await _answer(self._engine.raise_event(instance_id, name, data))
        return Response(status_code=202)

    # entities

    async def _list_entities(self, request: Request, name: str) -> Response:
        fetch_state = _flag(request, "fetchState", default=False)
        entities = await _answer(self._engine.list_entities(name.lower()))
        return JSONResponse(
            [entity_payload(entity, fetch_state=fetch_state) for entity in entities]
        )

    async def _entity(self, name: str, key: str) -> Response:
        entity = await _answer(self._engine.get_entity(_entity_id(name, key)))
        if entity is None:
            return Response(status_code=404)
        return Response(entity.state, media_type="application/json")

    async def _signal(self, request: Request, name: str, key: str) -> Response:
        operation = request.query_params.get("op", "")
        if request.method == "DELETE":
            operation = "delete"
        body = await request.body()
        data: str | None = None
        if body and _media_type(request) == "application/json":
            data = await _json_text(request)
        elif body:
            data = json.dumps(body.decode())
        await _answer(self._engine.signal(_entity_id(name, key), operation, data))
        return Response(status_code=202)


async def _answer(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)


async def _json_text(request: Request) -> str | None:
    """The body as JSON text, None if it is empty. Raises ``_BadRequestError``."""
    body = await request.body()
    if not body:
        return None
    try:
        text = body.decode()
        json.loads(text)
    except ValueError as error:
        raise _BadRequestError(str(error)) from error
    return text


def _query(request: Request) -> InstanceQuery:
    parameters = request.query_params
    statuses = [
        RuntimeStatus(name)
        for value in parameters.getlist("runtimeStatus")
        for name in value.split(",")
        if name in set(RuntimeStatus)
    ]
    after = request.headers.get(_CONTINUATION, "")
    top = parameters.get("top", "")
    return InstanceQuery(
        id_prefix=parameters.get("instanceIdPrefix", ""),
        created_from=_moment(parameters.get("createdTimeFrom")),
        created_to=_moment(parameters.get("createdTimeTo")),
        statuses=statuses,
        page_size=int(top) if top.isdigit() and int(top) > 0 else 100,
        after=base64.urlsafe_b64decode(after).decode() if after else "",
    )


def _moment(text: str | None) -> str:
    """A query's time as the store writes times; empty when it is none (``DateTime.TryParse``)."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return ""
    return history.timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _flag(request: Request, name: str, *, default: bool) -> bool:
    value = request.query_params.get(name, "").lower()
    return {"true": True, "false": False}.get(value, default)


def _number(request: Request, name: str) -> float | None:
    try:
        return float(request.query_params[name])
    except (KeyError, ValueError):
        return None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _entity_id(name: str, key: str) -> str:
    return join_entity_id(name, "" if key == _EMPTY_ENTITY_KEY else key)


def _error(status: int, message: str, error: Exception) -> Response:
    """``CreateErrorResponse``; the SDK's client reads ``ExceptionMessage`` of a 400."""
    payload: dict[str, Any] = {
        "Message": message,
        "ExceptionMessage": str(error),
        "ExceptionType": type(error).__name__,
        "StackTrace": None,
    }
    return JSONResponse(payload, status_code=status)
