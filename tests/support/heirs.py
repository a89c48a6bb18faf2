"""A model whose successor is configured: `sora-2` and, in its place, `ltx-2`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shared.domain.outage import Outage
from shared.domain.quota import DeploymentState
from shared.lifecycle import line
from shared.lifecycle.services import Services

HEIR = "ltx-2"
CHEAP, DEAR = "0.05", "0.30"
"""US dollars a second; `sora-2` costs 0.10."""
GONE = Outage(status=410, message="retired", since=1_790_000_000.0, failures=1, final=True)
"""Since 2026-09-21."""


def upstreams(
    listed: str,
    successor: Mapping[str, Any] | None = None,
    *,
    price: str = CHEAP,
    old: Mapping[str, Any] | None = None,
    heir: Mapping[str, Any] | None = None,
    more: tuple[Mapping[str, Any], ...] = (),
) -> str:
    """UPSTREAMS with `sora-2` and its successor, which the simulator's `sora` renders."""
    by_name = {each["name"]: each for each in json.loads(listed)}
    first = {**by_name["sora-2"], **(old or {})}
    if successor is not None:
        first["successor"] = {"model": HEIR, **successor}
    second = {
        **by_name["sora"],
        "name": "ltx",
        "model": HEIR,
        "prices": {"version": "ltx@1", "usd_per_second": price},
        "capabilities": {
            "sizes": ["720x1280", "480x854", "480x480"],
            "seconds": [2, 4, 5],
            "images": 1,
        },
        **(heir or {}),
    }
    return json.dumps([first, second, *more])


def change(
    services: Services, how: Callable[[DeploymentState], DeploymentState], name: str = "sora-2"
) -> None:
    """Change a deployment, seen at once."""
    upstream = services.settings.upstream(name)
    assert upstream is not None
    services.deployments.change(line.limits(services, upstream), how)
    services.deployments._recent.clear()


def retire(services: Services, name: str = "sora-2") -> None:
    """Its model is gone by its own words."""
    change(services, lambda state: replace(state, outage=GONE), name)


def out(services: Services, since: float, name: str = "sora-2", *, until: float = 9e9) -> None:
    """It has turned everybody away since then, and is tried again at `until`."""
    outage = Outage(status=401, message="no", since=since, failures=3)
    change(services, lambda state: replace(state, outage=outage, paused_until=until), name)


def back(services: Services, name: str = "sora-2") -> None:
    change(services, lambda state: replace(state, outage=None, paused_until=0.0), name)
