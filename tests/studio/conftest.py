"""What the studio's tests share: one browser, and one stack for what a person rarely does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.stack import Ports, Stack, local_settings
from tests.studio.pages import ASKING_KEY, BUSY_KEY, OTHER_KEY, end_browser
from tests.support.sign_in import MEMBER, SignIn, signing_in
from tests.support.stacks import Client, local_caller

WAN: dict[str, Any] = {
    "name": "wan",
    "profile": "vllm-omni",
    "deployment": "wan",
    "model": "wan-2.2",
    "auth": {"type": "none"},
    "max_running": 4,
    "max_creates_per_minute": 600,
    "prices": {"version": "studio", "usd_per_second": "0.01"},
    "capabilities": {
        "size_rule": {"multiple_of": 16, "min": 256, "max": 1280, "max_pixels": 921600},
        "default_size": "832x480",
        "seconds": {"min": 1, "max": 8},
        "default_seconds": 5,
        "images": 1,
        "parameters": {
            "seed": {"type": "integer", "minimum": 0, "maximum": 999},
            "guidance_scale": {"type": "number", "minimum": 0, "maximum": 20},
            "negative_prompt": {"type": "string"},
        },
    },
}
"""A server of one's own: any size of a rule, any length, fields beside the API's own."""


@pytest.fixture(scope="session", autouse=True)
def _browser() -> Iterator[None]:
    yield
    end_browser()


@pytest.fixture(scope="session")
def sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    """The tenant of the stack `mine`."""
    with signing_in(tmp_path_factory.mktemp("tenant")) as running:
        yield running


@pytest.fixture(scope="session")
def mine(tmp_path_factory: pytest.TempPathFactory, sign_in: SignIn) -> Iterator[Client]:
    """A stack that tests may kill, with some callers, a member of a tenant and a third model. A
    render takes 4 s, and one of 12 s of film two minutes: it is there until it is cancelled."""
    data = tmp_path_factory.mktemp("studio")
    config = data / "simulator.json"
    times = [
        {"seconds": 12, "distribution": {"type": "fixed", "seconds": 7200}},
        {"distribution": {"type": "fixed", "seconds": 240}},
    ]
    deployments = [
        {"name": "sora-2", "dialect": "sora-2", "max_running": 8, "max_creates_per_minute": 600},
        {"name": "sora", "dialect": "sora-1", "max_running": 8, "max_creates_per_minute": 600},
        {"name": "wan", "dialect": "sora-2", "wire": "vllm-omni", "sizes": ["640x640"]},
    ]
    config.write_text(json.dumps({"render_times": times, "deployments": deployments}))
    # on disk, as people run it: a host that is killed comes back to what it was doing
    stack = Stack(
        data,
        Ports.any_free(),
        {"TIME_SCALE": "60", "TRUSTED": str(sign_in.certificate), **sign_in.tenant.settings},
        simulator_config=config,
        ephemeral=False,
        host_module="tests.studio.trusting_host",
    )
    listed = json.loads(stack.settings["UPSTREAMS"])
    listed = [{**each, "max_running": 8, "max_creates_per_minute": 600} for each in listed]
    wan = {**WAN, "endpoint": f"{stack.simulator_url}/wires/vllm-omni"}
    callers = json.loads(local_settings()["CALLERS"])
    keys = {"other": OTHER_KEY, "busy": BUSY_KEY, "asking": ASKING_KEY}
    for name, key in keys.items():
        callers[name] = {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()]}
    callers["asking"]["approval_above_usd"] = 0.2
    callers["local"]["approves"] = ["asking"]
    stack.overrides = {
        **stack.overrides,
        "UPSTREAMS": json.dumps([*listed, wan]),
        "CALLERS": json.dumps({**callers, "member": {"entra": [MEMBER]}}),
    }
    with stack, local_caller(stack) as caller:
        yield caller
