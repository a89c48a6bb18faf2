"""The simulator's own endpoints under `/_sim`: for people and tests, without a key."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.simulator import journal
from local.simulator.faults.actions import schema
from local.simulator.faults.rules import RULES
from local.simulator.faults.script import RuleState
from local.simulator.gateway import ELSEWHERE
from local.simulator.jobs import Failure
from local.simulator.wires import wire_of
from local.simulator.world import World


class _Completed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    state: Literal["completed"]


class _Failed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    state: Literal["failed"]
    code: str = "internal_error"
    message: str = "Video generation failed."


class _Gone(BaseModel):
    model_config = ConfigDict(extra="forbid")
    state: Literal["expired", "vanished", "deleted"]


class _Restarted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    deployment: str


_FORCE: TypeAdapter[_Completed | _Failed | _Gone] = TypeAdapter(
    Annotated[_Completed | _Failed | _Gone, Field(discriminator="state")]
)


class Control:
    """Handlers of `/_sim`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """All routes but the other host's."""
        return [
            Route("/_sim/health", self.health, methods=["GET"]),
            Route("/_sim/config", self.config, methods=["GET"]),
            Route("/_sim/journal", self.journal, methods=["GET"]),
            Route("/_sim/jobs/{id}", self.job, methods=["GET"]),
            Route("/_sim/jobs/{id}", _explained(self.force), methods=["POST"]),
            Route("/_sim/faults", self.faults, methods=["GET"]),
            Route("/_sim/faults", _explained(self.add_faults), methods=["POST"]),
            Route("/_sim/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_sim/restart", _explained(self.restart), methods=["POST"]),
            Route("/_sim/reset", self.reset, methods=["POST"]),
        ]

    async def health(self, _: Request) -> Response:
        """200 as soon as requests are served."""
        world = self._world
        return JSONResponse(
            {
                "status": "ok",
                "time_scale": world.clock.scale,
                "seed": world.seed,
                "started_at": world.started_at,
                "jobs": len(world.studio.all()),
                "running": sum(job.running() for job in world.studio.all()),
            }
        )

    async def config(self, _: Request) -> Response:
        """The config in force, defaults included, keys excepted."""
        shown = self._world.config.model_dump(
            mode="json",
            exclude={
                "api_keys": True,
                "keys_without_role": True,
                "deployments": {"__all__": {"callback_secret"}},
            },
        )
        for entry, deployment in zip(
            shown["deployments"], self._world.config.deployments, strict=True
        ):
            entry["sizes"] = deployment.allowed_sizes
            entry["seconds"] = deployment.allowed_seconds
        return JSONResponse(shown)

    async def journal(self, _: Request) -> Response:
        """The whole journal."""
        return JSONResponse(journal.report(self._world))

    async def job(self, request: Request) -> Response:
        """The journal's entry of one job."""
        job = self._world.studio.find(request.path_params["id"])
        if job is None:
            return _refused(404, "no such job")
        return JSONResponse(journal.entry(self._world, job))

    async def force(self, request: Request) -> Response:
        """Force a job into a state now: `{"state": "completed"}` and so on."""
        studio = self._world.studio
        job = studio.find(request.path_params["id"])
        wanted = _FORCE.validate_json(await request.body())
        if job is None:
            return _refused(404, "no such job")
        if job.gone is not None:
            return _refused(409, f"the job is {job.gone}")
        match wanted:
            case _Gone(state=state):
                studio.remove(job, state)
            case _ if job.ending is not None:
                return _refused(409, f"the job is {job.ending}")
            case _Failed(code=code, message=message):
                await studio.force(job, "failed", Failure(at=1, code=code, message=message))
            case _:
                await studio.force(job, "completed", None)
        return JSONResponse(journal.entry(self._world, job))

    async def faults(self, _: Request) -> Response:
        """All rules in force, with how often they matched (`seen`) and acted (`hits`)."""
        rules = [state.described() for state in self._world.script.states]
        return JSONResponse({"rules": rules, "actions": schema()})

    async def add_faults(self, request: Request) -> Response:
        """Append a JSON list of rules; a single bad rule rejects them all."""
        rules = RULES.validate_json(await request.body())
        script = self._world.script
        script.states += [RuleState(rule=rule) for rule in rules]
        self._world.store.save_rules(script.states)
        return await self.faults(request)

    async def clear_faults(self, _: Request) -> Response:
        """Remove all rules, including those of the fault file."""
        self._world.script.states = []
        self._world.store.save_rules([])
        return await self.faults(_)

    async def restart(self, request: Request) -> Response:
        """What a restart of the server of one deployment does: `{"deployment": "wan"}`."""
        wanted = _Restarted.model_validate_json(await request.body())
        deployment = self._world.config.deployment(wanted.deployment)
        if deployment is None:
            return _refused(404, "no such deployment")
        wire_of(self._world.config, deployment).restart(self._world, deployment)
        return await self.health(request)

    async def reset(self, _: Request) -> Response:
        """Forget jobs, journal and posted rules."""
        await self._world.reset()
        return await self.health(_)


class Elsewhere:
    """The host that a `redirect` fault points to: records each request, and serves it."""

    def __init__(self, world: World, app: ASGIApp) -> None:
        self._world = world
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request and pass it on to the real path, without key and faults."""
        headers = {name.decode().lower() for name, _ in scope["headers"]}
        path = scope["path"].removeprefix("/_sim/elsewhere")
        self._world.store.note(
            "elsewhere",
            {
                "at": self._world.clock.now(),
                "method": scope["method"],
                "path": path,
                "api_key_came_along": "api-key" in headers,
                "authorization_came_along": "authorization" in headers,
            },
        )
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": "", ELSEWHERE: True}
        await self._app(inner, receive, send)


def explain(error: ValidationError) -> list[dict[str, Any]]:
    """Each error and its place, as JSON."""
    return [
        {"where": ".".join(str(step) for step in problem["loc"]), "what": problem["msg"]}
        for problem in json.loads(error.json(include_url=False, include_context=False))
    ]


def _explained(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answer 400 with reasons if the handler rejects the body."""

    async def explained(request: Request) -> Response:
        try:
            return await handler(request)
        except ValidationError as error:
            return JSONResponse(
                {"error": {"message": "not valid", "problems": explain(error)}}, status_code=400
            )

    return explained


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status_code=status)
