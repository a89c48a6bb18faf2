"""What the documents name exists, and their lines can be read."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from local.stack import ROOT
from shared.domain.batch import Stop
from shared.domain.errors import Problem
from shared.storage import names

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
SHARED = ROOT / "shared"
MAP = (SHARED / "README.md").read_text()
LONGEST_LINE = 120


def section(document: str, title: str) -> str:
    return document.partition(f"## {title}\n")[2].partition("\n## ")[0]


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parent, _, last = name.rpartition(".")
    try:
        import_module(name)
    except ModuleNotFoundError:
        return hasattr(import_module(parent), last)
    return True


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(shared(?:\.\w+)+)`", GLOSSARY))))
def test_what_the_glossary_names_exists(name: str) -> None:
    assert exists(name)


def test_the_glossary_has_every_table() -> None:
    named = re.findall(r"^\| `(\w+)` \|", section(GLOSSARY, "Tables"), flags=re.MULTILINE)
    assert sorted(named) == sorted(names.TABLES)


def test_a_word_of_the_glossary_means_one_thing() -> None:
    words = re.findall(r"^\| (?!word|table|---)([^|]+?) \|", GLOSSARY, flags=re.MULTILINE)
    assert len(words) == len(set(words))


def test_the_map_has_every_room_and_module_of_shared() -> None:
    rooms = {f"{path.parent.relative_to(SHARED)}/" for path in SHARED.glob("**/*/__init__.py")}
    modules = {path.name for path in SHARED.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"^\| `([\w/.]+)` \|", MAP, flags=re.MULTILINE)) == rooms | modules


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/.]+(?:\.\w+|/))`", MAP))))
def test_every_place_that_the_map_names_exists(path: str) -> None:
    assert (SHARED / path).exists() or (ROOT / path).exists() or exists(path)


def test_every_change_that_the_map_names_has_a_place() -> None:
    rows = section(MAP, "Where to change what").strip().splitlines()[2:]
    assert len(rows) >= 14
    assert all("`" in row.split("|")[2] for row in rows)


def documents() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    return listed or [str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("document", documents())
def test_no_line_of_prose_is_too_long(document: str) -> None:
    """Commands, rows of tables and addresses cannot be wrapped."""
    prose = re.sub(r"^ *```.*?^ *```", "", (ROOT / document).read_text(), flags=re.DOTALL | re.M)
    long = [
        line
        for line in prose.splitlines()
        if len(line) > LONGEST_LINE and not line.lstrip().startswith("|") and " " in line.strip()
    ]
    assert not long


def anchors(document: Path) -> set[str]:
    """The headings of a document, as GitHub names them in addresses."""
    prose = re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.DOTALL | re.M)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    plain = [re.sub(r"[^\w -]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", documents())
def test_every_link_between_documents_leads_somewhere(document: str) -> None:
    here = ROOT / document
    for path, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", here.read_text()):
        there = (here.parent / path) if path else here
        assert there.exists(), path
        assert not anchor or anchor in anchors(there), f"{path}#{anchor}"


ERRORS = (ROOT / "docs" / "errors.md").read_text()


def test_every_code_of_an_error_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", ERRORS))
    sources = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "triggers").rglob("*.py")]
    named = {
        code for path in sources for code in re.findall(r"\bcode=\"([a-z_]+)\"", path.read_text())
    }
    of_problems = {problem.code for problem in family(Problem)}
    assert len(named) > 30
    assert named | of_problems | {stop.value for stop in Stop} <= explained


def test_every_bad_ending_is_explained() -> None:
    code = (SHARED / "domain" / "endings.py").read_text()
    said = re.findall(r"_failed\(\s*\"(\w+)\"(?: if \w+ else \"(\w+)\")?", code)
    endings = {ending for each in said for ending in each if ending}
    table = section(ERRORS, "When a video ends badly")
    assert {"timed_out", "moderation_blocked", "refused"} <= endings
    assert endings <= set(re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE))


def family(problem: type[Problem]) -> set[type[Problem]]:
    return {problem}.union(*(family(each) for each in problem.__subclasses__()))
