"""LiteLLM's proxy as a client: our API is the server behind its `openai/sora-2`."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.loopback import BRIEFLY
from tests.conftest import Simulator
from tests.interop import proxy
from tests.interop.conftest import PATIENCE
from tests.support.media import picture, played
from tests.support.stacks import UNFINISHED, Client

_ASKED = {"model": "ours", "prompt": "a fox", "seconds": "4", "size": "1280x720"}


@pytest.fixture
def videos(through: str) -> Iterator[httpx.Client]:
    """A client of the proxy's `/v1/videos`."""
    key = {"Authorization": f"Bearer {proxy.KEY}"}
    with httpx.Client(
        base_url=through, headers=key, timeout=60, trust_env=False, limits=BRIEFLY
    ) as client:
        yield client


def answered(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ended(videos: httpx.Client, video_id: str) -> dict[str, Any]:
    """The video once it has ended."""
    until = time.monotonic() + PATIENCE
    while (video := answered(videos.get(f"/videos/{video_id}")))["status"] in UNFINISHED:
        assert time.monotonic() < until, video
        time.sleep(0.2)
    return video


def inner(video_id: str) -> str:
    """Our id in LiteLLM's, which is base64 of `...;video_id:OURS;...`."""
    text = base64.b64decode(video_id.removeprefix("video_")).decode()
    (ours,) = [part for part in text.split(";") if part.startswith("video_id:")]
    return ours.removeprefix("video_id:")


def test_it_makes_follows_lists_and_downloads_a_video(
    videos: httpx.Client, api: Client, simulator: Simulator
) -> None:
    made = answered(videos.post("/videos", json=_ASKED))
    assert (made["status"], made["seconds"], made["size"]) == ("queued", "4", "1280x720")
    video = ended(videos, made["id"])
    assert (video["status"], video["progress"], video["error"]) == ("completed", 100, None)
    assert video["id"] == made["id"]

    ours = api.get(inner(made["id"]))
    assert (video["created_at"], video["completed_at"], video["expires_at"]) == (
        ours["created_at"],
        ours["completed_at"],
        ours["expires_at"],
    )
    content = videos.get(f"/videos/{made['id']}/content")
    assert content.headers["content-type"] == "video/mp4"
    assert content.content == api.http.get(ours["outputs"][0]["url"], follow_redirects=True).content
    assert played(content.content)[:2] == (1280, 720)
    assert len(simulator.journal()["jobs"]) == 1

    (listed,) = [
        each for each in answered(videos.get("/videos"))["data"] if inner(each["id"]) == ours["id"]
    ]
    assert (listed["status"], listed["prompt"]) == ("completed", "a fox")


def test_an_image_passes_through_it(videos: httpx.Client, simulator: Simulator) -> None:
    image = {"input_reference": ("frame.png", picture(1280, 720), "image/png")}
    made = answered(videos.post("/videos", data=_ASKED, files=image))
    assert ended(videos, made["id"])["status"] == "completed"
    (job,) = simulator.journal()["jobs"]
    assert job["spec"]["has_reference"] is True


def test_it_shows_why_a_video_failed_or_was_refused(
    videos: httpx.Client, simulator: Simulator
) -> None:
    made = answered(videos.post("/videos", json={**_ASKED, "prompt": "moderation-blocked"}))
    video = ended(videos, made["id"])
    assert (video["status"], video["error"]["code"]) == ("failed", "moderation_blocked")
    refused = videos.post("/videos", json={**_ASKED, "seconds": "5"})
    assert refused.status_code == 400
    assert "seconds" in refused.json()["error"]["message"]
