"""docs/tutorial.md: its commands print what it says they do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import ROOT, Ports, Stack
from tests.events.conftest import environment

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
STEP = re.compile(r"```sh\n(.*?)```\n```text\n(.*?)```", flags=re.DOTALL)
BETWEEN = "next step"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """What `make up` serves, in less time."""
    fast = {"TIME_SCALE": "60"}
    with Stack(tmp_path / "data", Ports.any_free(), overrides=fast, with_topic=True) as started:
        yield started


def test_its_commands_print_what_it_says(stack: Stack, tmp_path: Path) -> None:
    steps = STEP.findall(TUTORIAL)
    assert len(steps) == TUTORIAL.count("```sh") == 6
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    script = f"\necho {BETWEEN}\n".join(commands for commands, _ in steps)
    answer = subprocess.run(
        ["bash", "-c", script.replace("http://127.0.0.1:7071/openai/v1", stack.api)],
        cwd=tmp_path,
        env=environment(stack) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.stderr == ""
    printed = answer.stdout.split(f"{BETWEEN}\n")
    for (commands, expected), lines in zip(steps, printed, strict=True):
        assert matches(expected, lines), f"{commands}\nprinted\n{lines}"
    assert (tmp_path / "fox.mp4").read_bytes()[4:8] == b"ftyp"


def matches(expected: str, printed: str) -> bool:
    """Whether the lines are those, in any order: deliveries overtake each other."""
    lines = printed.splitlines()
    wanted = expected.splitlines()
    for text in wanted:
        pattern = re.escape(text).replace(r"\.\.\.", ".+")
        found = next((line for line in lines if re.fullmatch(pattern, line)), None)
        if found is None:
            return False
        lines.remove(found)
    return not lines
