"""Records the histories of today's code: `python -m tests.histories.record RELEASE [SCENARIO ...]`.

Runs the whole stack, orders videos or a batch for each scenario, and keeps the last context that
the host showed the orchestrator in every generation. Without names it records every scenario. Needs
`make setup`.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from local.signals import end_on_signals
from local.stack import Ports, Stack, local_settings
from tests.support.stacks import Client, client

_HERE = Path(__file__).parent


def _one(**body: Any) -> Callable[[Client], list[str]]:
    return lambda api: [api.create(**body)["id"]]


def _film(api: Client) -> list[str]:
    """Lines one after the other, so that their batch takes several generations."""
    lines = [{"custom_id": f"{n}", "body": {"prompt": f"fox {n}"}} for n in range(2)]
    sent = {"file": ("film.jsonl", "\n".join(map(json.dumps, lines)).encode())}
    url = f"{api.stack.api}/files"
    file = api.http.post(url, data={"purpose": "batch"}, files=sent).json()
    new = {"input_file_id": file["id"], "endpoint": "/v1/videos", "completion_window": "24h"}
    made = api.http.post(f"{api.stack.api}/batches", json={**new, "max_running": 1}).json()
    return [made["id"]]


def _wait(api: Client, any_id: str) -> None:
    if any_id.startswith("video_"):
        api.wait(any_id, seconds=120)
        return
    until = time.monotonic() + 120
    while api.http.get(f"{api.stack.api}/batches/{any_id}").json()["status"] != "completed":
        assert time.monotonic() < until, any_id
        time.sleep(0.2)


def _queue(api: Client) -> list[str]:
    """More than two at once: the last ones wait in line and are woken by hints."""
    return [api.create(prompt=f"fox {number}")["id"] for number in range(4)]


CALLED = "called"
"""The model of a deployment that calls back."""
RETIRED = "retired"
"""A model that is gone, and whose successor is `sora-2`."""


SCENARIOS: dict[str, tuple[list[dict[str, Any]], Callable[[Client], list[str]]]] = {
    "sora-2": ([], _one(prompt="a fox")),
    "sora-variants": ([], _one(model="sora", prompt="a fox", size="480x480", n_variants=3)),
    "refused": ([], _one(prompt="content-filter")),
    "moderated": ([], _one(prompt="moderation-blocked")),
    "waiting": ([], _queue),
    "throttled": (
        [{"operation": "create", "action": {"type": "status", "status": 429}}],
        _one(prompt="a fox"),
    ),
    "long-render": (
        [{"operation": "create", "action": {"type": "render_time", "seconds": 900}}],
        _one(prompt="a fox"),
    ),
    "copy-retried": (
        [{"operation": "content", "action": {"type": "truncated", "share": 0.5}}],
        _one(prompt="a fox"),
    ),
    "called-back": ([], _one(model=CALLED, prompt="a fox")),
    "call-lost": (
        [{"operation": "create", "action": {"type": "callback", "how": "lost"}}],
        _one(model=CALLED, prompt="a fox"),
    ),
    "moved": ([], _one(model=RETIRED, prompt="a fox")),
    "batch": ([], _film),
}


def _upstreams(ports: Ports, folder: Path) -> tuple[str, Path]:
    """UPSTREAMS with a deployment that calls back and one that is gone beside the usual ones, and
    the simulator's config."""
    entries = json.loads(local_settings()["UPSTREAMS"])
    entries = [{**each, "endpoint": f"http://127.0.0.1:{ports.simulator}"} for each in entries]
    called = {
        **entries[0],
        "name": CALLED,
        "deployment": CALLED,
        "model": CALLED,
        "callback": {},
        "wire": {"calls_back": "openrouter"},
        "prices": {"version": "p", "usd_per_second": "0.1"},
        "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
    }
    retired = {
        **called,
        "name": RETIRED,
        "deployment": RETIRED,
        "model": RETIRED,
        "successor": {"model": "sora-2"},
    }
    for key in ("callback", "wire"):
        del retired[key]
    back = f"http://127.0.0.1:{ports.functions}/openai/v1/callbacks/{CALLED}"
    deployments = [
        {"name": "sora-2", "dialect": "sora-2"},
        {"name": "sora", "dialect": "sora-1"},
        {"name": CALLED, "dialect": "sora-2", "callback_url": back},
        {"name": RETIRED, "dialect": "sora-2", "retires_at": "2026-10-15T00:00:00Z"},
    ]
    config = folder / "simulator.json"
    config.write_text(json.dumps({"deployments": deployments}))
    return json.dumps([*entries, called, retired]), config


def main(release: str, *names: str) -> None:
    end_on_signals()
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder) / "contexts.jsonl"
        os.environ["RECORD_TO"] = str(shown)
        ports = Ports.any_free()
        upstreams, config = _upstreams(ports, Path(folder))
        stack = Stack(
            Path(folder),
            ports,
            overrides={"TIME_SCALE": "60", "UPSTREAMS": upstreams},
            simulator_config=config,
            host_module="tests.histories.recording_host",
        )
        with stack:
            for name in names or SCENARIOS:
                faults, order = SCENARIOS[name]
                httpx.post(f"{stack.simulator_url}/_sim/reset", trust_env=False)
                httpx.post(f"{stack.simulator_url}/_sim/faults", json=faults, trust_env=False)
                api = client(stack)
                for any_id in (ordered := order(api)):
                    _wait(api, any_id)
                time.sleep(1)  # the last episode follows the end that the caller sees
                api.http.close()
                _keep(release, name, shown, ordered)


def _keep(release: str, name: str, shown: Path, ordered: list[str]) -> None:
    generations: dict[str, dict[str, Any]] = {}
    for line in shown.read_text().splitlines():
        context = json.loads(line)
        if context["instanceId"].rsplit("-", 1)[0] in ordered:
            execution = context["history"][1]["OrchestrationInstance"]["ExecutionId"]
            generations[execution] = context
    path = _HERE / release / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    contexts = ",\n".join(_lines(context) for context in generations.values())
    path.write_text(f'{{"release": "{release}", "contexts": [\n{contexts}\n]}}\n')
    print(f"{path.relative_to(_HERE)}: {len(generations)} generations")


def _lines(context: dict[str, Any]) -> str:
    """A context with an event on each line, so that a difference can be read."""
    events = ",\n  ".join(json.dumps(event) for event in context["history"])
    rest = json.dumps({key: value for key, value in context.items() if key != "history"})
    return f'{rest[:-1]}, "history": [\n  {events}\n]}}'


if __name__ == "__main__":
    main(*sys.argv[1:])
