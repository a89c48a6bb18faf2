"""The ASGI application: every server, the control endpoints, and an envelope for the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from local.simulator.callbacks import Callbacks
from local.simulator.control import Control, Elsewhere
from local.simulator.gateway import Gateway
from local.simulator.wire import Wire
from local.simulator.wires import WIRES, at_the_root
from local.simulator.world import World


def build_app(world: World) -> Starlette:
    """The application; the world starts and closes with it."""
    gateway = Gateway(world)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        callbacks = Callbacks(world)
        world.studio.on_created = callbacks.created
        world.studio.on_ended = callbacks.ended
        world.start()
        yield
        await callbacks.close()
        await world.close()

    servers = [(wire.prefix, wire) for wire in at_the_root(world.config)]
    servers += [(f"/wires/{wire.name}{wire.prefix}", wire) for wire in WIRES.values()]

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        wire, path = _nearest(servers, request.url.path), request.url.path
        unknown = wire.no_method if error.status_code == 405 else wire.no_route
        return await gateway.refuse(request, wire, unknown(request.method, path))

    routes: list[BaseRoute] = []
    for base, wire in servers:
        for operation in wire.operations():
            route = Route(
                base + operation.path,
                gateway.endpoint(operation, wire),
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


def _nearest(servers: list[tuple[str, Wire]], path: str) -> Wire:
    """The server that a path belongs to; else the first."""
    fitting = [(len(base), wire) for base, wire in servers if path.startswith(f"{base}/")]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else servers[0][1]
