"""docs/upstreams.md: its entries are valid, and its tables are what the code says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local.stack import ROOT, local_settings
from local.upstream_check.promises import promises
from shared.domain.profiles import PROFILES, ProfileName
from shared.settings.app import Settings
from shared.settings.upstreams import WireConfig

PAGE = (ROOT / "docs" / "upstreams.md").read_text()
ENTRIES: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
]
README = (ROOT / "README.md").read_text()


def rows(document: str, title: str) -> list[list[str]]:
    """The cells of the table whose first column has that title."""
    _, _, after = document.partition(f"\n| {title} |")
    lines = after.splitlines()[2:]
    end = next(at for at, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[:end]]


def is_yes(cell: str) -> bool:
    word = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", cell)
    assert word in ("yes", "no")
    return word == "yes"


def test_all_entries_together_are_valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UPSTREAMS", json.dumps(ENTRIES))
    read = Settings().upstreams  # type: ignore[call-arg]  # from the environment
    assert {upstream.profile for upstream in read} == PROFILES.keys()
    for upstream in read[:-1]:
        assert upstream.profile is not None
        assert upstream.speaks == PROFILES[upstream.profile], "an entry needs no wire"


def test_the_last_entry_has_every_part_of_wire_and_the_table_explains_each() -> None:
    parts = WireConfig.model_fields.keys()
    assert ENTRIES[-1]["wire"].keys() == parts
    assert [row[0].strip("`") for row in rows(PAGE, "part")] == list(parts)


@pytest.mark.parametrize("row", rows(PAGE, "server"), ids=lambda row: row[1])
def test_the_table_says_what_the_check_says(row: list[str]) -> None:
    profile: ProfileName = row[1].strip("`")  # type: ignore[assignment]
    held = promises(profile, PROFILES[profile])
    title = PAGE.partition("| server |")[2].splitlines()[0]
    assert [cell.strip() for cell in title.strip("| ").split("|")][2:] == [
        promise.name for promise in held if promise.name != "paid once"
    ]
    said = [is_yes(cell) for cell in row[3:]]
    assert said == [promise.holds for promise in held if promise.name != "paid once"]


def test_every_server_has_a_row_here_and_in_the_readme() -> None:
    listed = [row[1].strip("`") for row in rows(PAGE, "server")]
    assert sorted(listed) == sorted(PROFILES)
    short = {row[1].strip("`"): row for row in rows(README, "server")}
    assert list(short) == listed
    for row in rows(PAGE, "server"):
        name = row[1].strip("`")
        assert [is_yes(cell) for cell in short[name][2:]] == [is_yes(cell) for cell in row[3:7]]


def test_every_promise_is_explained() -> None:
    explained = [row[0] for row in rows(PAGE, "promise")]
    named = [each.name for each in promises("azure", PROFILES["azure"])]
    assert ["paid once", *explained] == named
