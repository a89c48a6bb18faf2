"""The OpenAPI document is whole, true to the app's functions and its own; the page needs nobody.

Whether real answers are as it says is tested with the running app: `tests/e2e/test_contract.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.stack import ROOT, local_settings
from shared.domain import errors
from shared.domain.announcement import DeliveryState
from shared.domain.video import CostState, Stage, Status
from tests.support.surface import BASE, http_functions, send
from triggers.contract.document import document

SERVER = f"https://video.example.com{BASE}"


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document(SERVER)["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_http_function_of_the_api_is_described_and_nothing_else() -> None:
    exported = {
        (method, "/" + function.route)
        for function in http_functions()
        for method in function.methods
        if f"/{function.route}".startswith(BASE)
    }
    assert {(method, BASE + path) for method, path, _ in operations()} == exported


def test_it_is_served_to_everybody_with_the_public_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = send("GET", "/openapi.json", key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["openapi"].startswith("3.1.")
    address = local_settings()["PUBLIC_BASE_URL"]
    assert answer.json == document(f"{address}{BASE}")


def test_its_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert document(SERVER)["info"]["version"] == project["version"]


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    described = document(SERVER)
    for reference in references(described):
        found: Any = described
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for name, schema in described["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description"), name
    used = set(references(described))
    for name in described["components"]["headers"]:
        assert f"#/components/headers/{name}" in used


def test_names_are_unique_and_path_parameters_are_described() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations():
        listed = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert listed == set(re.findall(r"\{(\w+)\}", path)), f"{method} {path}"


def test_links_name_operations_and_parameters_that_exist() -> None:
    parameters = {
        operation["operationId"]: {each["name"] for each in operation.get("parameters", ())}
        for _, _, operation in operations()
    }
    links = [
        link
        for _, _, operation in operations()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) >= 5
    for link in links:
        assert set(link["parameters"]) <= parameters[link["operationId"]]


def test_examples_of_bodies_fit_their_schemas() -> None:
    described = document(SERVER)
    tried = 0
    for _, _, operation in operations():
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for example in (media or {}).get("examples", {}).values():
            schema = {**media["schema"], "components": described["components"]}
            Draft202012Validator(schema).validate(example["value"])
            tried += 1
    assert tried >= 4


def test_what_may_be_left_out_of_a_body_may_be_null() -> None:
    described = document(SERVER)
    needed = {"prompt": "a", "input_file_id": "b", "endpoint": "/v1/videos"}
    needed |= {"completion_window": "24h", "purpose": "batch", "file": "c", "estimated": "1.00"}
    tried = 0
    for _, _, operation in operations():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**media["schema"], "components": described["components"]}
            own = described["components"]["schemas"].get(schema.get("$ref", "").split("/")[-1])
            if own is not None and set(own.get("required", ())) <= needed.keys():
                required = {name: needed[name] for name in own.get("required", ())}
                nulls = dict.fromkeys(own["properties"].keys() - required.keys())
                Draft202012Validator(schema).validate(required | nulls)
                tried += len(nulls)
    assert tried >= 15


def test_closed_sets_are_those_of_the_domain() -> None:
    schemas = document(SERVER)["components"]["schemas"]

    def listed(model: str, field: str) -> set[str]:
        return set(_listed(schemas[model]["properties"][field]))

    assert listed("Video", "status") == set(Status)
    assert listed("Video", "stage") == set(Stage)
    assert listed("Cost", "state") == set(CostState)
    assert listed("Delivery", "status") == set(DeliveryState)
    kinds = {
        kind.type
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.Problem)
    }
    assert listed("ErrorDetail", "type") == kinds


def _listed(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("enum", ())
    for inner in schema.get("anyOf", ()):
        yield from _listed(inner)


def test_the_page_is_one_file_that_needs_nobody() -> None:
    answer = send("GET", "/docs", key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html")
    page = answer.body.decode()
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert "@import" not in page
    assert "innerHTML" not in page  # texts of the document never become markup
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy


def test_who_does_not_ask_for_the_document_does_not_pay_for_it() -> None:
    code = "import function_app, sys; print([m for m in sys.modules if 'contract' in m])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert json.loads(answer.stdout) == []
