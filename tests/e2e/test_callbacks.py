"""News instead of polls, through the whole stack: the call of an upstream ends a long wait."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack import Ports, Stack
from shared.domain.latency import Sketch
from shared.domain.request import VideoRequest
from shared.lifecycle import expect
from shared.storage import names
from shared.storage.accounts import Account
from shared.storage.latencies import Latencies
from tests.support.stacks import Client, local_caller

SCALE = 4
RENDER = 20.0
FAR = 4000.0
"""Seconds that renders are known to take: the schedule's own look comes after 180, and a render is
over after 20."""
SECRETS = {
    "openai": "whsec_" + "bmV3cyBuZXdzIG5ld3MgbmV3cyBuZXdzIG5ld3Mh",
    "openrouter": "a-secret",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data, ports = tmp_path_factory.mktemp("callbacks"), Ports.any_free()
    host = f"http://127.0.0.1:{ports.functions}/openai/v1/callbacks"
    deployments = [
        {"name": name, "dialect": "sora-2", "wire": name, "callback_secret": secret}
        for name, secret in SECRETS.items()
    ]
    deployments[0]["callback_url"] = f"{host}/openai"
    fixed = {"distribution": {"type": "fixed", "seconds": RENDER}}
    config = data / "simulator.json"
    config.write_text(json.dumps({"deployments": deployments, "render_times": [fixed]}))
    entries = [
        {
            "name": name,
            "profile": name,
            "endpoint": f"http://127.0.0.1:{ports.simulator}/wires/{name}",
            "deployment": name,
            "model": name,
            "auth": {"type": "header", "secret_setting": "SIMULATOR_KEY"},
            "callback": {"secret_setting": f"{name.upper()}_SECRET"},
            "prices": {"version": "p", "usd_per_second": "0.1"},
            "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
        }
        for name in SECRETS
    ]
    overrides = {
        "TIME_SCALE": str(SCALE),
        "UPSTREAMS": json.dumps(entries),
        **{f"{name.upper()}_SECRET": secret for name, secret in SECRETS.items()},
    }
    with Stack(data, ports, overrides=overrides, simulator_config=config) as running:
        account = Account(connection=running.settings["STORAGE_CONNECTION"])
        latencies, now = Latencies(account.table(names.LATENCIES)), time.time()
        for name in SECRETS:
            request = VideoRequest(model=name, prompt="", width=1280, height=720, seconds=4)
            stored = latencies.get(name, expect.kind_of(request), now=now, fresh=0)
            latencies.replace(stored, Sketch((FAR,) * 22, announced=True), now=now)
        account.close()
        yield running


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Iterator[Client]:
    with local_caller(stack) as found:
        yield found


def ended(stack: Stack, video_id: str) -> dict[str, str]:
    """The fields of the log line about the end of a video's job."""
    log = Path(stack.data / "logs" / "functions-host.log").read_text()
    (line,) = re.findall(rf"event=job_ended video_id={video_id} .*", log)
    return dict(re.findall(r"(\w+)=(\S+)", line))


@pytest.mark.parametrize("name", SECRETS)
def test_the_end_of_a_render_is_seen_because_its_upstream_says_so(
    caller: Client, stack: Stack, name: str
) -> None:
    video = caller.create(model=name, prompt="a fox", size="1280x720", seconds="4")
    shown = caller.wait(video["id"], seconds=180 / SCALE + 30)
    assert shown["status"] == "completed"
    journal: dict[str, Any] = httpx.get(
        f"{stack.simulator_url}/_sim/journal", trust_env=False
    ).json()
    (job,) = [each for each in journal["jobs"] if each["deployment"] == name]
    (call,) = [each for each in journal["callbacks"] if each["job"] == job["id"]]
    assert call["status"] == 204
    seen = ended(stack, video["id"])
    assert (seen["called_back"], seen["polls"]) == ("true", "1")
    print(f"{name}: {seen}, called {call['at'] - job['ended_at']:.3f} s after the end")
