"""A stack whose limits are as wide as the app takes them, so that only the machinery counts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.stack import Ports, Stack

LIMITS = {"max_running": 150, "max_creates_per_minute": 1000}


def wide_stack(
    folder: Path,
    deployment: dict[str, str],
    *,
    scale: int,
    render: float,
    limits: Mapping[str, int] = LIMITS,
    **more: Any,
) -> Stack:
    """Azurite and the simulator, once entered; the hosts are up to the caller. `deployment` is the
    simulator's (name and dialect), `render` is in seconds, `more` is for the stack."""
    config = folder / "simulator.json"
    fixed = {"distribution": {"type": "fixed", "seconds": render}}
    config.write_text(
        json.dumps({"deployments": [{**deployment, **limits}], "render_times": [fixed]})
    )
    plain = Stack(folder, Ports.any_free())
    upstreams = [{**each, **limits} for each in json.loads(plain.settings["UPSTREAMS"])]
    return Stack(
        folder,
        plain.ports,
        overrides={
            "TIME_SCALE": str(scale),
            "UPSTREAMS": json.dumps(upstreams),
            "BUDGET_USD_PER_DAY": "-1",
            "JOB_DEADLINE_MINUTES": "600",  # a busy machine is not an upstream that is late
        },
        simulator_config=config,
        with_host=False,
        **more,
    )
