"""The hooks of azd: they pass shellcheck, and do the right thing with what Azure answers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.settings import Caller
from tests.infra.bicep.syntax import parse
from tests.infra.templates import INFRA, ROOT

HOOKS = INFRA / "hooks"
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": "1111",
    "AZURE_RESOURCE_GROUP": "rg-test",
    "KEY_VAULT_NAME": "kv-test",
    "FUNCTION_APP_NAME": "func-test",
    "FUNCTION_APP_ID": "/subscriptions/1111/func-test",
    "STORAGE_ACCOUNT_NAME": "stvideo",
    "API_BASE_URL": "https://func-test.azurewebsites.net/openai/v1",
    "REQUEST_TOPIC_NAME": "evgt-requests",
    "SYSTEM_TOPIC_NAME": "egst",
    "INBOX_CONTAINER": "inbox",
    "DEAD_LETTER_CONTAINER": "deadletter",
    "HOOK_PAUSE_SECONDS": "0",
}


class Run:
    """What a hook did: its output, the commands it gave, and the azd environment afterwards."""

    def __init__(self, done: subprocess.CompletedProcess[str], state: dict[str, Any]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.calls: list[list[str]] = state["calls"]
        self.bodies: list[dict[str, Any]] = state["bodies"]
        self.environment: dict[str, str] = state["environment"]

    def called(self, *start: str) -> list[list[str]]:
        return [call for call in self.calls if call[: len(start)] == list(start)]


Hook = Callable[..., Run]


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    """Run a hook with given answers of `az`; `without` are variables that azd does not give."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("az", "azd"):
        program = programs / name
        program.write_text(
            f"#!{sys.executable}\n" + (Path(__file__).parent / "stub_az.py").read_text()
        )
        program.chmod(0o755)
    state = tmp_path / "state.json"

    def run(name: str, answers: dict[str, Any], *, without: str = "", **more: str) -> Run:
        state.write_text(
            json.dumps({"answers": answers, "calls": [], "bodies": [], "environment": {}})
        )
        given = {**ENVIRONMENT, **more, "STUB_STATE": str(state), "TMPDIR": str(tmp_path)}
        given["PATH"] = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        given.pop(without, None)
        done = subprocess.run(
            ["sh", str(HOOKS / f"{name}.sh")],
            cwd=ROOT,
            env=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Run(done, json.loads(state.read_text()))

    return run


@pytest.mark.parametrize(
    "path",
    [
        *HOOKS.glob("*.sh"),
        *(INFRA / "checks").glob("*.sh"),
        ROOT / "local/setup.sh",
        ROOT / ".ci/run",
    ],
    ids=lambda path: path.name,
)
def test_shellcheck_has_nothing_to_say(path: Path) -> None:
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    assert program is not None
    command = [program, "--external-sources", f"--source-path={HOOKS}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""


def test_azure_yaml_names_every_hook() -> None:
    text = (ROOT / "azure.yaml").read_text()
    for path in HOOKS.glob("*.sh"):
        assert path.name == "lib.sh" or f"infra/hooks/{path.name}" in text
        assert os.access(path, os.X_OK) == (path.name != "lib.sh")


# -- before provisioning: which models does the region still offer? --

FUTURE, PAST = "2099-01-01T00:00:00Z", "2026-07-15T00:00:00Z"
TODAY = datetime.now(UTC).strftime("%Y-%m-%d")


def offered(name: str, version: str, retires: str | None, sku: str = "GlobalStandard") -> Any:
    """One entry of `az cognitiveservices model list`."""
    return {
        "kind": "OpenAI",
        "model": {
            "name": name,
            "version": version,
            "deprecation": {"inference": retires} if retires else None,
            "skus": [{"name": sku, "usageName": f"OpenAI.{sku}.{name}"}],
        },
    }


def usage(name: str, limit: float) -> Any:
    return {"name": {"value": f"OpenAI.GlobalStandard.{name}"}, "limit": limit, "currentValue": 0}


def region(*models: Any, limits: Any = (), registered: str = "Registered") -> dict[str, Any]:
    return {
        "az provider show": {"value": {"registrationState": registered}},
        "az cognitiveservices model list": {"value": list(models)},
        "az cognitiveservices usage list": {"value": list(limits)},
    }


SORA_2 = offered("sora-2", "2025-12-08", FUTURE)
SORA = offered("sora", "2025-05-02", None)


def test_what_the_region_offers_is_created(hook: Hook) -> None:
    ran = hook("preprovision", region(SORA_2, SORA, limits=[usage("sora", 60)]))
    assert ran.code == 0, ran.err
    assert ran.environment["SKIPPED_MODELS"] == ""
    assert ran.environment["RETIREMENT_DATES"] == f"sora-2={FUTURE},sora="
    assert ran.environment["BUDGET_START_DATE"] == datetime.now(UTC).strftime("%Y-%m-01")
    assert (
        "sora-2 (sora-2 2025-12-08, GlobalStandard, eastus2): offered until 2099-01-01." in ran.out
    )


def test_what_is_retired_or_gone_is_skipped_with_its_date(hook: Hook) -> None:
    ran = hook("preprovision", region(offered("sora-2", "2025-12-08", PAST)))
    assert ran.code == 0, ran.err
    assert ran.environment["SKIPPED_MODELS"] == "sora-2,sora"
    assert "sora-2 (sora-2 2025-12-08, GlobalStandard, eastus2): retired on 2026-07-15." in ran.out
    assert "not offered there any more (to retire on 2026-02-28)" in ran.out
    assert "None of them can be created" in ran.out
    dates = dict(pair.split("=") for pair in ran.environment["RETIREMENT_DATES"].split(","))
    assert dates == {"sora-2": PAST, "sora": "2026-02-28T00:00:00Z"}


@pytest.mark.parametrize(
    "other",
    [
        offered("sora-2", "2025-10-06", FUTURE),
        offered("sora-2-pro", "2025-12-08", FUTURE),
        offered("sora-2", "2025-12-08", FUTURE, sku="Standard"),
    ],
    ids=["version", "model", "sku"],
)
def test_something_similar_is_not_it(hook: Hook, other: Any) -> None:
    ran = hook("preprovision", region(other, SORA))
    assert ran.environment["SKIPPED_MODELS"] == "sora-2"


def test_without_quota_it_is_skipped_and_nothing_fails(hook: Hook) -> None:
    ran = hook("preprovision", region(SORA_2, SORA, limits=[usage("sora-2", 0.0)]))
    assert ran.code == 0, ran.err
    assert ran.environment["SKIPPED_MODELS"] == "sora-2"
    assert "no quota" in ran.out


def test_a_new_subscription_is_registered_first(hook: Hook) -> None:
    ran = hook("preprovision", region(SORA_2, SORA, registered="NotRegistered"))
    assert ran.code == 0, ran.err
    assert len(ran.called("az", "provider", "register")) == 1
    again = hook("preprovision", region(SORA_2, SORA))
    assert again.called("az", "provider", "register") == []


def test_the_first_month_of_the_budget_stays(hook: Hook) -> None:
    ran = hook("preprovision", region(SORA_2, SORA), BUDGET_START_DATE="2026-01-01")
    assert "BUDGET_START_DATE" not in ran.environment


def test_subscriptions_wait_for_their_function(hook: Hook) -> None:
    gone = {"az resource show": {"error": "(ResourceNotFound)"}}
    ran = hook("preprovision", {**region(SORA_2, SORA), **gone}, EVENT_SUBSCRIPTIONS="true")
    assert ran.environment["EVENT_SUBSCRIPTIONS"] == "false"
    there = hook("preprovision", region(SORA_2, SORA), EVENT_SUBSCRIPTIONS="true")
    assert "EVENT_SUBSCRIPTIONS" not in there.environment


def test_a_region_that_cannot_be_asked_stops_it(hook: Hook) -> None:
    failing = {"az cognitiveservices model list": {"error": "(AuthorizationFailed) no"}}
    ran = hook("preprovision", {**region(), **failing})
    assert ran.code == 1
    assert "the models of eastus2 cannot be listed" in ran.err
    assert "AuthorizationFailed" in ran.err
    assert ran.environment == {}


@pytest.mark.parametrize("name", ["preprovision", "postprovision", "postdeploy"])
def test_who_is_not_signed_in_is_told_so(hook: Hook, name: str) -> None:
    ran = hook(name, {"az account show": {"error": "Please run 'az login'"}})
    assert ran.code == 1
    assert "run 'az login'" in ran.err


@pytest.mark.parametrize("name", ["preprovision", "postprovision", "postdeploy"])
def test_a_missing_variable_is_named(hook: Hook, name: str) -> None:
    ran = hook(name, {}, without="AZURE_SUBSCRIPTION_ID")
    assert ran.code == 1
    assert "AZURE_SUBSCRIPTION_ID is not set" in ran.err


# -- after provisioning: the first key --

NO_SECRET = {
    "az rest --method get": {
        "error": 'Not Found({"error":{"code":"SecretNotFound","message":"not there"}})'
    }
}


def test_the_first_key_is_printed_once_and_only_its_hash_is_kept(
    hook: Hook, tmp_path: Path
) -> None:
    ran = hook("postprovision", NO_SECRET)
    assert ran.code == 0, ran.err
    key = next(line.strip() for line in ran.out.splitlines() if line.startswith("    "))
    assert len(key) >= 43  # 32 bytes
    (body,) = ran.bodies
    callers = {
        name: Caller(**entry) for name, entry in json.loads(body["properties"]["value"]).items()
    }
    assert list(callers) == ["main"]
    assert callers["main"].key_sha256 == [hashlib.sha256(key.encode()).hexdigest()]
    assert ran.out.count(key) == 1
    assert key not in ran.err + json.dumps([ran.calls, ran.bodies, ran.environment])
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "state.json"}
    (refresh,) = ran.called("az", "rest", "--method", "post")
    assert any("configreferences" in part for part in refresh)


def test_the_first_caller_may_have_another_name(hook: Hook) -> None:
    ran = hook("postprovision", NO_SECRET, FIRST_CALLER="studio")
    assert list(json.loads(ran.bodies[0]["properties"]["value"])) == ["studio"]


def test_a_vault_with_callers_is_left_alone(hook: Hook) -> None:
    ran = hook("postprovision", {"az rest --method get": {"value": {"name": "callers"}}})
    assert ran.code == 0
    assert ran.bodies == []
    assert "no key was made" in ran.out


def test_a_vault_that_cannot_be_asked_makes_no_key(hook: Hook) -> None:
    ran = hook("postprovision", {"az rest --method get": {"error": "Forbidden"}})
    assert ran.code == 1
    assert ran.bodies == []
    assert "Forbidden" in ran.err


def test_a_key_that_cannot_be_stored_is_not_shown(hook: Hook) -> None:
    ran = hook("postprovision", {**NO_SECRET, "az rest --method put": {"error": "Conflict"}})
    assert ran.code == 1
    assert "no key was made" in ran.err
    assert ran.out == ""


# -- after the deployment: the subscriptions --


def test_the_subscriptions_are_made_with_what_the_module_asks_for(hook: Hook) -> None:
    later = {"az resource show": [{"error": "(NotFound)"}, {"error": "(NotFound)"}, {"value": {}}]}
    ran = hook("postdeploy", later)
    assert ran.code == 0, ran.err
    (made,) = ran.called("az", "deployment", "group", "create")
    template = Path(made[made.index("--template-file") + 1])
    module = (HOOKS / template).resolve()
    values = dict(part.split("=", 1) for part in made if "=" in part)
    asked = {each.name for each in parse(module) if each.kind == "param"}
    assert set(values) == asked
    assert values["functionAppName"] == "func-test"
    assert values["deadLetterContainer"] == "deadletter"
    assert ran.environment == {"EVENT_SUBSCRIPTIONS": "true"}


def test_a_function_that_never_appears_is_reported(hook: Hook) -> None:
    ran = hook("postdeploy", {"az resource show": {"error": "(NotFound)"}})
    assert ran.code == 1
    assert "azd hooks run postdeploy" in ran.err
    assert ran.environment == {}
    assert ran.called("az", "deployment") == []


def test_subscriptions_that_fail_are_not_noted_as_made(hook: Hook) -> None:
    ran = hook("postdeploy", {"az deployment group create": {"error": "(BadRequest)"}})
    assert ran.code == 1
    assert ran.environment == {}
