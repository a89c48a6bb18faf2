"""The README's commands work as written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import reference
from local.stack import ROOT
from tests.support.stacks import Client

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_every_make_target_it_names_exists() -> None:
    named = set(re.findall(r"make ([a-z]+)", README))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"demo", "up", "test", "check"} <= named <= targets


def test_ci_calls_what_it_names() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for target in ("check", "test", "runtime", "interop", "faults", "demo", "pythons"):
        assert f"make {target}" in script


@pytest.mark.parametrize("path", re.findall(r"^\| `([^`]+/?)`", README, flags=re.MULTILINE))
def test_every_place_it_names_exists(path: str) -> None:
    if not path.startswith("make "):
        assert (ROOT / path).exists()


def test_its_table_of_routes_is_the_openapi_document() -> None:
    assert "| POST | `/videos` |" in README
    assert reference.written(README) == README, "run: python -m local reference"


def test_the_curl_example(api: Client) -> None:
    (command,) = [block for block in blocks("sh") if block.startswith("curl")]
    there = command.replace("http://127.0.0.1:7071", api.stack.api.removesuffix("/openai/v1"))
    answer = subprocess.run(
        ["sh", "-c", there], capture_output=True, text=True, check=True, timeout=300
    )
    video = json.loads(answer.stdout)
    assert video["object"] == "video"
    assert api.wait(video["id"])["status"] == "completed"


def test_the_openai_example(api: Client, tmp_path: Path) -> None:
    (code,) = blocks("python")
    there = code.replace("http://127.0.0.1:7071/openai/v1", api.stack.api)
    subprocess.run(
        [sys.executable, "-c", there], cwd=tmp_path, check=True, timeout=300, capture_output=True
    )
    assert (tmp_path / "fox.mp4").read_bytes()[4:8] == b"ftyp"
