"""One running app, whose upstreams are LiteLLM proxies in front of simulators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from local.ports import free_ports
from local.stack import API_KEY, Ports, Stack
from tests.conftest import Simulator
from tests.interop import proxy
from tests.interop.proxy import Behind

TIME_SCALE = 20
RENDERS = 40.0
"""Seconds of a render, before they are divided by TIME_SCALE."""
PATIENCE = 120.0
_UNLIMITED = {"max_running": None, "max_creates_per_minute": None}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker("interop")
            # the first test of a file waits for its proxy
            item.add_marker(pytest.mark.timeout(400))


@dataclass(frozen=True)
class Wire:
    """A server behind a proxy: LiteLLM's name of its kind, and a deployment of the simulator."""

    name: str
    provider: str
    path: str
    deployment: str

    def behind(self, simulator: str) -> Behind:
        return Behind(f"{self.provider}/{self.deployment}", f"{simulator}{self.path}", "sim-key")


OPENAI = Wire("openai", "openai", "/v1", "sora-2")
VLLM_OMNI = Wire("vllm-omni", "hosted_vllm", "/wires/vllm-omni/v1", "wan")
ASTRAY = replace(VLLM_OMNI, name="astray")
"""Its proxy lists the jobs of another server."""


@dataclass(frozen=True)
class Rig:
    """The app with a simulator. `ports` are those of the proxies, by the wire behind each."""

    stack: Stack
    ports: dict[Wire, int]


@dataclass(frozen=True)
class Gateway:
    """A proxy in front of the simulator; `model` is what callers of the app ask for."""

    model: str
    simulator: Simulator

    @property
    def jobs(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.simulator.journal()["jobs"]
        return jobs


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    data = tmp_path_factory.mktemp("interop")
    config = data / "simulator.json"
    fixed = {"distribution": {"type": "fixed", "seconds": RENDERS}}
    deployments = [
        {"name": "sora-2", "dialect": "sora-2", **_UNLIMITED},
        {"name": "wan", "dialect": "sora-2", "wire": "vllm-omni", **_UNLIMITED},
    ]
    config.write_text(json.dumps({"render_times": [fixed], "deployments": deployments}))
    ports = dict(zip((OPENAI, VLLM_OMNI, ASTRAY), free_ports(3), strict=True))
    base = Stack(data, Ports.any_free())
    (direct, _) = json.loads(base.settings["UPSTREAMS"])
    upstreams = [direct, *(_upstream(wire, port) for wire, port in ports.items())]
    stack = Stack(
        data,
        base.ports,
        overrides={
            "TIME_SCALE": str(TIME_SCALE),
            "UPSTREAMS": json.dumps(upstreams),
            "GATEWAY_KEY": proxy.KEY,
        },
        simulator_config=config,
    )
    with stack:
        yield Rig(stack, ports)


def _upstream(wire: Wire, port: int) -> dict[str, Any]:
    """The entry of a proxy in `UPSTREAMS`."""
    return {
        "name": f"litellm-{wire.name}",
        "dialect": "sora-2",
        "profile": "litellm",
        "endpoint": f"http://127.0.0.1:{port}",
        "deployment": "video",
        "model": f"by-{wire.name}",
        "auth": {"type": "header", "name": "Authorization", "secret_setting": "GATEWAY_KEY"},
        "max_running": 8,
        "max_creates_per_minute": 600,
        "capabilities": {"sizes": ["1280x720"], "seconds": [4], "images": 1},
        "prices": {"version": "1", "usd_per_second": "0.10"},
        "wire": {"list_query": {"custom_llm_provider": wire.provider}},
    }


@pytest.fixture(scope="module", params=[OPENAI, VLLM_OMNI], ids=lambda wire: wire.name)
def _gateway(request: pytest.FixtureRequest, rig: Rig) -> Iterator[Gateway]:
    wire: Wire = request.param
    behind = wire.behind(rig.stack.simulator_url)
    folder = rig.stack.data / f"litellm-{wire.name}"
    with proxy.serving(rig.ports[wire], "video", behind, folder):
        yield Gateway(f"by-{wire.name}", Simulator(rig.stack.simulator_url))


@pytest.fixture
def gateway(_gateway: Gateway) -> Gateway:
    """A proxy that the app has as an upstream; its simulator is freshly reset."""
    _gateway.simulator.reset()
    return _gateway


@pytest.fixture(scope="module")
def astray(rig: Rig) -> Iterator[Gateway]:
    """A proxy that passes creates on to one server, and asks another one for its list."""
    behind, elsewhere = (each.behind(rig.stack.simulator_url) for each in (ASTRAY, OPENAI))
    folder = rig.stack.data / "litellm-astray"
    with proxy.serving(rig.ports[ASTRAY], "video", behind, folder, listed=elsewhere.api_base):
        yield Gateway("by-astray", Simulator(rig.stack.simulator_url))


@pytest.fixture(scope="module")
def through(rig: Rig) -> Iterator[str]:
    """The `/v1` of a proxy that has our API behind it."""
    (port,) = free_ports(1)
    ours = Behind("openai/sora-2", rig.stack.api, API_KEY)
    with proxy.serving(port, "ours", ours, rig.stack.data / "litellm-ours"):
        yield f"http://127.0.0.1:{port}/v1"


# the names under which tests of the local stack ask for the same


@pytest.fixture(scope="session")
def stack(rig: Rig) -> Stack:
    return rig.stack


@pytest.fixture(scope="session")
def served(rig: Rig) -> Stack:
    return rig.stack
