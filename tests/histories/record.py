"""Records the histories of today's code: `python -m tests.histories.record RELEASE`.

Runs the whole stack, orders one video for each scenario, and keeps the last context that the host
showed the orchestrator in every generation. Needs `make setup`.
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
from local.stack import Ports, Stack
from tests.support.stacks import Client, client

_HERE = Path(__file__).parent


def _one(**body: Any) -> Callable[[Client], list[str]]:
    return lambda api: [api.create(**body)["id"]]


def _queue(api: Client) -> list[str]:
    """More than two at once: the last ones wait in line and are woken by hints."""
    return [api.create(prompt=f"fox {number}")["id"] for number in range(4)]


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
}


def main(release: str) -> None:
    end_on_signals()
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder) / "contexts.jsonl"
        os.environ["RECORD_TO"] = str(shown)
        stack = Stack(
            Path(folder),
            Ports.any_free(),
            overrides={"TIME_SCALE": "60"},
            host_module="tests.histories.recording_host",
        )
        with stack:
            for name, (faults, order) in SCENARIOS.items():
                httpx.post(f"{stack.simulator_url}/_sim/reset", trust_env=False)
                httpx.post(f"{stack.simulator_url}/_sim/faults", json=faults, trust_env=False)
                api = client(stack)
                for video_id in (ordered := order(api)):
                    api.wait(video_id, seconds=120)
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
    main(sys.argv[1])
