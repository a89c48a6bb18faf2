"""`python -m local compare`: what it asks for, and what its page says where a clip is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import compare
from local.compare import Clip
from local.processes import StackError

VIDEO = {
    "status": "completed",
    "size": "720x1280",
    "seconds": "4",
    "created_at": 100,
    "completed_at": 107,
    "cost": {"actual": "0.40"},
}


def test_no_successor_renders_what_is_compared() -> None:
    lines = compare._lines(["a fox"], ["sora-2", "ltx/2"], "720x1280", 4).decode().splitlines()
    assert [json.loads(each)["custom_id"] for each in lines] == ["1 / sora-2", "1 / ltx/2"]
    for each in lines:
        body = json.loads(each)["body"]
        assert body["allow_successor"] is False
        assert (body["size"], body["seconds"]) == ("720x1280", "4")


def test_the_page_says_why_a_clip_is_missing() -> None:
    clips = [
        Clip(1, "sora-2", VIDEO),
        Clip(1, "ltx/2", None, problem="The <budget> did not reach for it."),
    ]
    page = compare.render(["a fox"], ["sora-2", "ltx/2"], clips)
    assert page.count("<video") == 1
    assert 'src="clips/001-sora-2.mp4"' in page
    assert "720x1280, 4 s of film; $0.40; made in 7 s" in page
    assert '<p class="problem">The &lt;budget&gt; did not reach for it.</p>' in page
    assert "0 of 1 made; $0 together" in page
    assert clips[1].file == "clips/001-ltx-2.mp4"


@pytest.mark.parametrize("models", ["sora-2", "sora-2,sora-2", ","])
def test_one_model_alone_is_not_compared(tmp_path: Path, models: str) -> None:
    with pytest.raises(StackError, match="two different ones or more"):
        compare.compare(tmp_path / "prompts.txt", models, "1")


def test_a_file_without_prompts(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("# none\n\n")
    with pytest.raises(StackError, match="has no prompts"):
        compare.compare(tmp_path / "prompts.txt", "sora-2,sora", "1")
