"""docs/files-and-batches.md: its examples run as they are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from local.stack import API_KEY, ROOT
from tests.support.media import picture
from tests.support.stacks import Client

GUIDE = (ROOT / "docs" / "files-and-batches.md").read_text()
CLIENT = "from openai import OpenAI\nclient = OpenAI(base_url={!r}, api_key={!r})\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_its_examples_run(api: Client, tmp_path: Path) -> None:
    (lines,) = blocks("jsonl")
    (tmp_path / "film.jsonl").write_text(lines)
    (tmp_path / "frame.png").write_bytes(picture(720, 1280))
    code = CLIENT.format(api.stack.api, API_KEY) + "\n".join(blocks("python"))
    answer = subprocess.run(
        [sys.executable, "-c", code.replace("time.sleep(10)", "time.sleep(0.2)")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "completed 2 1.20\n"
    assert len((tmp_path / "output.jsonl").read_text().splitlines()) == 2
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 3
