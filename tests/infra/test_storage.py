"""Containers, tables and retention: Bicep makes what the code uses, by the same names."""

from __future__ import annotations

from typing import Any

import pytest

from shared.storage import names
from tests.infra.templates import EVERYTHING, deployed

NOT_OF_THE_APP = {
    "deployments": "the deployed code",
    "deadletter": "written by Event Grid alone",
}


def deployed_names(kind: str) -> list[str]:
    return [each.name for each in deployed(**EVERYTHING).of(f"Microsoft.Storage/{kind}")]


def test_the_tables_are_those_of_the_code() -> None:
    assert sorted(deployed_names("storageAccounts/tableServices/tables")) == sorted(names.TABLES)


def test_the_containers_are_those_of_the_code() -> None:
    made = deployed_names("storageAccounts/blobServices/containers")
    assert len(made) == len(set(made))
    assert set(made) - set(NOT_OF_THE_APP) == set(names.CONTAINERS) - set(NOT_OF_THE_APP)


def kept(**changes: Any) -> dict[str, int]:
    """Days until blobs are deleted, by the beginning of their path."""
    policy = deployed(**changes).one("Microsoft.Storage/storageAccounts/managementPolicies")
    return {
        rule["definition"]["filters"]["prefixMatch"][0]: rule["definition"]["actions"]["baseBlob"][
            "delete"
        ]["daysAfterModificationGreaterThan"]
        for rule in policy["properties.policy"]["rules"]
    }


@pytest.mark.parametrize("days", [1, 30, 3650])
def test_videos_are_kept_as_long_as_the_app_says(days: int) -> None:
    assert kept(videoRetentionDays=days)[f"{names.OUTPUTS_CONTAINER}/"] == days


def test_for_ever_means_that_no_rule_deletes_videos() -> None:
    assert f"{names.OUTPUTS_CONTAINER}/" not in kept(videoRetentionDays=0)


def test_what_callers_sent_is_not_kept_long() -> None:
    assert kept()[f"{names.INPUTS_CONTAINER}/"] == 14
    assert kept()["deadletter/"] == 30


def readers(start: str, **changes: Any) -> list[tuple[list[str], list[str]]]:
    """The origins whose pages may use the blobs of an account, and with which methods."""
    all_of_them = deployed(**changes).of("Microsoft.Storage/storageAccounts/blobServices")
    (made,) = [each for each in all_of_them if f"/{start}" in each.id]
    rules = made["properties.cors"]["corsRules"]
    return [(rule["allowedOrigins"], rule["allowedMethods"]) for rule in rules]


def test_only_the_apps_own_pages_read_videos() -> None:
    site = f"https://{deployed().one('Microsoft.Web/sites').name}.azurewebsites.net"
    assert readers("stvideo") == [([site], ["GET", "HEAD"])]
    own = "https://video.example.com"
    assert readers("stvideo", publicBaseUrl=f"{own}/base") == [([site, own], ["GET", "HEAD"])]
    assert readers("stvideo", vnetEnabled=True) == readers("sthost") == []


def test_code_is_deployed_into_a_container_of_the_host() -> None:
    made = deployed()
    storage = made.one("Microsoft.Web/sites")["properties.functionAppConfig"]["deployment"]
    host = made.one("Microsoft.Storage/storageAccounts", "sthost").name
    assert storage["storage"]["value"] == f"https://{host}.blob.core.windows.net/deployments"
    assert storage["storage"]["authentication"]["type"] == "UserAssignedIdentity"
