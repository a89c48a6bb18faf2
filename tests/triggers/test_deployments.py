"""/deployments: what operators see, pause and resume; and nobody else."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local.stack import API_KEY
from shared.domain.outage import Outage
from shared.domain.request import VideoRequest
from shared.lifecycle import line
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.services import Services
from shared.lifecycle.steps.take_turn import take_turn
from tests.support.surface import Answer, Durable, send
from tests.support.uncollected import two_uncollected

App = Callable[..., Services]

PLAIN = "the-key-of-a-plain-caller"
CALLERS = json.dumps(
    {
        name: {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()], "admin": admin}
        for name, key, admin in (("local", API_KEY, True), ("plain", PLAIN, False))
    }
)
FOX = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)


class Engine(Durable):
    """Remembers the hints."""

    def __init__(self) -> None:
        self.raised: list[tuple[str, str]] = []

    async def raise_event(self, *raised: Any) -> None:
        self.raised.append((raised[0], raised[1]))


def post(path: str, engine: Durable | None = None, **more: Any) -> Answer:
    return send("POST", path, client=engine or Durable(), **more)


def shown(name: str) -> dict[str, Any]:
    (found,) = [each for each in send("GET", "/deployments").json["data"] if each["name"] == name]
    return dict(found)


def change(services: Services, name: str, **how: Any) -> None:
    upstream = services.settings.upstream(name)
    assert upstream is not None
    services.deployments.change(
        line.limits(services, upstream), lambda state: replace(state, **how)
    )


def test_it_shows_health_slots_and_what_is_not_collected(app: App) -> None:
    services, now = app(), time.time()
    change(
        services,
        "sora",
        outage=Outage(status=401, message="no data action Video/write", since=now - 60),
        paused_until=now + 30,
        throttled=3,
    )
    change(services, "sora-2", running={"video_old": now + 500})
    admit(services, "key:local", FOX)
    two_uncollected(services, now)
    answer = send("GET", "/deployments")
    assert answer.status == 200
    assert answer.json["queue"]["waiting"] == 1
    works, out = shown("sora-2"), shown("sora")
    assert (works["state"], works["paused"], works["running"]) == ("active", False, 1)
    assert works["uncollected"]["oldest_video_id"] == "video_old"
    assert works["uncollected"]["oldest_seconds"] == pytest.approx(500, abs=5)
    assert works["message"] is None
    assert (out["state"], out["reason"], out["throttled"]) == ("out", "answers 401", 3)
    assert out["message"] == "no data action Video/write"
    assert out["uncollected"] == {
        "jobs": 0,
        "oldest_seconds": None,
        "soonest_expiry_at": None,
        "oldest_video_id": None,
    }
    # nothing of how it is reached
    for secret in ("127.0.0.1", "SIMULATOR_KEY", "local-simulator-key"):
        assert secret not in answer.body.decode()


def test_paused_it_gives_no_turn_and_resumed_it_calls_who_waits(app: App) -> None:
    services = app()
    paused = post("/deployments/sora-2/pause")
    assert (paused.status, paused.json["paused"], paused.json["state"]) == (200, True, "paused")
    assert post("/deployments/sora-2/pause").json == paused.json
    admitted = admit(services, "key:local", FOX)
    waits = take_turn(services, admitted.video.id, 1, "turn-1")
    assert waits.result["outcome"] == "waiting"
    assert post("/deployments/sora-2/pause").status == 200
    waiting = send("GET", f"/videos/{admitted.video.id}", client=Durable()).json
    said = "sora-2 is paused by an operator. Waiting costs nothing."
    assert (waiting["notice"], waiting["estimated_completion_at"]) == (said, None)
    engine = Engine()
    resumed = post("/deployments/sora-2/resume", engine)
    assert (resumed.status, resumed.json["paused"], resumed.json["state"]) == (
        200,
        False,
        "active",
    )
    assert engine.raised == [(admitted.instance, "turn-1")]


def test_resuming_ends_an_outage_even_a_final_one(app: App) -> None:
    services = app()
    gone = Outage(status=410, message="gone", since=1.0, final=True)
    change(services, "sora-2", outage=gone, paused_until=9e9)
    assert shown("sora-2")["state"] == "retired"
    resumed = post("/deployments/sora-2/resume").json
    assert (resumed["state"], resumed["reason"], resumed["paused_until"]) == ("active", None, None)


def test_a_name_that_is_none_is_told_which_there_are(app: App) -> None:
    app()
    for verb in ("pause", "resume"):
        answer = post(f"/deployments/sora-9/{verb}")
        error = answer.json["error"]
        assert (answer.status, error["code"], error["param"]) == (404, "not_found", "deployment")
        assert "UPSTREAMS has: sora-2, sora." in error["message"]


def test_no_other_caller_sees_or_changes_anything(app: App) -> None:
    app(CALLERS=CALLERS)
    asked = [
        send("GET", "/deployments", key=PLAIN),
        post("/deployments/sora-2/pause", key=PLAIN),
        post("/deployments/sora-2/resume", key=PLAIN),
        post("/deployments/sora-9/pause", key=PLAIN),
    ]
    for answer in asked:
        error = answer.json["error"]
        assert (answer.status, error["type"]) == (403, "permission_error")
        assert "admins" in error["message"]
        assert error["charged"] is False
    assert shown("sora-2")["paused"] is False


def test_the_log_says_who_it_was(app: App, caplog: pytest.LogCaptureFixture) -> None:
    app()
    caplog.set_level("INFO")
    post("/deployments/sora-2/pause")
    post("/deployments/sora-2/resume")
    assert "event=deployment_held deployment=sora-2 by=key:local" in caplog.text
    assert "event=deployment_reopened deployment=sora-2 by=key:local" in caplog.text
