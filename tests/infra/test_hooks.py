"""The hooks of azd: they pass shellcheck, and do the right thing with what Azure answers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.settings.callers import Caller
from shared.settings.values import Name
from tests.infra.bicep.syntax import parse
from tests.infra.templates import INFRA, ROOT, deployed

HOOKS = INFRA / "hooks"
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": "1111",
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": "eastus2",
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
            f"#!{sys.executable} -S\n" + (Path(__file__).parent / "stub_az.py").read_text()
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
        *(ROOT / "local").glob("*.sh"),
        ROOT / "tests/runtime/run.sh",
        ROOT / "tests/interop/run.sh",
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


ALL = (
    "CognitiveServices EventGrid insights KeyVault ManagedIdentity OperationalInsights Storage Web"
)


def region(*models: Any, limits: Any = (), registered: str = ALL) -> dict[str, Any]:
    providers = [
        {"namespace": f"Microsoft.{name}", "registrationState": "Registered"}
        for name in registered.split()
    ]
    providers.append({"namespace": "Microsoft.App", "registrationState": "NotRegistered"})
    return {
        "az provider list": {"value": providers},
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


def test_quota_that_may_not_be_asked_for_is_explained_and_nothing_stops(hook: Hook) -> None:
    refusing = {"az cognitiveservices usage list": {"error": "(AuthorizationFailed) no"}}
    ran = hook("preprovision", {**region(SORA_2, SORA), **refusing})
    assert ran.code == 0, ran.err
    assert ran.environment["SKIPPED_MODELS"] == ""
    assert "Cognitive Services Usages" in ran.out
    assert "InsufficientQuota" in ran.out


# -- before provisioning: resource providers --


def registered(ran: Run) -> list[str]:
    """The providers that a hook registered; each is waited for, once all have begun."""
    calls = ran.called("az", "provider", "register")
    names = [call[call.index("--namespace") + 1] for call in calls]
    half = len(names) // 2
    assert names[:half] == names[half:]
    assert [("--wait" in call) for call in calls] == [False] * half + [True] * half
    return names[:half]


def test_what_is_registered_is_left_alone(hook: Hook) -> None:
    ran = hook("preprovision", region(SORA_2, SORA))
    assert ran.code == 0, ran.err
    assert registered(ran) == []


def test_a_network_needs_a_provider_that_no_resource_is_of(hook: Hook) -> None:
    ran = hook("preprovision", region(registered=f"{ALL} Network"), VNET_ENABLED="true")
    assert registered(ran) == ["Microsoft.App"]
    assert "Registering in the subscription (once): Microsoft.App" in ran.out


OF_EVERY_SUBSCRIPTION = {"Microsoft.Authorization", "Microsoft.Consumption", "Microsoft.Resources"}


@pytest.mark.parametrize(
    ("vnet", "backend"), [("true", "azureStorage"), ("false", "durableTaskScheduler")]
)
def test_a_new_subscription_gets_what_the_templates_use(
    hook: Hook, vnet: str, backend: str
) -> None:
    made = deployed(vnetEnabled=vnet == "true", durableBackend=backend)
    used = {resource.type.partition("/")[0] for resource in made.resources}
    for network in made.of("Microsoft.Network/virtualNetworks"):
        for subnet in network["properties.subnets"]:
            for each in subnet["properties"].get("delegations", []):
                used.add(each["properties"]["serviceName"].partition("/")[0])
    ran = hook("preprovision", region(registered=""), VNET_ENABLED=vnet, DURABLE_BACKEND=backend)
    assert ran.code == 0, ran.err
    assert set(registered(ran)) == used - OF_EVERY_SUBSCRIPTION


def test_who_may_not_register_is_told_what_to_ask_for(hook: Hook) -> None:
    refusing = {"az provider register": {"error": "(AuthorizationFailed) no"}}
    ran = hook("preprovision", {**region(SORA_2, registered=ALL.replace(" Web", "")), **refusing})
    assert ran.code == 1
    assert "you may not do it: Microsoft.Web." in ran.err
    assert "az provider register --subscription 1111 --wait --namespace NAME" in ran.err
    assert ran.environment == {}


# -- before provisioning: what `azd down` left --


def deleted_vault(group: str, location: str) -> Any:
    """One entry of `az keyvault list-deleted`."""
    place = f"/subscriptions/1111/resourceGroups/{group}"
    return {
        "name": "kv-old",
        "properties": {
            "location": location,
            "scheduledPurgeDate": "2027-02-01T00:00:00+00:00",
            "vaultId": f"{place}/providers/Microsoft.KeyVault/vaults/kv-old",
        },
    }


def test_a_deleted_vault_that_holds_the_name_stops_it(hook: Hook) -> None:
    vaults = [deleted_vault("rg-other", "eastus2"), deleted_vault("rg-test", "eastus2")]
    ran = hook("preprovision", {**region(SORA_2), "az keyvault list-deleted": {"value": vaults}})
    assert ran.code == 1
    assert "vault kv-old was deleted and keeps its name until 2027-02-01" in ran.err
    assert "az keyvault purge --subscription 1111 --location eastus2 --name kv-old" in ran.err
    assert ran.environment == {}


@pytest.mark.parametrize(
    "answer",
    [
        {"value": [deleted_vault("rg-test2", "eastus2"), deleted_vault("rg-test", "westus")]},
        {"error": "(AuthorizationFailed) no"},
    ],
    ids=["others", "refused"],
)
def test_other_deleted_vaults_do_not(hook: Hook, answer: Any) -> None:
    ran = hook("preprovision", {**region(SORA_2), "az keyvault list-deleted": answer})
    assert ran.code == 0, ran.err


def test_deleted_model_accounts_are_named(hook: Hook) -> None:
    place = "/subscriptions/1111/providers/Microsoft.CognitiveServices/locations/eastus2"
    accounts = [
        {
            "id": f"{place}/resourceGroups/{group}/deletedAccounts/oai-{group}",
            "name": f"oai-{group}",
            "location": "eastus2",
        }
        for group in ("rg-test", "rg-other")
    ]
    answers = {"az cognitiveservices account list-deleted": {"value": accounts}}
    ran = hook("preprovision", {**region(SORA_2), **answers})
    assert ran.code == 0, ran.err
    assert ran.out.count("az cognitiveservices account purge") == 1
    assert "--resource-group rg-test --location eastus2 --name oai-rg-test" in ran.out


MONTH = datetime.now(UTC).strftime("%Y-%m-01")
NO_GROUP = {"az rest --method get": {"error": "Not Found({'code': 'ResourceGroupNotFound'})"}}


@pytest.mark.parametrize("answer", [NO_GROUP, {"az rest --method get": {"value": {"value": []}}}])
def test_a_new_budget_begins_this_month_whatever_azd_remembers(hook: Hook, answer: Any) -> None:
    ran = hook("preprovision", {**region(SORA_2), **answer}, BUDGET_START_DATE="2026-01-01")
    assert ran.environment["BUDGET_START_DATE"] == MONTH


@pytest.mark.parametrize("remembered", ["", "2026-05-01", MONTH])
def test_a_budget_that_is_there_keeps_its_first_month(hook: Hook, remembered: str) -> None:
    budgets = [
        {"name": "somebody-else-s", "properties": {"timePeriod": {"startDate": "2025-01-01"}}},
        {
            "name": "budget-abc",
            "properties": {"timePeriod": {"startDate": "2026-02-01T00:00:00Z"}},
        },
    ]
    answer = {"az rest --method get": {"value": {"value": budgets}}}
    ran = hook("preprovision", {**region(SORA_2), **answer}, BUDGET_START_DATE=remembered)
    assert ran.environment["BUDGET_START_DATE"] == "2026-02-01"
    (asked,) = ran.called("az", "rest")
    assert any("/resourceGroups/rg-test/providers/Microsoft.Consumption/" in it for it in asked)


def test_a_budget_that_may_not_be_asked_for_keeps_what_azd_remembers(hook: Hook) -> None:
    answer = {"az rest --method get": {"error": "(AuthorizationFailed) no"}}
    ran = hook("preprovision", {**region(SORA_2), **answer}, BUDGET_START_DATE="2026-05-01")
    assert ran.code == 0, ran.err
    assert ran.environment["BUDGET_START_DATE"] == "2026-05-01"
    assert "AuthorizationFailed" in ran.out


def test_subscriptions_wait_for_their_function(hook: Hook) -> None:
    gone = {"az resource show": {"error": "(ResourceNotFound)"}}
    ran = hook("preprovision", {**region(SORA_2, SORA), **gone}, EVENT_SUBSCRIPTIONS="true")
    assert ran.environment["EVENT_SUBSCRIPTIONS"] == "false"
    there = hook("preprovision", region(SORA_2, SORA), EVENT_SUBSCRIPTIONS="true")
    assert "EVENT_SUBSCRIPTIONS" not in there.environment


def test_another_python_is_announced(hook: Hook) -> None:
    same = parameter_of_azd("pythonVersion")
    ran = hook("preprovision", region(SORA_2), FUNCTION_APP_PYTHON_VERSION="3.10")
    assert f"Python changes from 3.10 to {same}." in ran.out
    again = hook("preprovision", region(SORA_2), FUNCTION_APP_PYTHON_VERSION=same)
    assert "Python" not in again.out


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
def test_who_has_not_chosen_a_subscription_is_told_how(hook: Hook, name: str) -> None:
    ran = hook(name, {}, without="AZURE_SUBSCRIPTION_ID")
    assert ran.code == 1
    assert "AZURE_SUBSCRIPTION_ID is not set" in ran.err
    assert "'azd env set AZURE_SUBSCRIPTION_ID ID'" in ran.err


@pytest.mark.parametrize("name", ["postprovision", "postdeploy"])
def test_a_missing_output_is_named(hook: Hook, name: str) -> None:
    ran = hook(name, {}, without="FUNCTION_APP_ID")
    assert ran.code == 1
    assert "FUNCTION_APP_ID is not set" in ran.err


# -- what the hooks take from the parameters --


def parameter_of_azd(name: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", str(HOOKS / "parameters.py"), name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_parameters_are_what_main_bicep_gets() -> None:
    version = deployed().one("Microsoft.Web/sites")["properties.functionAppConfig"]["runtime"]
    assert parameter_of_azd("pythonVersion") == version["version"]
    assert parameter_of_azd("vnetEnabled") == "false"
    assert parameter_of_azd("vnetEnabled", VNET_ENABLED="true") == "true"
    # azd takes these for a bool as well (Azure/azure-dev, armParameterFileValue)
    assert [parameter_of_azd("vnetEnabled", VNET_ENABLED=each) for each in ("True", "1", "T")] == [
        "true"
    ] * 3
    assert parameter_of_azd("vnetEnabled", VNET_ENABLED="False") == "false"
    assert parameter_of_azd("durableBackend") == "azureStorage"
    assert parameter_of_azd("durableBackend", DURABLE_BACKEND="x") == "x"
    assert parameter_of_azd("keyVaultPurgeProtection") == "false"


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
    for name in ("studio", "a" * 63):
        ran = hook("postprovision", NO_SECRET, FIRST_CALLER=name)
        assert list(json.loads(ran.bodies[0]["properties"]["value"])) == [name]


@pytest.mark.parametrize("name", ["Team A", "-a", "a/b", "\u00e9", 'a"b', "a" * 64])
def test_a_first_caller_that_the_app_would_refuse_is_not_made(hook: Hook, name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)
    ran = hook("postprovision", NO_SECRET, FIRST_CALLER=name)
    assert ran.code == 1
    assert "FIRST_CALLER" in ran.err
    assert ran.bodies == []


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("TF_BUILD", "True"),
        ("JENKINS_URL", "https://ci"),
    ],
)
def test_the_log_of_a_pipeline_does_not_show_the_key(
    hook: Hook, tmp_path: Path, name: str, value: str
) -> None:
    ran = hook("postprovision", NO_SECRET, **{name: value})
    assert ran.code == 0, ran.err
    stored, callers = (body["properties"]["value"] for body in ran.bodies)
    assert len(stored) >= 43
    digest = hashlib.sha256(stored.encode()).hexdigest()
    assert json.loads(callers)["main"]["key_sha256"] == [digest]
    puts = ran.called("az", "rest", "--method", "put")
    names = [re.findall(r"/secrets/([\w-]+)\?", " ".join(call))[0] for call in puts]
    assert names == ["first-caller-key", "callers"]  # with callers there, no key is made any more
    assert stored not in ran.out + ran.err + json.dumps([ran.calls, ran.environment])
    assert "--vault-name kv-test --name first-caller-key --query value" in ran.out
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "state.json"}


def test_who_is_in_no_pipeline_sees_it(hook: Hook) -> None:
    ran = hook("postprovision", NO_SECRET, CI="false")
    assert "It is shown only now" in ran.out
    assert len(ran.bodies) == 1


def test_a_key_that_cannot_be_stored_for_its_reader_makes_no_caller(hook: Hook) -> None:
    ran = hook(
        "postprovision", {**NO_SECRET, "az rest --method put": {"error": "Conflict"}}, CI="true"
    )
    assert ran.code == 1
    assert "none was made" in ran.err
    assert len(ran.called("az", "rest", "--method", "put")) == 1


# -- before the deployment: the package and its Python --


def test_a_package_for_another_python_is_not_deployed(hook: Hook) -> None:
    same = parameter_of_azd("pythonVersion")
    assert hook("predeploy", {}, FUNCTION_APP_PYTHON_VERSION=same).code == 0
    ran = hook("predeploy", {}, FUNCTION_APP_PYTHON_VERSION="3.10")
    assert ran.code == 1
    assert f"runs on Python 3.10 and would be packaged for {same}: 'azd up' changes both" in ran.err


def test_packaging_without_pip_says_how_to_get_it(hook: Hook, tmp_path: Path) -> None:
    without = tmp_path / "bin" / "python3"
    without.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "-m pip" ] && exit 1\nexec "{sys.executable}" "$@"\n'
    )
    without.chmod(0o755)
    ran = hook("prepackage", {})
    assert ran.code == 1
    assert "pip is needed" in ran.err
    assert "python3-pip" in ran.err


# -- after the deployment: the subscriptions --


def test_az_gets_its_bicep_before_anything_is_waited_for(hook: Hook) -> None:
    ran = hook("postdeploy", {"az bicep version": {"error": "Bicep CLI not found."}})
    assert ran.code == 0, ran.err
    commands = [call[1:3] for call in ran.calls]
    assert commands.index(["bicep", "install"]) < commands.index(["resource", "show"])
    there = hook("postdeploy", {})
    assert there.called("az", "bicep", "install") == []


def test_without_a_bicep_for_az_it_stops_at_once_and_says_what_to_do(hook: Hook) -> None:
    offline = {"az bicep": {"error": "Bicep CLI not found."}}
    ran = hook("postdeploy", offline)
    assert ran.code == 1
    assert "bicep.use_binary_from_path" in ran.err
    assert "azd hooks run postdeploy" in ran.err
    assert ran.called("az", "resource", "show") == []


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
