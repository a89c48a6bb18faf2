"""`python -m local compare`: the same prompts by two models, and the page in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from local.stack import API_KEY, ROOT
from tests.conftest import Simulator
from tests.support.browser import browser
from tests.support.stacks import Client

PROMPTS = "# for the spring film\nA red fox & <b>snow</b>\n\nAn owl for $5\n"
OPTIONS = ("--models", "sora-2,sora", "--size", "720x1280", "--seconds", "4")


def compare(api: Client, folder: Path, *options: str) -> tuple[int, str]:
    """Its exit code, and what it said."""
    (folder / "prompts.txt").write_text(PROMPTS)
    there = f"http://127.0.0.1:{api.stack.ports.functions}"
    words = ["compare", "prompts.txt", *OPTIONS, *options, "--url", there, "--out", "page"]
    done = subprocess.run(
        [sys.executable, "-m", "local", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert API_KEY not in said
    return done.returncode, said


def test_the_clips_are_side_by_side_with_time_and_money(
    api: Client, simulator: Simulator, tmp_path: Path
) -> None:
    code, said = compare(api, tmp_path, "--budget", "3")
    assert code == 0, said
    clips = sorted(path.name for path in (tmp_path / "page" / "clips").iterdir())
    assert clips == ["001-sora-2.mp4", "001-sora.mp4", "002-sora-2.mp4", "002-sora.mp4"]
    page_file = tmp_path / "page" / "index.html"
    text = page_file.read_text()
    assert re.search(r"https?://", text) is None
    assert "2 of 2 made, half of them within" in text
    assert "$0.80 together" in text
    with browser() as page:
        page.open(page_file.as_uri())
        heads = page.run("[...document.querySelectorAll('thead th')].map(e => e.textContent)")
        assert heads == ["Prompt", "sora-2", "sora"]
        prompts = page.run("[...document.querySelectorAll('tbody th p')].map(e => e.textContent)")
        assert prompts == ["A red fox & <b>snow</b>", "An owl for $5"]
        page.until("[...document.querySelectorAll('video')].every(v => v.videoWidth > 0)")
        page.click("button[data-row='1']")
        playing = "[...document.querySelectorAll('video')].map(v => v.currentTime > 0.05)"
        page.until(f"{playing}.slice(0, 2).every(each => each)")
        assert page.run(playing) == [True, True, False, False]
        page.screenshot(tmp_path / "page.png", whole=True)
        assert page.problems == []

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "page" / "clips").iterdir()}
    again, _ = compare(api, tmp_path, "--budget", "3")
    assert again == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(simulator.journal()["jobs"]) == 4  # nothing was paid again
