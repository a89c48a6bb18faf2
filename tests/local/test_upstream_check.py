"""`python -m local upstream check` at every server of `/v1/videos` that is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from local.upstream_check.command import group
from shared.domain.profiles import PROFILES, ProfileName
from shared.settings.upstreams import Upstream
from tests.simulator.process import Simulator

KEY = "sim-key"


class Server(NamedTuple):
    """The model to ask for, and the promises that do not hold."""

    model: str
    lacks: set[str]


SERVERS: dict[ProfileName, Server] = {
    "azure": Server("az", {"cancel"}),
    "openai": Server("oai", {"cancel"}),
    "litellm": Server("lite", {"lost answer", "pictures", "cancel", "delete"}),
    "vllm-omni": Server("wan", {"pictures", "moderation", "restart"}),
    "sglang": Server("hunyuan", {"pictures", "cancel", "moderation", "restart"}),
    "tensorrt-llm": Server("cosmos", {"pictures", "moderation", "restart"}),
    "bifrost": Server("openai/bif", {"cancel"}),
    "new-api": Server("new", {"lost answer", "pictures", "cancel", "delete", "moderation"}),
    "openrouter": Server(
        "google/veo-3.1", {"lost answer", "pictures", "cancel", "delete", "moderation"}
    ),
}

CONFIG: dict[str, Any] = {
    "deployments": [
        {
            "name": server.model.removeprefix("openai/"),
            "dialect": "sora-2",
            "wire": name,
            "max_running": None,
            "max_creates_per_minute": None,
        }
        for name, server in SERVERS.items()
    ],
    "render_times": [{"distribution": {"type": "fixed", "seconds": 40}}],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("check"), CONFIG, time_scale=200) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.post("/_sim/reset", None)
    return running


class Report(NamedTuple):
    """What the command prints with --json."""

    exit_code: int
    usable: bool
    findings: dict[str, dict[str, Any]]
    promises: dict[str, bool]
    entry: dict[str, Any]

    def is_ok(self, check: str) -> bool:
        return bool(self.findings[check]["verdict"] == "ok")


def run(url: str, *options: str, key: str | None = KEY) -> Report:
    """The command, with the key in the environment."""
    environment = {"UPSTREAM_KEY": key}
    answer = CliRunner(env=environment).invoke(group, ["check", url, "--json", *options])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    assert not key or key not in answer.output
    said = json.loads(answer.stdout)
    return Report(
        answer.exit_code,
        said["usable"],
        {finding["check"]: finding for finding in said["findings"]},
        {promise["name"]: promise["holds"] for promise in said["promises"]},
        said["entry"],
    )


@pytest.fixture(params=SERVERS)
def name(request: pytest.FixtureRequest) -> ProfileName:
    chosen: ProfileName = request.param
    return chosen


def test_every_server_is_tried() -> None:
    assert SERVERS.keys() == PROFILES.keys()


def test_what_costs_nothing_is_found_and_nothing_is_created(
    simulator: Simulator, name: ProfileName
) -> None:
    model, missing = SERVERS[name]
    seen = run(f"{simulator.url}/wires/{name}", "--model", model)
    assert (seen.exit_code, seen.usable) == (0, True)
    assert (seen.findings["profile"]["verdict"], seen.entry["profile"]) == ("guess", name)
    for check in ("reachable", "auth", "wrong key", "unknown job", "wrong method"):
        assert seen.is_ok(check), seen.findings[check]
    assert {promise for promise, holds in seen.promises.items() if not holds} == missing
    upstream = Upstream.model_validate(seen.entry)
    assert upstream.speaks == PROFILES[name]
    assert (upstream.deployment, upstream.auth.type) == (model, "header")
    assert simulator.journal()["creates"] == []
    assert simulator.journal()["jobs"] == []


def test_a_clip_is_rendered_once(simulator: Simulator, name: ProfileName) -> None:
    model, missing = SERVERS[name]
    seen = run(f"{simulator.url}/wires/{name}", "--profile", name, "--model", model, "--render")
    assert (seen.exit_code, seen.usable) == (0, True)
    for check in ("profile", "create", "polls", "content"):
        assert seen.is_ok(check), seen.findings[check]
    assert seen.is_ok("pictures") == ("pictures" not in missing)
    assert seen.is_ok("deleted") == ("delete" not in missing)
    if PROFILES[name].can_list:
        assert seen.is_ok("job in list"), seen.findings["job in list"]
    assert Upstream.model_validate(seen.entry).speaks == PROFILES[name]
    (job,) = simulator.journal()["jobs"]
    assert len(simulator.journal()["creates"]) == 1
    assert (job["gone"] == "deleted") == ("delete" not in missing)


def test_the_address_may_say_the_prefix(simulator: Simulator) -> None:
    here = f"{simulator.url}/wires/sglang"
    assert run(f"{here}/v1/", key=None).entry == run(f"{here}/v1/videos", key=None).entry
    assert run(f"{here}/v1", key=None).entry["endpoint"] == here
    assert "wire" not in run(f"{here}/v1", key=None).entry


def test_the_clip_may_be_another(simulator: Simulator) -> None:
    here = f"{simulator.url}/wires/vllm-omni"
    seen = run(here, "--model", "wan", "--render", "--size", "256x144", "--seconds", "2")
    assert seen.usable
    assert seen.entry["capabilities"] == {"sizes": ["256x144"], "seconds": [2]}
    (job,) = simulator.journal()["jobs"]
    assert (job["spec"]["width"], job["spec"]["height"], job["spec"]["seconds"]) == (256, 144, 2)


def test_a_server_without_keys_has_an_entry_without_one(simulator: Simulator) -> None:
    seen = run(f"{simulator.url}/wires/sglang", "--model", "hunyuan", key=None)
    assert (seen.usable, seen.entry["auth"]) == (True, {"type": "none"})


@pytest.mark.parametrize("key", [None, "another-key"])
def test_without_the_right_key_it_says_so_and_looks_no_further(
    simulator: Simulator, key: str | None
) -> None:
    seen = run(f"{simulator.url}/wires/azure", "--render", "--model", "az", key=key)
    assert (seen.exit_code, seen.usable) == (1, False)
    assert list(seen.findings) == ["reachable", "profile", "auth"]
    says = seen.findings["auth"]["says"]
    assert says.startswith("the key is refused" if key else "it wants a key")
    assert simulator.journal()["creates"] == []


def test_a_list_that_is_switched_off_is_in_the_entry(simulator: Simulator) -> None:
    rule = {"operation": "list", "times": "unlimited", "action": {"type": "switched_off"}}
    simulator.post("/_sim/faults", [rule])
    seen = run(f"{simulator.url}/wires/vllm-omni", "--model", "wan")
    assert (seen.usable, seen.entry["wire"]) == (True, {"can_list": False})
    assert not seen.promises["lost answer"]


def test_a_list_that_does_not_show_the_job_is_not_used(simulator: Simulator) -> None:
    hidden = {"type": "hide_from_list", "seconds": 1_000_000}
    simulator.post("/_sim/faults", [{"operation": "create", "action": hidden}])
    seen = run(f"{simulator.url}/wires/vllm-omni", "--model", "wan", "--render")
    assert seen.entry["wire"] == {"can_list": False}
    assert not seen.promises["lost answer"]


def test_a_render_that_fails_says_why(simulator: Simulator) -> None:
    failure = {"type": "fail", "code": "500", "message": "CUDA out of memory"}
    simulator.post("/_sim/faults", [{"operation": "create", "action": failure}])
    seen = run(f"{simulator.url}/wires/vllm-omni", "--model", "wan", "--render")
    assert (seen.exit_code, seen.findings["polls"]["verdict"]) == (1, "wrong")
    assert "CUDA out of memory" in seen.findings["polls"]["says"]


def test_a_create_without_an_answer_is_not_repeated(simulator: Simulator) -> None:
    drop = {"type": "drop", "when": "after"}
    simulator.post("/_sim/faults", [{"operation": "create", "action": drop}])
    seen = run(f"{simulator.url}/wires/openai", "--model", "oai", "--render")
    assert (seen.exit_code, seen.findings["create"]["verdict"]) == (1, "wrong")
    assert len(simulator.journal()["jobs"]) == 1
