"""The journal: enough to count duplicates, losses and breaches."""

import hashlib

import httpx

from local.loopback import NO_TLS
from tests.simulator.process import KEY, Simulator
from tests.support.waiting import eventually


def test_which_request_created_which_job(simulator: Simulator) -> None:
    answers = [
        simulator.http.post(
            "/openai/v1/videos",
            data={"model": "sora-2", "prompt": "a cat"},
            files={"size": (None, "1280x720")},  # a fresh boundary each time
            headers={"x-ms-client-request-id": request_id},
        )
        for request_id in ("one", "two")
    ]
    first, second = simulator.journal()["jobs"]
    assert [first["id"], second["id"]] == [answer.json()["id"] for answer in answers]
    assert [first["ordinal"], second["ordinal"]] == [1, 2]
    assert first["request"]["headers"]["x-ms-client-request-id"] == "one"
    assert first["request"]["body_sha256"] != second["request"]["body_sha256"]
    assert first["request"]["fields_sha256"] == second["request"]["fields_sha256"]
    assert first["request"]["fields"]["prompt"] == "a cat"
    assert (first["deployment"], first["dialect"]) == ("sora-2", "sora-2")


def test_every_create_is_noted_with_its_outcome(simulator: Simulator) -> None:
    simulator.video(model="two")
    simulator.video(model="two")
    simulator.video(model="two")
    simulator.video(seconds="5")
    creates = simulator.journal()["creates"]
    assert [(note["status"], note["limit"]) for note in creates] == [
        ("200", None), ("200", None), ("429", "running"), ("400", None),
    ]  # fmt: skip
    assert [note["job"] is not None for note in creates] == [True, True, False, False]


def test_downloads_are_counted_per_output(simulator: Simulator) -> None:
    job = simulator.finished_job(n_variants=2)
    first, second = (generation["id"] for generation in job["generations"])
    content = "/openai/v1/video/generations/{}/content/video".format
    data = simulator.get(content(first)).content
    simulator.get(content(first))
    simulator.http.head(content(first))
    simulator.http.get(content(second), headers={"range": "bytes=0-9"})
    simulator.http.get(content(second), headers={"range": "bytes=-5"})
    one, two = (output["files"]["video"] for output in simulator.entry(job["id"])["outputs"])
    assert one["sha256"] == hashlib.sha256(data).hexdigest()
    assert one["size_bytes"] == len(data)
    assert one["downloads"] == {"started": 2, "completed": 2, "bytes": 2 * len(data)}
    assert two["downloads"] == {"started": 2, "completed": 1, "bytes": 15}, "the end arrived once"


def test_a_client_that_leaves_is_no_completed_download(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    simulator.fault("content", {"type": "slow_body", "seconds": 50})
    url = f"{simulator.url}/openai/v1/videos/{job_id}/content"
    with httpx.stream("GET", url, headers=KEY, trust_env=False, verify=NO_TLS) as stream:
        next(stream.iter_raw(1))

    def downloads() -> dict[str, int]:
        counts: dict[str, int] = simulator.entry(job_id)["outputs"][0]["files"]["video"][
            "downloads"
        ]
        return counts

    eventually(lambda: downloads()["bytes"] > 0)
    assert downloads()["completed"] == 0


def test_timelines(simulator: Simulator) -> None:
    job_id = simulator.video(model="quick").json()["id"]
    eventually(lambda: bool(simulator.entry(job_id)["status"] == "completed"))
    simulator.http.delete(f"/openai/v1/videos/{job_id}")
    entry = simulator.entry(job_id)
    assert [step["status"] for step in entry["timeline"]] == [
        "queued", "in_progress", "completed", "deleted",
    ]  # fmt: skip
    times = [step["at"] for step in entry["timeline"]]
    assert times == sorted(times)
    assert entry["gone_at"] == times[-1]


def test_most_at_once(simulator: Simulator) -> None:
    first, second = (simulator.video(model="two").json()["id"] for _ in range(2))
    simulator.video(model="two")
    simulator.force(first, "failed")
    simulator.video(model="two")
    simulator.force(second, "completed")
    two = simulator.journal()["deployments"]["two"]
    assert two["most_running"] == 2
    assert two["running_now"] == 1
    assert two["jobs"] == 3
    assert two["most_creates_in_a_minute"] == 3
    assert two["minute_seconds"] == 0.6
    assert two["refused"] == {"running": 1, "creates_per_minute": 0}


def test_requests_per_operation_and_status(simulator: Simulator) -> None:
    job_id = simulator.video().json()["id"]
    simulator.get(f"/openai/v1/videos/{job_id}")
    simulator.get("/openai/v1/videos/video_0")
    simulator.get("/openai/v1/nothing")
    requests = simulator.journal()["requests"]
    assert requests["sora-2 create"] == {"200": 1}
    assert requests["sora-2 get"] == {"200": 1, "404": 1}
    assert requests["unknown"] == {"404": 1}


def test_one_line_per_request(simulator: Simulator) -> None:
    job_id = simulator.video().json()["id"]
    simulator.get("/openai/v1/videos/video_0")
    lines = simulator.log.read_text().splitlines()[-2:]
    assert lines == [
        f"POST /openai/v1/videos 200 {job_id}", "GET /openai/v1/videos/video_0 404 -",
    ]  # fmt: skip
