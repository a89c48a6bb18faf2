"""The Bicep files: they parse, and everything in them is described and used."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pycep import BicepParser

from tests.infra.bicep.evaluate import BicepError, deploy
from tests.infra.bicep.syntax import Statement, names, parse
from tests.infra.templates import EVERYTHING, FILES, INFRA, deployed, parameters
from tests.support import exported

READER = BicepParser()
SECRET = re.compile(
    r"AccountKey=|SharedAccess|listKeys\(|listSecrets\(|getSecret\(|sig=|whsec_|-----BEGIN|[?&]code=",
    re.IGNORECASE,
)


def mentioned(statements: list[Statement]) -> set[str]:
    """Names that expressions and types of a file mention."""
    found: set[str] = set()
    for statement in statements:
        found.update(names(statement.value))
        found.update(name for each in statement.decorators for name in names(each.arguments))
        found.update(re.findall(r"'named', '(\w+)'", repr(statement.of)))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_another_parser_reads_it_too(path: Path) -> None:
    read: Any = READER.parse(text=path.read_text())
    ours = parse(path)
    for kind, theirs in (("param", "parameters"), ("output", "outputs"), ("module", "modules")):
        assert {each.name for each in ours if each.kind == kind} == set(read.get(theirs, {}))
    assert {each.name for each in ours if each.kind == "resource"} == set(read["resources"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_parameter_and_output_is_described(path: Path) -> None:
    for statement in parse(path):
        if statement.kind in ("param", "output"):
            (text,) = [each for each in statement.decorators if each.name == "description"]
            described = text.arguments[0][1]
            assert described.endswith("."), (statement.name, described)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_everything_declared_is_used(path: Path) -> None:
    statements = parse(path)
    declared = {each.name for each in statements if each.kind in ("param", "var", "type")}
    assert declared - mentioned(statements) == set()


def test_every_module_file_is_used() -> None:
    used = {INFRA / each.of for each in parse(FILES[0]) if each.kind == "module"}
    assert used == set(FILES[1:])


def test_every_output_of_a_module_is_used() -> None:
    text = FILES[0].read_text()
    for path in FILES[1:]:
        for statement in parse(path):
            if statement.kind == "output":
                assert f".outputs.{statement.name}" in text, (path.name, statement.name)


@pytest.mark.parametrize("path", sorted(INFRA.rglob("*")), ids=lambda path: path.name)
def test_no_key_connection_string_or_wildcard(path: Path) -> None:
    if path.is_dir() or path.parent.name == "checks":
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        assert not SECRET.search(line), f"{path.name}:{number}"
        if path.suffix == ".bicep":
            star = re.search(r"'\*'", line)
            denied = "Prefix" in line or "PortRange" in line or "protocol" in line
            assert star is None or denied, f"{path.name}:{number}: a wildcard"


def test_a_wildcard_only_denies() -> None:
    for group in deployed(**EVERYTHING).of("Microsoft.Network/networkSecurityGroups"):
        for rule in group["properties.securityRules"]:
            if "*" in (rule["properties"]["protocol"], rule["properties"]["sourceAddressPrefix"]):
                assert rule["properties"]["access"] == "Deny"


SWITCHES = [
    {"vnetEnabled": vnet, "durableBackend": backend, "eventSubscriptions": events}
    for vnet, backend, events in product(
        (False, True), ("azureStorage", "durableTaskScheduler"), (False, True)
    )
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_setting_of_the_switches_deploys(switches: dict[str, object]) -> None:
    made = deployed(**switches)
    created = {resource.id for resource in made.resources}
    for resource in made.referred:
        within = resource.type.endswith("/subnets") or resource.id in created
        assert within, f"{resource.symbol} refers to {resource.id}, which nothing creates"


def test_the_same_parameters_give_the_same_names() -> None:
    again = deploy(INFRA / "main.bicep", parameters())
    assert [each.id for each in again.resources] == [each.id for each in deployed().resources]
    other = deploy(INFRA / "main.bicep", parameters(environmentName="other"))
    ours = {each.id for each in again.of("Microsoft.Storage/storageAccounts")}
    assert ours.isdisjoint(each.id for each in other.of("Microsoft.Storage/storageAccounts"))


LENGTHS = {
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.KeyVault/vaults": r"[A-Za-z][A-Za-z0-9-]{2,23}",
    "Microsoft.CognitiveServices/accounts": r"[a-z0-9][a-z0-9-]{1,63}",
    "Microsoft.EventGrid/topics": r"[A-Za-z0-9-]{3,50}",
    "Microsoft.DurableTask/schedulers": r"[a-z0-9-]{3,64}",
    "Microsoft.Web/sites": r"[a-z0-9-]{2,60}",
    "Microsoft.Insights/workbooks": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "Microsoft.Authorization/roleAssignments": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}


@pytest.mark.parametrize(("kind", "pattern"), LENGTHS.items(), ids=LENGTHS)
def test_names_are_ones_that_azure_takes(kind: str, pattern: str) -> None:
    found = deployed(**EVERYTHING).of(kind)
    assert found
    for resource in found:
        assert re.fullmatch(pattern, resource.name), resource.name


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"durableBackend": "netherite"}, "durableBackend"),
        ({"maximumInstanceCount": 4}, "maximumInstanceCount"),
        ({"pythonVersion": "3.7"}, "pythonVersion"),
        ({"surprise": 1}, "surprise"),
        ({"videoModels": [{"name": "x"}]}, "videoModels"),
        ({"location": 1}, "location"),
    ],
)
def test_a_wrong_parameter_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(BicepError, match=says):
        deploy(INFRA / "main.bicep", parameters(**changes))


def test_nothing_takes_keys_or_old_tls() -> None:
    made = deployed(**EVERYTHING)
    for account in made.of("Microsoft.Storage/storageAccounts"):
        assert account["properties.allowSharedKeyAccess"] is False
        assert account["properties.allowBlobPublicAccess"] is False
        assert account["properties.minimumTlsVersion"] == "TLS1_2"
        assert account["properties.networkAcls"]["defaultAction"] == "Deny"
    for account in made.of("Microsoft.CognitiveServices/accounts"):
        assert account["properties.disableLocalAuth"] is True
        assert account["properties.customSubDomainName"] == account.name
        assert account["properties.publicNetworkAccess"] == "Disabled"
    for topic in made.of("Microsoft.EventGrid/topics"):
        assert topic["properties.disableLocalAuth"] is True
    assert made.one("Microsoft.Insights/components")["properties.DisableLocalAuth"] is True
    assert made.one("Microsoft.KeyVault/vaults")["properties.enableRbacAuthorization"] is True
    site = made.one("Microsoft.Web/sites")
    assert site["properties.httpsOnly"] is True
    assert site["properties.publicNetworkAccess"] == "Enabled"  # Event Grid and callers come in
    for policy in made.of("Microsoft.Web/sites/basicPublishingCredentialsPolicies"):
        assert policy["properties.allow"] is False


def test_a_private_environment_reaches_every_service_privately() -> None:
    made = deployed(**EVERYTHING)
    reached = {
        (
            each["properties.privateLinkServiceConnections"][0]["properties"][
                "privateLinkServiceId"
            ].rpartition("/")[2],
            group,
        )
        for each in made.of("Microsoft.Network/privateEndpoints")
        for group in each["properties.privateLinkServiceConnections"][0]["properties"]["groupIds"]
    }
    (host,) = [a.name for a in made.of("Microsoft.Storage/storageAccounts") if "host" in a.name]
    (video,) = [a.name for a in made.of("Microsoft.Storage/storageAccounts") if "video" in a.name]
    models = {(a.name, "account") for a in made.of("Microsoft.CognitiveServices/accounts")}
    storage = {(host, part) for part in ("blob", "queue", "table")}
    storage |= {(video, "blob"), (video, "table")}
    assert reached == storage | models | {(made.one("Microsoft.KeyVault/vaults").name, "vault")}
    zones = {each.name for each in made.of("Microsoft.Network/privateDnsZones")}
    linked = {
        each.id.split("/")[-3]
        for each in made.of("Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    }
    assert linked == zones
    assert made.one("Microsoft.Web/sites")["properties.virtualNetworkSubnetId"].endswith("/app")
    assert deployed().of("Microsoft.Network/privateEndpoints") == []


def test_subscriptions_come_only_when_asked_for_and_hold_no_key() -> None:
    kinds = [
        "Microsoft.EventGrid/topics/eventSubscriptions",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
    ]
    assert all(deployed().of(kind) == [] for kind in kinds)
    for kind in kinds:
        subscription = deployed(eventSubscriptions=True).one(kind)
        assert subscription["properties.destination"]["endpointType"] == "AzureFunction"
        dead = subscription["properties.deadLetterWithResourceIdentity"]
        assert dead["identity"] == {"type": "SystemAssigned"}
        assert dead["deadLetterDestination"]["properties"]["blobContainerName"] == "deadletter"


def test_subscriptions_wake_the_function_that_event_grid_triggers() -> None:
    made = deployed(eventSubscriptions=True)
    woken = {
        each["properties.destination"]["properties"]["resourceId"].partition("/functions/")[2]
        for each in made.resources
        if each.type.endswith("/eventSubscriptions")
    }
    assert woken == {"on_event"}
    by_event_grid = {
        name for name, each in exported.functions().items() if each.trigger == "eventGridTrigger"
    }
    assert by_event_grid == woken
    for path in (INFRA / "hooks").glob("*.sh"):
        assert set(re.findall(r"/functions/(\w+)", path.read_text())) <= woken


def test_event_grid_itself_says_which_topic_a_request_came_from() -> None:
    """The topic decides who pays; a CloudEvent would only say what its publisher wrote."""
    made = deployed(eventSubscriptions=True)
    topic = made.one("Microsoft.EventGrid/topics", "evgt-requests")
    subscription = made.one("Microsoft.EventGrid/topics/eventSubscriptions")
    assert topic["properties.inputSchema"] == "EventGridSchema"
    assert subscription["properties.eventDeliverySchema"] == "EventGridSchema"
    assert subscription.id.startswith(f"{topic.id}/")


def parts(node: Any) -> Iterator[Any]:
    """A tree and everything in it."""
    yield node
    if isinstance(node, tuple | list):
        for part in node:
            yield from parts(part)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_may_be_missing_is_asked_for_safely(path: Path) -> None:
    """The compiler's rule use-safe-access: no `contains(x, y) ? x[y] : z`."""
    for statement in parse(path):
        for node in parts(statement.value):
            match node:
                case ("if", ("call", "contains", [container, key]), then, _):
                    name = key[1] if key[0] == "text" else None
                    unsafe = [("index", container, key, False), ("get", container, name, False)]
                    assert then not in unsafe, statement.name


@pytest.mark.skipif(shutil.which("bicep") is None, reason="the bicep CLI is not here")
@pytest.mark.parametrize("command", ["build", "lint"])
def test_the_compiler_has_nothing_to_say(command: str, tmp_path: Path) -> None:
    out = ["--outfile", str(tmp_path / "main.json")] if command == "build" else []
    done = subprocess.run(
        ["bicep", command, str(INFRA / "main.bicep"), *out],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
