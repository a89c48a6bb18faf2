"""The local host answers as Microsoft's host was recorded to answer."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..testing import HostProcess
from .conformance import APP, ask, differences, recorded
from .conformance.deviations import DEVIATIONS

RECORDED = recorded()
GUIDE = Path(__file__).parents[1] / "README.md"

# The fixture asks everything, which takes a minute.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, Any]]:
    environ = {"FUNCTIONS_MASTER_KEY": "the-master-key", "AzureWebJobsStorage": "unused"}
    with HostProcess(APP, "--auth", "all", environ=environ) as host:
        yield ask(host.url, master_key="the-master-key", log=host.log_file)


def test_everything_is_asked(answers: dict[str, Any]) -> None:
    assert answers.keys() == RECORDED.keys()


@pytest.mark.parametrize("name", [name for name in RECORDED if name not in DEVIATIONS])
def test_an_answer_is_the_recorded_one(answers: dict[str, Any], name: str) -> None:
    assert answers[name] == RECORDED[name]


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_is_one(answers: dict[str, Any], name: str) -> None:
    """Once it is none, it leaves the list."""
    assert differences({name: answers[name]}, RECORDED)


def test_the_guide_lists_the_same_deviations() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    section = guide.partition("## Deviations\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", section, re.MULTILINE)
    assert dict(rows) == DEVIATIONS
