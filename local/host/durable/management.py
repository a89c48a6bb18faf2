"""The HTTP API of orchestrations and entities, for the SDK's client and for the public webhooks.

Paths, statuses, headers and bodies: extension ``HttpApiHandler`` (2026). Paths are compared without
regard to case.
"""

import asyncio
import base64
import binascii
import json
import os
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from .. import kestrel, net_json
from ..bindings import DurableLinks
from ..query import Query
from . import history
from .engine import (
    Engine,
    EngineError,
    InstanceExistsError,
    InstanceGoneError,
    InstanceNotFoundError,
    InstanceQuery,
    RuntimeStatus,
    StartRequest,
    UnknownFunctionError,
    WrongStateError,
)
from .entity_id import join_entity_id
from .failures import HOST_FRAMES
from .payloads import entity_payload, history_payload, status_payload

T = TypeVar("T")

_CONTINUATION = "x-ms-continuation-token"
_EMPTY_ENTITY_KEY = "$"  # how an empty key is written where it is read
_INVALID_OPERATION = "System.InvalidOperationException"
_EXISTS = "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException"
_WENT_WRONG = "Something went wrong while processing your request"


class ManagementApi:
    """Both faces of the API: they differ only in who may call them."""

    def __init__(
        self, engine: Engine, links: DurableLinks, *, inputs_are_kept: bool = False
    ) -> None:
        """``inputs_are_kept`` is host.json's ``storeInputsInOrchestrationHistory``."""
        self._engine = engine
        self._links = links
        self._inputs_are_kept = inputs_are_kept

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; ``path`` is what follows the API's base, as the web server decoded
        it: the extension decodes it once more, as if it were a form."""
        call = _Call(self._engine, self._links, request, inputs_are_kept=self._inputs_are_kept)
        try:
            problem = self._elsewhere(call)
            if problem is not None:
                return problem
            decoded = unquote_plus(kestrel.escaped_path(path)).strip("/")
            return await call.route(decoded.split("/"))
        except net_json.JsonReaderError as error:
            kind = "Newtonsoft.Json.JsonReaderException"
            return _error(400, "Invalid JSON content", str(error), kind)
        except InstanceNotFoundError:
            return Response(status_code=404)
        except InstanceGoneError:
            return Response(status_code=410)
        except WrongStateError as error:
            return net_json.reply(str(error), 412)
        except InstanceExistsError as error:
            return _message(409, str(error))
        except UnknownFunctionError as error:
            return _message(400, str(error))
        except EngineError as error:
            return _error(500, _WENT_WRONG, str(error), _INVALID_OPERATION)

    def _elsewhere(self, call: "_Call") -> Response | None:
        """The answer to a request for another storage account or task hub than this host's."""
        links, query = self._links, call.query
        connection = (query.get("connection") or "").strip()
        hub = (query.get("taskHub") or "").strip()
        if connection and connection != links.connection_name and not _is_connection(connection):
            problem = f"Unable to resolve the Azure Storage connection named '{connection}'."
            return _error(500, _WENT_WRONG, problem, _INVALID_OPERATION)
        is_here = (not hub or hub.lower() == links.hub_name.lower()) and (
            not connection or connection == links.connection_name
        )
        # Another hub is taken to be empty.
        return None if is_here else Response(status_code=404)


