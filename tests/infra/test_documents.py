"""host.json, azure.yaml and the parameters: valid, and about things that exist."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator

from tests.infra.bicep.syntax import parse
from tests.infra.templates import INFRA, ROOT, deployed

SCHEMAS = Path(__file__).parent / "schemas"


def read(path: Path) -> Any:
    text = path.read_text()
    return yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)


DOCUMENTS = {
    "host.schema.json": ROOT / "host.json",
    "azure.yaml.schema.json": ROOT / "azure.yaml",
    "deploymentParameters.schema.json": INFRA / "main.parameters.json",
}


def errors(schema: str, document: Any) -> list[str]:
    validator = Draft202012Validator(json.loads((SCHEMAS / schema).read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("schema", DOCUMENTS)
def test_a_document_is_valid(schema: str) -> None:
    Draft202012Validator.check_schema(json.loads((SCHEMAS / schema).read_text()))
    assert errors(schema, read(DOCUMENTS[schema])) == []


@pytest.mark.parametrize(
    ("schema", "path", "value"),
    [
        ("host.schema.json", "extensions.durableTask.hubname", "x"),
        ("host.schema.json", "extensions.durableTask.tracing.version", "V3"),
        ("host.schema.json", "functionTimeout", "30 minutes"),
        ("azure.yaml.schema.json", "services.api.host", "functions"),
        ("azure.yaml.schema.json", "hooks.aftertheparty", {"run": "x"}),
        ("deploymentParameters.schema.json", "parameters.location", "eastus2"),
    ],
)
def test_a_mistake_is_found(schema: str, path: str, value: Any) -> None:
    document = copy.deepcopy(read(DOCUMENTS[schema]))
    part = document
    *before, last = path.split(".")
    for name in before:
        part = part[name]
    part[last] = value
    assert errors(schema, document) != []


def test_azd_finds_the_template_the_app_and_the_hooks() -> None:
    azure = read(ROOT / "azure.yaml")
    assert (ROOT / azure["infra"]["path"] / f"{azure['infra']['module']}.bicep").exists()
    (service,) = azure["services"]
    made = deployed()
    assert made.one("Microsoft.Web/sites")["tags"]["azd-service-name"] == service
    group = made.one("Microsoft.Resources/resourceGroups")
    assert group["tags"]["azd-env-name"] == "test"
    for hook in [*azure["hooks"].values(), *azure["services"][service]["hooks"].values()]:
        assert os.access(ROOT / hook["run"], os.X_OK)


def test_everybody_is_told_the_same_version_of_azd() -> None:
    needed = read(ROOT / "azure.yaml")["requiredVersions"]["azd"].removeprefix(">= ")
    for path in (ROOT / "README.md", ROOT / "docs" / "operations.md"):
        assert re.findall(r"\(https://aka.ms/azd\) ([0-9.]+) or newer", path.read_text()) == [
            needed
        ]


def test_every_given_parameter_exists_and_every_needed_one_is_given() -> None:
    given = read(INFRA / "main.parameters.json")["parameters"]
    parameters = {each.name: each for each in parse(INFRA / "main.bicep") if each.kind == "param"}
    assert set(given) - set(parameters) == set()
    needed = {name for name, each in parameters.items() if each.value is None}
    assert needed - set(given) == set()


def test_every_variable_of_the_environment_comes_from_somewhere() -> None:
    """azd's own, one that a hook sets, or one that the runbook tells to set; and none of these for
    nothing."""
    named = set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text()))
    hooks = "".join(path.read_text() for path in (INFRA / "hooks").glob("*.sh"))
    set_by_hooks = set(re.findall(r"^ *azd env set (\w+)", hooks, re.MULTILINE))
    runbook = (ROOT / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", runbook, re.MULTILINE))
    explained = {"AZURE_ENV_NAME", "AZURE_LOCATION"} | set_by_hooks | documented
    assert named - explained == set()
    assert {name for name in explained - named if f"{{{name}:-" not in hooks} == set()


def test_what_hooks_need_are_outputs_or_azds_own() -> None:
    hooks = [path.read_text() for path in (INFRA / "hooks").glob("*.sh")]
    needed = {
        name
        for text in hooks
        for line in re.findall(r"^need ((?:.|\\\n)*?[^\\])$", text, re.MULTILINE)
        for name in re.findall(r"[A-Z_]+", line)
    }
    assert len(needed) > 8
    of_azd = {"AZURE_SUBSCRIPTION_ID", "AZURE_LOCATION", "AZURE_ENV_NAME"}
    assert needed - of_azd <= set(deployed().outputs)


def test_commands_of_the_runbook_use_variables_that_exist() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    used = set(re.findall(r"\$\{?([A-Z_]{3,})", "".join(blocks)))
    assert used
    assert used <= set(deployed().outputs) | {"AZURE_SUBSCRIPTION_ID"}


TEXTS = {name: (ROOT / "docs" / name).read_text() for name in ("operations.md", "security.md")}
OF_EVENT_GRID = {"deadLetterReason", "lastDeliveryOutcome"}


@pytest.mark.parametrize("name", TEXTS)
def test_parameters_that_the_docs_name_exist(name: str) -> None:
    statements = parse(INFRA / "main.bicep")
    known = {each.name for each in statements if each.kind == "param"}
    for each in statements:
        if each.kind == "type" and each.of[0] == "shape":
            known |= set(each.of[1])
    named = set(re.findall(r"`([a-z]+[A-Z][A-Za-z]+)(?:: [^`]*)?`", TEXTS[name]))
    named -= {"azureStorage", "durableTaskScheduler", *OF_EVENT_GRID}
    assert named
    assert named - known == set()


def test_commands_that_the_docs_name_exist() -> None:
    named = set(re.findall(r"python -m local ([a-z-]+)", "".join(TEXTS.values())))
    shown = subprocess.run(
        [sys.executable, "-m", "local", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    known = set(re.findall(r"^\W* ([a-z-]+)  ", shown.stdout, re.MULTILINE))
    assert {"show", "retry", "collect", "pause", "resume", "audit"} <= named <= known


def test_failures_that_the_runbook_explains_exist() -> None:
    table = TEXTS["operations.md"].split("| code | means | do |")[1].split("\n\n")[0]
    codes = re.findall(r"^ *\| `(\w+)` \|", table, re.MULTILINE)
    assert len(codes) > 5
    text = "".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    assert [code for code in codes if f'"{code}"' not in text] == []


def test_money_and_failures_are_never_sampled_away() -> None:
    sampling = read(ROOT / "host.json")["logging"]["applicationInsights"]["samplingSettings"]
    assert {"Trace", "Exception", "Request"} <= set(sampling["excludedTypes"].split(";"))


def test_tracing_is_on_and_shows_no_inputs() -> None:
    tracing = read(ROOT / "host.json")["extensions"]["durableTask"]["tracing"]
    assert tracing == {
        "traceInputsAndOutputs": False,
        "distributedTracingEnabled": True,
        "version": "V2",
    }
