"""What the document shows is what was measured, and a target that was missed is spoken of."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.__main__ import DOCUMENT, FIGURES, MEASUREMENTS, RESULTS, all_figures, all_tables, store
from bench.report import Table, fill, titles


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    return results


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text()


def test_the_document_shows_what_is_stored(stored: dict[str, Any], document: str) -> None:
    assert set(stored) == set(MEASUREMENTS)
    assert fill(document, all_tables(stored)) == document, "run: python -m bench --docs"


def test_every_table_is_shown_once(stored: dict[str, Any], document: str) -> None:
    assert sorted(titles(document)) == sorted(table.title for table in all_tables(stored))


def test_every_measurement_has_its_command(document: str) -> None:
    named = re.findall(r"make bench ARGS=(\w+)", document)
    assert set(named) == set(MEASUREMENTS)


def test_what_was_missed_is_explained(stored: dict[str, Any], document: str) -> None:
    prose = re.sub(r"^\|.*$", "", document, flags=re.MULTILINE)
    for results in stored.values():
        for row in results["targets"]:
            assert row["met"] or row["target"] in prose, f"explain why: {row['target']}"


def test_figures_are_drawn_from_the_results(stored: dict[str, Any], document: str) -> None:
    figures = all_figures(stored)
    assert set(figures) == {"polls.svg", "memory.svg"}
    for name, picture in figures.items():
        assert f"(figures/{name})" in document
        assert (FIGURES / name).read_text() == picture
        assert ElementTree.fromstring(picture).findall("{*}polyline")


def test_a_table_is_filled_in_where_its_title_stands() -> None:
    table = Table("A, b", ("what", "ms"))
    table.add("one", 1)
    table.add("none", None)
    text = "before\n\n<!-- table: A, b -->\n| old | 9 |\n\nafter\n"
    filled = fill(text, [table])
    assert filled == (
        "before\n\n<!-- table: A, b -->\n"
        "| what | ms |\n|---|--:|\n| one | 1 |\n| none |  |\n\nafter\n"
    )
    assert fill(filled, [table]) == filled
    assert fill("<!-- table: unknown -->\n| a |\n", [table]) == "<!-- table: unknown -->\n| a |\n"
    with pytest.raises(ValueError, match="1 cells, 2 columns"):
        table.add("short")


def test_other_measurements_keep_their_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    store(path, "copy", {"a": 1})
    store(path, "polls", {"b": 2})
    store(path, "copy", {"a": 3})
    assert json.loads(path.read_text()) == {"copy": {"a": 3}, "polls": {"b": 2}}
