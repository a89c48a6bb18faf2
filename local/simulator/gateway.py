"""The path of every request: read, authenticate, apply faults, handle, record in the journal."""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from local.simulator import errors
from local.simulator.answers import answer
from local.simulator.body import parse_body
from local.simulator.errors import ApiError
from local.simulator.faults.actions import Action, LookAlike
from local.simulator.faults.effects import Effects
from local.simulator.faults.script import Occasion
from local.simulator.outgoing import NoAnswer
from local.simulator.wire import Call, NotCarriedOut, Operation, Reply, Wire
from local.simulator.world import World

log = logging.getLogger("simulator")

ELSEWHERE = "simulator.elsewhere"
"""Scope key of requests that followed a redirect to the other host: no key, no faults."""

CREATES = ("create", "remix")


@dataclass
class Passage:
    """The state of a request in the gateway."""

    operation: Operation
    call: Call
    fired: list[Action] = field(default_factory=list)
    limit: str | None = None


class Gateway:
    """Turns operations into endpoints."""

    def __init__(self, world: World) -> None:
        self._world = world

    def endpoint(
        self, operation: Operation, wire: Wire
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of an operation of one server."""

        async def endpoint(request: Request) -> Response:
            passage = Passage(operation, self._call(request, wire))
            response = await self._pass(passage, request)
            self._journal(passage, response)
            return response

        return endpoint

    async def refuse(self, request: Request, wire: Wire, error: ApiError) -> Response:
        """The answer to a path or method that belongs to no operation."""
        self._world.store.count("unknown", str(error.status))
        log.info("%s %s %s -", request.method, request.url.path, error.status)
        call = self._call(request, wire)
        reply = wire.refusal(error, None)
        return await answer(self._world, call, reply, Effects(self._world, call, []))

    def _call(self, request: Request, wire: Wire) -> Call:
        return Call(
            wire=wire,
            method=request.method,
            path=request.url.path,
            path_id=request.path_params.get("id", ""),
            query=request.query_params,
            headers=request.headers,
            at=self._world.clock.now(),
        )

    async def _pass(self, passage: Passage, request: Request) -> Response:
        call, world = passage.call, self._world
        effects = Effects(world, call, [])
        try:
            raw = await self._read(request)
            elsewhere = bool(request.scope.get(ELSEWHERE))
            if not elsewhere:
                self._authenticate(call)
            call.body = parse_body(call.headers.get("content-type", ""), raw)
            self._locate(passage)
            if not elsewhere:
                passage.fired = world.script.fire(self._occasion(passage))
                if world.script.changed:
                    world.store.save_rules(world.script.states)
                    world.script.changed = False
            call.fates = tuple(passage.fired)
            effects = Effects(world, call, passage.fired)
            await effects.wait("before")
            reply = effects.instead_of_processing()
            if reply is None:
                reply = await passage.operation.handler(world, call)
                reply = effects.instead_of_answer(reply)
            else:
                await self._strangers(passage)
        except ApiError as error:
            reply = effects.instead_of_answer(self._refusal(passage, error))
        await effects.wait("after")
        return await answer(world, call, reply, effects)

    async def _read(self, request: Request) -> bytes:
        """The body, unless it is too long.

        Raises:
            ApiError: 413.
        """
        raw = bytearray()
        async for piece in request.stream():
            raw += piece
            if len(raw) > self._world.config.max_body_bytes:
                raise ApiError(413, "The request body is too large.")
        return bytes(raw)

    def _authenticate(self, call: Call) -> None:
        """`Authorization: Bearer KEY`, or where the server knows it `api-key: KEY` [S].

        Raises:
            ApiError: 401 for no known key, 403 for a caller without the role.
        """
        key = call.headers.get("api-key") if call.wire.takes_api_key else None
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if key is None and scheme.lower() == "bearer":
            key = token.strip()
        config = self._world.config
        if key in config.keys_without_role:
            raise errors.permission_denied(f"{call.method} {call.path}")
        if key not in config.api_keys and (key is not None or call.wire.needs_key):
            raise call.wire.denied(key)

    def _locate(self, passage: Passage) -> None:
        """Find what the path names, if it is this server's, and its deployment."""
        call, wire, studio = passage.call, passage.call.wire, self._world.studio
        config = self._world.config
        job, output = studio.find(wire.own_id(call.path_id)), None
        if passage.operation.names == "generation":
            job, output = studio.find_generation(call.path_id) or (None, None)
        if job is not None and job.is_known() and job.dialect == wire.dialect:
            call.deployment = config.deployment(job.deployment)
            if call.deployment is None or wire.serves(config, call.deployment):
                call.job, call.output = job, output
                return
        call.deployment = wire.named(config, call.model)

    def _occasion(self, passage: Passage) -> Occasion:
        call, world = passage.call, self._world
        prompt = call.job.spec.prompt if call.job is not None else None
        ordinal = call.job.ordinal if call.job is not None else None
        if passage.operation.name in CREATES:
            given = call.body.fields.get("prompt")
            prompt = given if isinstance(given, str) else None
            ordinal = world.studio.next_ordinal()
        variant = None
        if passage.operation.name == "content":
            is_thumbnail = passage.operation.path.endswith("/thumbnail")
            variant = call.query.get("variant", "thumbnail" if is_thumbnail else "video")
        return Occasion(
            operation=passage.operation.name,
            dialect=call.wire.dialect,
            deployment=None if call.deployment is None else call.deployment.name,
            ordinal=ordinal,
            prompt=prompt,
            variant=variant,
            job_age=None if call.job is None else call.at - call.job.created_at,
        )

    async def _strangers(self, passage: Passage) -> None:
        """Create look-alikes, even if the request itself is not carried out."""
        if not any(isinstance(action, LookAlike) for action in passage.fired):
            return
        passage.call.only_look_alikes = True
        with contextlib.suppress(ApiError, NotCarriedOut):
            await passage.operation.handler(self._world, passage.call)

    def _refusal(self, passage: Passage, error: ApiError) -> Reply:
        passage.limit = error.limit
        return passage.call.wire.refusal(error, passage.call.deployment)

    def _journal(self, passage: Passage, response: Response) -> None:
        call, operation = passage.call, passage.operation
        status = "dropped" if isinstance(response, NoAnswer) else str(response.status_code)
        faults = [str(getattr(action, "type", "?")) for action in passage.fired]
        about = call.created or call.job
        self._world.store.count(f"{call.wire.dialect} {operation.name}", status)
        suffix = f" fault: {', '.join(faults)}" if faults else ""
        about_id = "-" if about is None else about.id
        log.info("%s %s %s %s%s", call.method, call.path, status, about_id, suffix)
        if operation.name in CREATES:
            model: object = call.model if call.job is None else call.job.deployment
            if call.deployment is not None:
                model = call.deployment.name
            request = call.remembered(self._world.config.request_id_headers)
            outcome = {
                "operation": operation.name,
                "dialect": call.wire.dialect,
                "deployment": model if isinstance(model, str) else None,
                "status": status,
                "job": None if call.created is None else call.created.id,
                "limit": passage.limit,
                "faults": faults,
            }
            self._world.store.note("create", outcome | request)
