"""The app in the bench's own process."""

from __future__ import annotations

from bench.app import app_on
from local.stack import Stack
from shared.domain.request import VideoRequest
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.steps.submit_job import submit_job
from shared.lifecycle.steps.take_turn import take_turn
from tests.conftest import Simulator


def test_it_can_send(stack: Stack, connection: str, simulator: Simulator) -> None:
    """The key of an upstream is read from the environment when it is sent, not before."""
    request = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
    with app_on(stack, STORAGE_CONNECTION=connection) as app:
        video_id = admit(app, "key:local", request).video.id
        assert take_turn(app, video_id, 1, "h").result["outcome"] == "granted"
        assert submit_job(app, video_id, 1).result["outcome"] == "submitted"
    assert len(simulator.journal()["jobs"]) == 1