class _Call:
    """One request."""

    def __init__(
        self, engine: Engine, links: DurableLinks, request: Request, *, inputs_are_kept: bool
    ) -> None:
        self._engine = engine
        self._links = links
        self._request = request
        self._inputs_are_kept = inputs_are_kept
        self.query = Query(request.url.query)

    async def route(self, parts: list[str]) -> Response:
        """Answer it; ``parts`` are the segments of its path."""
        head = [part.lower() for part in parts]
        if "" in parts:
            return Response(status_code=404)
        match self._request.method, head[0], len(parts):
            case "POST", "orchestrators", 2 | 3:
                return await self._start(parts[1], parts[2] if len(parts) == 3 else None)
            case "GET", "instances", 1:
                return await self._list()
            case "DELETE", "instances", 1:
                return await self._purge_by()
            case "GET", "instances", 2:
                return await self._status(parts[1])
            case "DELETE", "instances", 2:
                deleted = await _answer(self._engine.purge(parts[1]))
                return net_json.reply({"instancesDeleted": deleted})
            case "POST", "instances", 3:
                return await self._operate(parts[1], head[2])
            case "POST", "instances", 4 if head[2] == "raiseevent":
                return await self._raise_event(parts[1], parts[3])
            case "GET", "entities", 1 | 2:
                return await self._list_entities(parts[1] if len(parts) == 2 else "")
            case "GET", "entities", 3:
                return await self._entity(parts[1], parts[2])
            case "POST" | "DELETE", "entities", 2 | 3:
                return await self._signal(parts[1], parts[2] if len(parts) == 3 else "")
        return Response(status_code=404)

    # instances

    async def _start(self, name: str, instance_id: str | None) -> Response:
        text = await self._text()
        if text is not None:
            net_json.loads(text)
        request = StartRequest(name, text, instance_id, self.query.get("version"))
        return await self._started(await _answer(self._engine.start(request)))

    async def _started(self, instance_id: str) -> Response:
        """The result if the caller waits long enough for it, else 202 with the management URLs."""
        timeout, interval = self._number("timeout"), self._number("pollingInterval")
        if timeout is not None and interval is not None:
            answer = await self._wait(instance_id, timeout, interval)
            if answer is not None:
                return answer
        links = self._links.management(instance_id, origin=self._origin())
        del links["rewindPostUri"]
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return net_json.reply(links, 202, headers)

    async def _wait(self, instance_id: str, seconds: float, interval: float) -> Response | None:
        """The output of an instance that completes in time, the status of one that fails."""
        deadline = time.monotonic() + seconds
        while True:
            instance = await _answer(self._engine.get(instance_id))
            if instance is not None and instance.status is RuntimeStatus.COMPLETED:
                return net_json.reply(status_payload(instance, show_input=False)["output"])
            if instance is not None and instance.status.is_terminal:
                return await self._status(instance_id)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            await asyncio.sleep(min(remaining, max(interval, 0.01)))

    async def _status(self, instance_id: str) -> Response:
        instance = await _answer(self._engine.get(instance_id))
        if instance is None:
            return Response(status_code=404)
        show_input = self._flag("showInput", default=True)
        events = None
        shows_history = self._flag("showHistory", default=False)
        if shows_history and instance.status is not RuntimeStatus.PENDING:
            events = history_payload(
                await _answer(self._engine.history(instance_id)),
                show_input=show_input,
                show_output=self._flag("showHistoryOutput", default=False),
                inputs_are_kept=self._inputs_are_kept,
            )
        payload = status_payload(instance, show_input=show_input, history=events)
        if not instance.status.is_terminal:
            return net_json.reply(payload, 202, {"Location": self._url(), "Retry-After": "5"})
        as_error = self._flag("returnInternalServerErrorOnFailure", default=False)
        failed = instance.status is RuntimeStatus.FAILED
        return net_json.reply(payload, 500 if failed and as_error else 200)

    async def _list(self) -> Response:
        token = self._request.headers.get(_CONTINUATION, "")
        top = self.query.get("top") or ""
        try:
            after = base64.urlsafe_b64decode(token).decode()
        except (binascii.Error, ValueError):
            return net_json.reply([])
        size = int(top) if top.isdigit() else 100
        if size == 0:
            return net_json.reply([])
        page = await _answer(self._engine.query(self._query(size, after)))
        show_input = self._flag("showInput", default=True)
        headers = {}
        if page.continuation is not None:
            headers[_CONTINUATION] = base64.urlsafe_b64encode(page.continuation.encode()).decode()
        listed = [status_payload(instance, show_input=show_input) for instance in page.instances]
        return net_json.reply(listed, headers=headers)

    async def _purge_by(self) -> Response:
        query = self._query()
        if not query.created_from:
            return net_json.reply("Please provide value for 'createdTimeFrom' parameter.", 400)
        deleted = await _answer(self._engine.purge_by(query))
        if deleted == 0:
            return Response(status_code=404)
        return net_json.reply({"instancesDeleted": deleted})

    async def _operate(self, instance_id: str, operation: str) -> Response:
        reason = self.query.get("reason")
        match operation:
            case "terminate":
                await _answer(self._engine.terminate(instance_id, reason))
            case "suspend":
                await _answer(self._engine.suspend(instance_id, reason))
            case "resume":
                await _answer(self._engine.resume(instance_id, reason))
            case "rewind":
                return await self._rewind(instance_id, reason)
            case "restart":
                return await self._restart(instance_id)
            case _:
                return Response(status_code=404)
        return Response(status_code=202)

    async def _rewind(self, instance_id: str, reason: str | None) -> Response:
        try:
            await _answer(self._engine.rewind(instance_id, reason))
        except InstanceNotFoundError:
            # the stray dollar sign is the extension's
            return net_json.reply(f'No orchestration with instance ID "${instance_id}" found.', 404)
        return Response(status_code=202)

    async def _restart(self, instance_id: str) -> Response:
        with_new_id = self._flag("restartWithNewInstanceId", default=True)
        try:
            started = await _answer(self._engine.restart(instance_id, with_new_id=with_new_id))
        except InstanceNotFoundError as error:
            message = "InstanceId does not match a valid orchestration instance."
            detail = f"{error} (Parameter 'instanceId')"
            return _error(400, message, detail, "System.ArgumentException")
        except InstanceExistsError as error:
            message = "A non-terminal instance with this instance ID already exists."
            return _error(409, message, str(error), _EXISTS)
        return await self._started(started)

    async def _raise_event(self, instance_id: str, name: str) -> Response:
        # First the instance, then the body: that is the order of the extension's answers.
        instance = await _answer(self._engine.get(instance_id))
        if instance is None:
            raise InstanceNotFoundError(instance_id)
        if instance.status.is_terminal:
            raise InstanceGoneError(instance_id, instance.status)
        if self._media_type() != "application/json":
            return _message(400, "Only application/json request content is supported")
        data = _same_json(await self._text() or "")
        await _answer(self._engine.raise_event(instance_id, name, data))
        return Response(status_code=202)

    # entities

    async def _list_entities(self, name: str) -> Response:
        fetch_state = self._flag("fetchState", default=False)
        entities = await _answer(self._engine.list_entities(name.lower()))
        # Without their states it is known of each whether it exists, with them it is not asked.
        return net_json.reply(
            [
                entity_payload(entity, fetch_state=fetch_state)
                for entity in entities
                if (entity.state is not None if fetch_state else entity.exists)
            ]
        )

    async def _entity(self, name: str, key: str) -> Response:
        entity_id = join_entity_id(name, "" if key == _EMPTY_ENTITY_KEY else key)
        entity = await _answer(self._engine.get_entity(entity_id))
        if entity is None or entity.state is None:
            return Response(status_code=404)
        return net_json.reply(net_json.loads(entity.state))

    async def _signal(self, name: str, key: str) -> Response:
        operation = self.query.get("op") or ""
        if self._request.method == "DELETE":
            operation = "delete"
        data = await self._text()
        if data is not None and self._media_type() == "application/json":
            try:
                data = _same_json(data)
            except net_json.JsonReaderError as error:
                return _message(400, f"Could not parse JSON content: {error}")
        elif data is not None:
            data = net_json.dumps(data)
        await _answer(self._engine.signal(join_entity_id(name, key), operation, data))
        return Response(status_code=202)

    # the request

    async def _text(self) -> str | None:
        """The body, None if it is empty."""
        body = await self._request.body()
        return body.decode("utf-8", "replace") if body else None

    def _query(self, page_size: int = 100, after: str = "") -> InstanceQuery:
        known = {str(status) for status in RuntimeStatus}
        return InstanceQuery(
            id_prefix=self.query.get("instanceIdPrefix") or "",
            created_from=_moment(self.query.get("createdTimeFrom")),
            created_to=_moment(self.query.get("createdTimeTo")),
            statuses=[
                RuntimeStatus(name)
                for value in self.query.all("runtimeStatus")
                for name in value.split(",")
                if name in known
            ],
            page_size=page_size,
            after=after,
        )

    def _flag(self, name: str, *, default: bool) -> bool:
        value = (self.query.get(name) or "").lower()
        return {"true": True, "false": False}.get(value, default)

    def _number(self, name: str) -> float | None:
        try:
            return float(self.query.get(name) or "")
        except ValueError:
            return None

    def _media_type(self) -> str:
        return self._request.headers.get("content-type", "").partition(";")[0].strip().lower()

    def _origin(self) -> str:
        return f"http://{self._request.headers.get('host', '')}"

    def _url(self) -> str:
        """The request's own URL, as the host writes it."""
        scope = self._request.scope
        path = kestrel.escaped_path(kestrel.decoded_path(scope["raw_path"]))
        query = scope["query_string"].decode("latin-1")
        return f"{self._origin()}{path}{'?' if query else ''}{query}"


async def _answer(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)


def _same_json(text: str) -> str:
    """A JSON text as it is after .NET has read and written it. Raises ``JsonReaderError``."""
    value = net_json.loads(text)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_connection(name: str) -> bool:
    """Whether the environment says where a storage account of that name is."""
    wanted = {name.lower(), f"azurewebjobs{name}".lower()}
    settings = (setting.lower() for setting in os.environ)
    return any(setting in wanted or setting.startswith(f"{name.lower()}__") for setting in settings)


def _moment(text: str | None) -> str:
    """A query's time as the store writes times; empty when it is none (``DateTime.TryParse``)."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return ""
    return history.timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _message(status: int, message: str) -> Response:
    return net_json.reply({"Message": message}, status)


def _error(status: int, message: str, detail: str, kind: str) -> Response:
    """``CreateErrorResponse`` with a .NET exception of that kind."""
    return net_json.reply(
        {
            "Message": message,
            "ExceptionMessage": detail,
            "ExceptionType": kind,
            "StackTrace": HOST_FRAMES,
        },
        status,
    )
