"""The control endpoints."""

import pytest

from tests.simulator.process import Simulator


def test_force_completed_then_expired(simulator: Simulator) -> None:
    job_id = simulator.video().json()["id"]
    simulator.force(job_id, "completed")
    path = f"/openai/v1/videos/{job_id}"
    assert simulator.get(path).json()["status"] == "completed"
    simulator.force(job_id, "expired")
    assert simulator.get(path).status_code == 404
    assert simulator.entry(job_id)["gone"] == "expired"
    assert simulator.post(f"/_sim/jobs/{job_id}", {"state": "completed"}).status_code == 409


def test_force_failed(simulator: Simulator) -> None:
    video, job = simulator.video().json()["id"], simulator.job().json()["id"]
    simulator.force(video, "failed", code="moderation_blocked", message="No.")
    simulator.force(job, "failed", code="internal_error")
    error = simulator.get(f"/openai/v1/videos/{video}").json()["error"]
    assert error == {"code": "moderation_blocked", "message": "No."}
    reason = simulator.get(f"/openai/v1/video/generations/jobs/{job}").json()["failure_reason"]
    assert reason == "internal_error"
    assert simulator.post(f"/_sim/jobs/{video}", {"state": "completed"}).status_code == 409


@pytest.mark.parametrize("state", ["vanished", "deleted"])
def test_force_gone(simulator: Simulator, state: str) -> None:
    job_id = simulator.video().json()["id"]
    simulator.force(job_id, state)
    assert simulator.entry(job_id)["gone"] == state


@pytest.mark.parametrize("body", [{}, {"state": "queued"}, {"state": "completed", "x": 1}, []])
def test_force_refuses_nonsense(simulator: Simulator, body: object) -> None:
    job_id = simulator.video().json()["id"]
    assert simulator.post(f"/_sim/jobs/{job_id}", body).status_code == 400


def test_unknown_jobs(simulator: Simulator) -> None:
    assert simulator.get("/_sim/jobs/video_0").status_code == 404
    assert simulator.post("/_sim/jobs/video_0", {"state": "completed"}).status_code == 404


def test_reset_forgets_everything(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    simulator.fault("list", {"type": "status", "status": 500}, times="unlimited")
    assert simulator.post("/_sim/reset", None).json()["jobs"] == 0
    journal = simulator.journal()
    assert (journal["jobs"], journal["creates"], journal["requests"]) == ([], [], {})
    assert simulator.get(f"/openai/v1/videos/{job_id}").status_code == 404
    assert simulator.get("/openai/v1/videos").status_code == 200
    new = simulator.video().json()["id"]
    assert simulator.entry(new)["ordinal"] == 1


def test_config_shows_what_is_in_force(simulator: Simulator) -> None:
    shown = {d["name"]: d for d in simulator.get("/_sim/config").json()["deployments"]}
    assert shown["two"]["max_running"] == 2
    assert shown["small"]["sizes"] == ["480x480"]
    assert shown["sora-2"]["seconds"] == [4, 8, 12]
