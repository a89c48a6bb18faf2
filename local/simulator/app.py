"""The ASGI application: both dialects, the control endpoints, and an envelope for the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from local.simulator import sora1, sora2
from local.simulator.control import Control, Elsewhere
from local.simulator.errors import Face, unknown_route, wrong_method
from local.simulator.gateway import Gateway
from local.simulator.world import World

BASES: dict[Face, str] = {"azure": "/openai/v1", "openai": "/v1"}


def build_app(world: World) -> Starlette:
    """The application; the world starts and closes with it."""
    gateway = Gateway(world)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        world.start()
        yield
        await world.close()

    async def refuse(request: Request, error: Exception) -> Response:
        face: Face = "openai" if request.url.path.startswith(f"{BASES['openai']}/") else "azure"
        assert isinstance(error, HTTPException)
        if error.status_code == 405 and face == "openai":
            return await gateway.refuse(
                request, face, wrong_method(request.method, request.url.path)
            )
        # Azure's gateway knows operations, not paths: a wrong method is an unknown one [L].
        return await gateway.refuse(
            request, face, unknown_route(face, request.method, request.url.path)
        )

    routes: list[BaseRoute] = []
    for operation in (*sora1.OPERATIONS, *sora2.OPERATIONS):
        for face in operation.faces:
            route = Route(
                BASES[face] + operation.path,
                gateway.endpoint(operation, face),
                methods=[operation.method],
            )
            assert route.methods is not None
            route.methods &= {operation.method}  # Starlette adds HEAD to every GET
            routes.append(route)
    inner = Starlette(
        routes=[*routes, *Control(world).routes()],
        exception_handlers={404: refuse, 405: refuse},
        lifespan=lifespan,
    )
    inner.router.redirect_slashes = False
    inner.router.routes.append(Mount("/_sim/elsewhere", app=Elsewhere(world, inner)))
    return inner
