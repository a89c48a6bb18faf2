"""Who may do what: the templates give exactly the table of docs/security.md, and nothing wider."""

from __future__ import annotations

import json
import re

import pytest

from shared.storage import names
from tests.infra.bicep.evaluate import Deployment, Later, Resource
from tests.infra.templates import EVERYTHING, FILES, INFRA, OPERATOR, PUBLISHER, ROOT, deployed

ROLES: dict[str, str] = json.loads((INFRA / "roles.json").read_text())

# From Azure's list of built-in roles, written down a second time on purpose.
BUILT_IN = {
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "a97b65f3-24c7-4388-baec-2e87135dc908": "Cognitive Services User",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
}


def test_the_ids_are_those_of_the_roles() -> None:
    assert {id_: name for name, id_ in ROLES.items()} == BUILT_IN


def test_roles_are_given_by_name_only() -> None:
    guid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    for path in FILES:
        assert re.findall(guid, path.read_text()) == [], path.name


def who(made: Deployment, principal: str) -> str:
    if principal == OPERATOR:
        return "the operator"
    if principal == PUBLISHER:
        return "a publisher"
    assert isinstance(principal, Later)
    kind = principal.resource.type
    if kind.endswith("userAssignedIdentities"):
        return "the app"
    if kind.endswith("systemTopics"):
        return "the system topic"
    assert principal.resource.name.startswith("evgt-requests")
    return "the request topic"


def where(scope: Resource) -> str:
    """The words of docs/security.md for a scope."""
    kind = scope.type.rpartition("/")[2]
    if kind == "storageAccounts":
        return "the host's storage" if "host" in scope.name else "the video storage"
    if kind == "containers":
        return f"the container `{scope.name}`"
    if kind == "topics":
        return "the event topic" if "events" in scope.name else "the request topic"
    words = {
        "tables": "each table",
        "vaults": "the vault",
        "components": "Application Insights",
        "accounts": "each model account",
        "taskHubs": "the task hub",
    }
    return words[kind]


def given(made: Deployment) -> list[tuple[str, str, str]]:
    """Who, role, where: one entry for each role assignment."""
    found = []
    for each in made.of("Microsoft.Authorization/roleAssignments"):
        assert isinstance(each.scope, Resource), f"{each.symbol} is given on a whole group"
        role = BUILT_IN[each["properties.roleDefinitionId"].rpartition("/")[2]]
        found.append((who(made, each["properties.principalId"]), role, where(each.scope)))
    return found


def documented() -> set[tuple[str, str, str]]:
    text = (ROOT / "docs" / "security.md").read_text()
    table = text.split("| who | role | on | why |")[1].split("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    return {(row[0].strip(), row[1].strip(), row[2].strip()) for row in rows}


def test_the_table_in_the_docs_is_what_is_given() -> None:
    everything = set(given(deployed(**EVERYTHING)))
    everything |= set(given(deployed(**{**EVERYTHING, "durableBackend": "azureStorage"})))
    assert everything == documented()


def test_each_table_means_each_table() -> None:
    made = deployed(**EVERYTHING)
    for person in ("the app", "the operator"):
        scopes = [
            each.scope.name
            for each in made.of("Microsoft.Authorization/roleAssignments")
            if where(each.scope) == "each table"
            and who(made, each["properties.principalId"]) == person
        ]
        assert sorted(scopes) == sorted(names.TABLES)


def test_every_model_account_is_opened_to_the_app() -> None:
    made = deployed(
        videoModels=[
            {
                "name": f"sora-{region}",
                "location": region,
                "model": "sora-2",
                "version": "2025-12-08",
                "sku": "GlobalStandard",
                "capacity": 1,
                "dialect": "sora-2",
                "maxRunning": 2,
                "maxCreatesPerMinute": 2,
            }
            for region in ("eastus2", "swedencentral")
        ]
    )
    opened = [entry for entry in given(made) if entry[2] == "each model account"]
    assert opened == [("the app", "Cognitive Services User", "each model account")] * 2


def test_the_role_on_model_accounts_may_be_the_narrower_one() -> None:
    narrow = "Cognitive Services OpenAI User"
    changed = set(given(deployed(**EVERYTHING, modelRole=narrow))) - documented()
    assert changed == {(who, narrow, "each model account") for who in ("the app", "the operator")}


def test_without_an_operator_or_publisher_only_services_get_roles() -> None:
    people = {entry[0] for entry in given(deployed())}
    assert people == {"the app", "the request topic", "the system topic"}


@pytest.mark.parametrize("backend", ["azureStorage", "durableTaskScheduler"])
def test_the_backend_that_is_not_used_is_not_opened(backend: str) -> None:
    roles = {entry[1] for entry in given(deployed(durableBackend=backend))}
    assert ("Storage Queue Data Contributor" in roles) == (backend == "azureStorage")
    assert ("Durable Task Data Contributor" in roles) == (backend == "durableTaskScheduler")


def test_an_existing_account_elsewhere_is_opened_too() -> None:
    account = (
        "/subscriptions/0000/resourceGroups/shared/providers"
        "/Microsoft.CognitiveServices/accounts/theirs"
    )
    made = deployed(existingModelAccountIds=[account])
    scopes = [each.scope.id for each in made.of("Microsoft.Authorization/roleAssignments")]
    assert account in scopes
    # `azd down` deletes what a deployment created, and azd keeps its outputs: neither is theirs
    assert [each.id for each in made.resources if "/shared/" in each.id] == [
        each.id
        for each in made.of("Microsoft.Authorization/roleAssignments")
        if each.scope.id == account
    ]
    assert "shared" not in json.dumps(made.outputs)
