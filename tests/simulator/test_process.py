"""The process: command line, ports, signals, restarts."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import NO_LIMITS
from tests.simulator.process import REPOSITORY, Simulator
from tests.support.waiting import eventually

QUICK: dict[str, Any] = {
    "deployments": [
        {"name": "sora-2", "dialect": "sora-2", **NO_LIMITS},
        {"name": "sora", "dialect": "sora-1", **NO_LIMITS},
    ],
    "render_times": [{"distribution": {"type": "fixed", "seconds": 1000}}],
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.simulator", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)


def test_help_explains_it() -> None:
    help_text = run("--help")
    assert help_text.returncode == 0
    for word in (
        "--port", "--time-scale", "--seed", "--state-dir", "--config", "--faults", "sim-key",
        "/openai/v1/videos", "/openai/v1/video/generations", "/_sim/faults", "/_sim/journal",
        "moderation-blocked",
    ):  # fmt: skip
        assert word in help_text.stdout


def test_a_busy_port_is_one_line_and_exit_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = run("--port", str(port))
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr == f"simulator: cannot listen on 127.0.0.1:{port}: the port is in use\n"


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("--config", "{", "JSON"),
        ("--config", '{"colour": 1}', "colour"),
        ("--config", '{"deployments": [{"name": "a"}]}', "dialect"),
        (
            "--config",
            json.dumps({"deployments": [{"name": "a", "dialect": "sora-1"}] * 2}),
            "same name",
        ),
        ("--faults", '[{"operation": "list"}]', "action"),
        ("--faults", None, "No such file"),
    ],
)
def test_bad_files_are_one_line_and_exit_1(
    tmp_path: Path, option: str, text: str | None, reason: str
) -> None:
    path = tmp_path / "file.json"
    if text is not None:
        path.write_text(text)
    failed = run("--port", "0", option, str(path))
    assert failed.returncode == 1
    assert failed.stderr.startswith("simulator: ")
    assert reason in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with Simulator(tmp_path) as simulator:
        health = simulator.get("/_sim/health").json()
        assert health == health | {"status": "ok", "time_scale": 20, "jobs": 0}
        names = [d["name"] for d in simulator.get("/_sim/config").json()["deployments"]]
        assert names == ["sora-2", "sora"]
        assert "sim-key" not in simulator.get("/_sim/config").text
        port = int(simulator.url.rsplit(":", 1)[1])
        with socket.socket() as other:  # fails where the port is taken on all addresses
            other.bind(("127.0.0.2", port))


def test_answers_do_not_wait_for_a_delayed_acknowledgement(simulator: Simulator) -> None:
    took = []
    for _ in range(50):
        began = time.monotonic()
        simulator.video()
        took.append(time.monotonic() - began)
    assert min(took) < 0.03  # without TCP_NODELAY each takes 0.044, on an idle machine as well


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_at_once_with_0(tmp_path: Path, number: int) -> None:
    simulator = Simulator(tmp_path, QUICK, time_scale=1000)
    simulator.video()
    simulator.get("/_sim/health")  # a connection stays open
    assert simulator.stop(number) == 0
    assert "Traceback" not in simulator.log.read_text()


def test_a_signal_cuts_slow_answers(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, QUICK, time_scale=1)
    simulator.fault("list", {"type": "slow_body", "seconds": 1000})
    with simulator.http.stream("GET", "/openai/v1/videos"):
        os.kill(simulator.process.pid, signal.SIGTERM)
        assert simulator.process.wait(timeout=60) == 0  # the answer would take a thousand seconds
    simulator.stop()


def test_timestamps_at_scale_1(tmp_path: Path) -> None:
    with Simulator(tmp_path, QUICK, time_scale=1) as simulator:
        video = simulator.video().json()
        assert video["expires_at"] == video["created_at"] + 86_400


def test_jobs_and_media_vanish_at_expiry(tmp_path: Path) -> None:
    # A day lasts twelve seconds, and a render an eighth of one.
    state = tmp_path / "state"
    with Simulator(tmp_path, QUICK, time_scale=7200, state_dir=state) as simulator:
        job_id = simulator.video().json()["id"]
        eventually(lambda: bool(simulator.entry(job_id)["status"] == "completed"))
        assert len(list((state / "media").iterdir())) == 1
        eventually(lambda: simulator.get(f"/openai/v1/videos/{job_id}").status_code == 404)
        assert simulator.get(f"/openai/v1/videos/{job_id}/content").status_code == 404
        entry = simulator.entry(job_id)
        assert entry["gone"] == "expired"
        assert 0 <= entry["gone_at"] - entry["expires_at"] < 1
        assert list((state / "media").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_state_survives(tmp_path: Path, number: int) -> None:
    options: dict[str, Any] = {"time_scale": 100, "state_dir": tmp_path / "state"}
    with Simulator(tmp_path, QUICK, **options) as before:
        done = before.finished_video()
        data = before.get(f"/openai/v1/videos/{done}/content").content
        deleted = before.video().json()["id"]
        before.http.delete(f"/openai/v1/videos/{deleted}")
        running = before.job().json()["id"]
        before.fault("create", {"type": "status", "status": 500}, times=3)
        assert before.video().status_code == 500
        journal = before.journal()
        before.stop(number)
    with Simulator(tmp_path, QUICK, **options) as after:
        again = after.journal()
        for report in (journal, again):
            del report["now"]
            for job in report["jobs"]:
                del job["progress"], job["timeline"], job["status"]
        assert again == journal
        assert after.get(f"/openai/v1/videos/{done}/content").content == data
        assert after.get(f"/openai/v1/videos/{deleted}").status_code == 404
        assert [after.video().status_code for _ in range(3)] == [500, 500, 200]
        assert after.journal()["jobs"][-1]["ordinal"] == 4
        after.force(running, "completed")
        job = after.get(f"/openai/v1/video/generations/jobs/{running}").json()
        assert job["status"] == "succeeded"


def test_a_killed_render_is_taken_up(tmp_path: Path) -> None:
    options: dict[str, Any] = {"time_scale": 1000, "state_dir": tmp_path / "state"}
    with Simulator(tmp_path, QUICK, **options) as before:
        job_id = before.video().json()["id"]
        before.stop(signal.SIGKILL)
    with Simulator(tmp_path, QUICK, **options) as after:
        eventually(lambda: bool(after.entry(job_id)["status"] == "completed"))
        assert len(after.get(f"/openai/v1/videos/{job_id}/content").content) > 10_000


def test_without_a_folder_nothing_stays(tmp_path: Path) -> None:
    with Simulator(tmp_path, QUICK) as before:
        before.video()
    with Simulator(tmp_path, QUICK) as after:
        assert after.journal()["jobs"] == []


def test_a_reset_job_does_not_come_back(tmp_path: Path) -> None:
    """Its slow download ends after the reset, when another job has its ordinal."""
    options: dict[str, Any] = {"time_scale": 100, "state_dir": tmp_path / "state"}
    with Simulator(tmp_path, QUICK, **options) as before:
        job_id = before.finished_video()
        before.fault("content", {"type": "slow_body", "seconds": 50})
        with before.http.stream("GET", f"/openai/v1/videos/{job_id}/content") as slow:
            before.post("/_sim/reset", None)
            new = before.video().json()["id"]
            slow.read()
    with Simulator(tmp_path, QUICK, **options) as after:
        assert [job["id"] for job in after.journal()["jobs"]] == [new]


def test_two_cannot_share_a_folder(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Simulator(tmp_path, state_dir=state):
        failed = run("--port", "0", "--state-dir", str(state))
    assert failed.returncode == 1
    assert "database is locked" in failed.stderr


def test_fault_file(tmp_path: Path) -> None:
    rules = [{"operation": "list", "action": {"type": "status", "status": 500}, "times": 2}]
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(rules))
    options: dict[str, Any] = {"faults": path, "state_dir": tmp_path / "state"}
    with Simulator(tmp_path, **options) as simulator:
        assert simulator.get("/openai/v1/videos").status_code == 500
    with Simulator(tmp_path, **options) as simulator:
        (rule,) = simulator.get("/_sim/faults").json()["rules"]
        assert (rule["hits"], rule["from_file"]) == (1, True)
        answers = [simulator.get("/openai/v1/videos").status_code for _ in range(2)]
        assert answers == [500, 200]
        simulator.post("/_sim/reset", None)
        assert simulator.get("/openai/v1/videos").status_code == 500


def test_equal_seeds_draw_equal_jobs(tmp_path: Path) -> None:
    config = {"deployments": [{"name": "sora-2", "dialect": "sora-2", **NO_LIMITS}]}

    def drawn(seed: int) -> tuple[list[float], str]:
        with Simulator(tmp_path, config, time_scale=60, seed=seed) as simulator:
            ids = [simulator.video().json()["id"] for _ in range(4)]
            simulator.force(ids[0], "completed")
            entries = [simulator.entry(job_id) for job_id in ids]
            sha256 = entries[0]["outputs"][0]["files"]["video"]["sha256"]
            return [entry["render_seconds"] for entry in entries], sha256

    first = drawn(1)
    assert drawn(1) == first
    other = drawn(2)
    assert other[0] != first[0]
    assert other[1] != first[1]
    assert len(set(first[0])) == 4
    assert all(0.5 < seconds < 30 for seconds in first[0])


def test_switched_off_lists(tmp_path: Path) -> None:
    config = {
        "deployments": [
            {"name": "sora-2", "dialect": "sora-2", "can_list": False},
            {"name": "sora", "dialect": "sora-1", "can_list": False},
        ]
    }
    with Simulator(tmp_path, config) as simulator:
        for path in ("/openai/v1/videos", "/openai/v1/video/generations/jobs"):
            assert simulator.get(path).status_code == 404
