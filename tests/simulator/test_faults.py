"""Every fault action once on the wire."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import av
import httpx
import pytest

from local.loopback import NO_TLS
from tests.simulator.process import KEY, Simulator, error_of
from tests.support.waiting import eventually

VIDEOS = "/openai/v1/videos"


def path_of(job_id: str) -> str:
    return f"{VIDEOS}/{job_id}"


def content_of(job_id: str) -> str:
    return f"{VIDEOS}/{job_id}/content"


def jobs(simulator: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulator.journal()["jobs"]
    return found


def test_status_so_many_times(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "status", "status": 500}, times=2)
    assert [simulator.video().status_code for _ in range(3)] == [500, 500, 200]
    assert len(jobs(simulator)) == 1


def test_status_after_processing(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "status", "status": 503, "processed": True})
    assert simulator.video().status_code == 503
    assert len(jobs(simulator)) == 1
    note = simulator.journal()["creates"][0]
    assert (note["status"], note["job"]) == ("503", jobs(simulator)[0]["id"])


@pytest.mark.parametrize(
    ("form", "header"),
    [("seconds", "retry-after"), ("ms", "retry-after-ms"), ("date", "retry-after")],
)
def test_status_with_words_and_a_hint(simulator: Simulator, form: str, header: str) -> None:
    simulator.fault(
        "get",
        {
            "type": "status", "status": 429, "message": "slow down", "code": "slow_down",
            "retry_after": 500, "retry_after_form": form, "headers": {"x-extra": "1"},
        },
    )  # fmt: skip
    answer = simulator.get(path_of("video_0"))
    assert error_of(answer)["code"] == "slow_down"
    assert error_of(answer)["message"] == "slow down"
    assert answer.headers["x-extra"] == "1"
    expected = {"seconds": "5", "ms": "5000"}.get(form)
    assert answer.headers[header] == expected if expected else "GMT" in answer.headers[header]


def test_storm(simulator: Simulator) -> None:
    simulator.fault("*", {"type": "storm", "seconds": 40, "retry_after": 100})  # 0.4 s
    job_id = "video_0"
    answers = [simulator.get(path_of(job_id)) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {429}
    assert answers[0].headers["retry-after"] == "1"
    eventually(lambda: simulator.get(path_of(job_id)).status_code == 404)
    assert simulator.get(path_of(job_id)).status_code == 404


@pytest.mark.parametrize("when", ["before", "after"])
def test_delay(simulator: Simulator, when: str) -> None:
    simulator.fault("list", {"type": "delay", "seconds": 30, "when": when})
    began = time.monotonic()
    simulator.get(VIDEOS)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_drop_closes_the_connection_without_an_answer(
    simulator: Simulator, when: str, made: int
) -> None:
    simulator.fault("create", {"type": "drop", "when": when})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        simulator.video()
    assert len(jobs(simulator)) == made
    note = simulator.journal()["creates"][0]
    assert (note["status"], note["job"] is not None, note["faults"]) == (
        "dropped",
        bool(made),
        ["drop"],
    )
    assert simulator.video().status_code == 200


def test_drop_sends_not_one_byte(simulator: Simulator) -> None:
    simulator.fault("get", {"type": "drop", "when": "before"})
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(f"GET {path_of('x')} HTTP/1.1\r\nhost: x\r\napi-key: sim-key\r\n\r\n".encode())
        assert raw.recv(1000) == b""


@pytest.mark.parametrize(("processed", "made"), [(False, 0), (True, 1)])
def test_html(simulator: Simulator, processed: bool, made: int) -> None:
    simulator.fault("create", {"type": "html", "processed": processed})
    answer = simulator.video()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html>" in answer.text
    assert len(jobs(simulator)) == made


def test_html_instead_of_a_movie(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    simulator.fault("content", {"type": "html", "status": 502})
    assert simulator.get(content_of(job_id)).status_code == 502


def test_redirect_to_another_host(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    data = simulator.get(content_of(job_id)).content
    simulator.fault("content", {"type": "redirect"}, times=2)
    answer = simulator.get(content_of(job_id), variant="video")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("http://localhost:")
    assert answer.headers["location"].endswith("/content?variant=video")
    careful = httpx.get(answer.headers["location"], trust_env=False, verify=NO_TLS)
    assert careful.content == data
    with httpx.Client(
        headers=KEY, follow_redirects=True, trust_env=False, verify=NO_TLS
    ) as careless:
        followed = careless.get(simulator.url + content_of(job_id))
    assert followed.content == data
    without_key, with_key = simulator.journal()["elsewhere"]
    assert with_key["path"] == content_of(job_id)
    assert without_key["api_key_came_along"] is False
    assert with_key["api_key_came_along"] is True  # httpx strips authorization only
    assert with_key["authorization_came_along"] is False


def test_redirect_to_a_given_place(simulator: Simulator) -> None:
    simulator.fault("get", {"type": "redirect", "status": 307, "location": "http://x.invalid/"})
    answer = simulator.get(path_of("video_0"))
    assert (answer.status_code, answer.headers["location"]) == (307, "http://x.invalid/")


def test_switched_off(simulator: Simulator) -> None:
    simulator.fault("list", {"type": "switched_off"}, times="unlimited", dialect="sora-2")
    answer = simulator.get(VIDEOS)
    assert answer.status_code == 404
    assert error_of(answer)["message"] == "Resource not found"
    assert simulator.get("/openai/v1/video/generations/jobs").status_code == 200


def test_slow_body(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    whole = simulator.get(content_of(job_id)).content
    simulator.fault("content", {"type": "slow_body", "seconds": 50})
    began = time.monotonic()
    assert simulator.get(content_of(job_id)).content == whole
    assert time.monotonic() - began >= 0.45


def test_slow_json(simulator: Simulator) -> None:
    simulator.fault("list", {"type": "slow_body", "seconds": 30})
    began = time.monotonic()
    assert simulator.get(VIDEOS).json()["object"] == "list"
    assert time.monotonic() - began >= 0.25


def test_not_found_after_create(simulator: Simulator) -> None:
    simulator.fault("get", {"type": "not_found_after_create", "seconds": 30}, times="unlimited")
    job_id = simulator.video().json()["id"]
    answer = simulator.get(path_of(job_id))
    assert answer.status_code == 404
    assert error_of(answer)["message"] == f"Video with id '{job_id}' not found."
    eventually(lambda: simulator.get(path_of(job_id)).status_code == 200)
    task = simulator.job().json()["id"]
    answer = simulator.get(f"/openai/v1/video/generations/jobs/{task}")
    assert answer.status_code == 404
    assert error_of(answer)["message"] == f"Video generation job {task} not found."


def test_unknown_status(simulator: Simulator) -> None:
    job_id = simulator.video().json()["id"]
    simulator.fault("get", {"type": "unknown_status", "word": "paused"})
    simulator.fault("list", {"type": "unknown_status"})
    assert simulator.get(path_of(job_id)).json()["status"] == "paused"
    assert simulator.get(VIDEOS).json()["data"][0]["status"] == "rescheduled"
    assert simulator.get(path_of(job_id)).json()["status"] == "queued"


def test_prompt_null(simulator: Simulator) -> None:
    simulator.fault("*", {"type": "prompt_null"}, times=3)
    job_id = simulator.video().json()["id"]
    assert simulator.get(path_of(job_id)).json()["prompt"] is None
    assert simulator.get(VIDEOS).json()["data"][0]["prompt"] is None
    assert simulator.get(path_of(job_id)).json()["prompt"] == "a cat"


def test_clock_skew(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "clock_skew", "seconds": -3600})
    began = int(time.time())
    answer = simulator.video()
    video = answer.json()
    assert began <= video["created_at"] + 3600 <= time.time()
    assert video["expires_at"] == video["created_at"] + 864
    right = simulator.get(path_of(video["id"]))
    assert right.json()["created_at"] == video["created_at"] + 3600
    assert answer.headers["date"][:20] != right.headers["date"][:20]


def test_render_time(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "render_time", "seconds": 30})
    job_id = simulator.video().json()["id"]
    eventually(lambda: bool(simulator.entry(job_id)["status"] == "completed"))
    entry = simulator.entry(job_id)
    assert entry["render_seconds"] == 0.3
    assert entry["ended_at"] - entry["created_at"] >= 0.29


def test_stuck(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "stuck", "progress": 99})
    job_id = simulator.video(model="quick").json()["id"]
    eventually(lambda: bool(simulator.get(path_of(job_id)).json()["progress"] == 99))
    time.sleep(0.2)
    video = simulator.get(path_of(job_id)).json()
    assert (video["status"], video["progress"]) == ("in_progress", 99)


def test_fail_at_a_share_of_the_render(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "fail", "at": 0.9, "code": "boom", "message": "Boom."})
    job_id = simulator.video(model="quick").json()["id"]
    eventually(lambda: bool(simulator.get(path_of(job_id)).json()["status"] == "failed"))
    assert simulator.get(path_of(job_id)).json()["error"] == {"code": "boom", "message": "Boom."}
    entry = simulator.entry(job_id)
    assert entry["ended_at"] - entry["created_at"] >= 0.9 * entry["render_seconds"]


def test_vanish(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "vanish", "at": 0.5})
    job_id = simulator.video(model="quick").json()["id"]
    assert simulator.get(path_of(job_id)).status_code == 200
    eventually(lambda: simulator.get(path_of(job_id)).status_code == 404)
    assert simulator.get(VIDEOS).json()["data"] == []
    assert simulator.entry(job_id)["gone"] == "vanished"


def test_fewer_generations(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "fewer_generations", "count": 1})
    job = simulator.finished_job(n_variants=3)
    assert (job["n_variants"], len(job["generations"])) == (3, 1)


def test_hide_from_list(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "hide_from_list", "seconds": 40})
    job_id = simulator.video().json()["id"]
    assert simulator.get(VIDEOS).json()["data"] == []
    assert simulator.get(path_of(job_id)).status_code == 200
    eventually(lambda: [v["id"] for v in simulator.get(VIDEOS).json()["data"]] == [job_id])


def test_look_alikes(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "look_alike", "count": 2})
    job_id = simulator.video(model="two", prompt="the same").json()["id"]
    assert simulator.video(model="two").status_code == 200, "strangers take no place"
    listed = simulator.get(VIDEOS).json()["data"]
    same = [video for video in listed if video["prompt"] == "the same"]
    assert len(same) == 3
    assert len({(video["size"], video["seconds"], video["model"]) for video in same}) == 1
    foreign = {entry["id"]: entry["foreign"] for entry in jobs(simulator)}
    assert foreign.pop(job_id) is False
    assert sorted(foreign.values()) == [False, True, True]
    assert simulator.journal()["deployments"]["two"]["most_running"] == 2


def test_look_alike_of_a_request_that_was_lost(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "look_alike"})
    simulator.fault("create", {"type": "drop", "when": "before"})
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.video(prompt="the same")
    (stranger,) = jobs(simulator)
    assert stranger["foreign"] is True
    assert stranger["spec"]["prompt"] == "the same"
    assert simulator.journal()["creates"][0]["job"] is None


def test_a_strangers_job_with_another_prompt_that_fails_at_once(simulator: Simulator) -> None:
    fate = {"type": "look_alike", "prompt": "a dog", "failure": "no memory"}
    simulator.fault("create", fate)
    mine = simulator.video().json()["id"]

    def failed() -> bool:
        (stranger,) = (row for row in simulator.get(VIDEOS).json()["data"] if row["id"] != mine)
        expected = {"prompt": "a dog", "error": {"code": "internal_error", "message": "no memory"}}
        return bool(stranger["status"] == "failed" and stranger == stranger | expected)

    eventually(failed)


def test_look_alikes_that_count(simulator: Simulator) -> None:
    simulator.fault("create", {"type": "look_alike", "count": 2, "counts_against_limits": True})
    assert simulator.video(model="two").status_code == 429


def test_truncated_connection(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    simulator.fault("content", {"type": "truncated", "share": 0.5})
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
        simulator.get(content_of(job_id))
    downloads = simulator.entry(job_id)["outputs"][0]["files"]["video"]["downloads"]
    assert downloads["completed"] == 0
    assert simulator.get(content_of(job_id)).status_code == 200


def whole_and_faulty(simulator: Simulator, action: dict[str, Any]) -> tuple[bytes, bytes]:
    job_id = simulator.finished_video(seconds="4")
    whole = simulator.get(content_of(job_id)).content
    simulator.fault("content", action)
    answer = simulator.get(content_of(job_id))
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    return whole, answer.content


def test_truncated_length(simulator: Simulator) -> None:
    whole, cut = whole_and_faulty(simulator, {"type": "truncated", "share": 0.25, "how": "length"})
    assert cut == whole[: len(whole) // 4]


@pytest.mark.parametrize("where", ["index", "media"])
def test_corrupted(simulator: Simulator, where: str) -> None:
    whole, wrong = whole_and_faulty(simulator, {"type": "corrupted", "where": where})
    assert len(whole) == len(wrong)
    assert whole != wrong
    assert (b"moov" in wrong) is (where == "media")


def test_oversized(simulator: Simulator) -> None:
    whole, big = whole_and_faulty(simulator, {"type": "oversized", "extra_bytes": 200_000})
    assert big == whole + bytes(200_000)


@pytest.mark.parametrize("difference", [1000, -1000])
def test_wrong_length(simulator: Simulator, difference: int) -> None:
    job_id = simulator.finished_video()
    whole = simulator.get(content_of(job_id)).content
    simulator.fault("content", {"type": "wrong_length", "difference": difference})
    if difference > 0:
        with pytest.raises(httpx.RemoteProtocolError):
            simulator.get(content_of(job_id))
    else:
        assert simulator.get(content_of(job_id)).content == whole[:-1000]


def test_wrong_movie(simulator: Simulator, tmp_path: Any) -> None:
    _, other = whole_and_faulty(simulator, {"type": "wrong_movie", "seconds": 2, "size": "480x480"})
    path = tmp_path / "wrong.mp4"
    path.write_bytes(other)
    with av.open(str(path), "r") as movie:
        assert movie.duration == 2 * av.time_base
        assert (movie.streams.video[0].width, movie.streams.video[0].height) == (480, 480)


def test_a_job_that_expires_while_its_answer_is_delayed(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    simulator.fault("content", {"type": "delay", "seconds": 50, "when": "after"})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(simulator.get, content_of(job_id))
        eventually(lambda: bool(simulator.get("/_sim/faults").json()["rules"][0]["hits"]))
        simulator.force(job_id, "expired")
    assert answer.result().status_code == 404


def test_expire_during_copy(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    simulator.fault("content", {"type": "expire_during_copy", "share": 0.5})
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.get(content_of(job_id))
    assert simulator.get(content_of(job_id)).status_code == 404
    assert simulator.entry(job_id)["gone"] == "expired"


def test_rules_match_jobs_and_count(simulator: Simulator) -> None:
    first, second = (simulator.video(prompt=f"cat {n}").json()["id"] for n in (1, 2))
    error = {"type": "status", "status": 500}
    simulator.fault("get", error, match={"job": 2}, skip=1, times=1)
    simulator.fault("create", error, match={"prompt_contains": "dog"})
    assert simulator.get(path_of(first)).status_code == 200
    assert [simulator.get(path_of(second)).status_code for _ in range(3)] == [200, 500, 200]
    assert simulator.video(prompt="cat").status_code == 200
    assert simulator.video(prompt="a dog").status_code == 500
    rules = simulator.get("/_sim/faults").json()["rules"]
    assert [(rule["seen"], rule["hits"]) for rule in rules] == [(3, 1), (1, 1)]


def test_rules_match_variants_and_deployments(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    error = {"type": "status", "status": 500}
    simulator.fault("content", error, match={"variant": "thumbnail"})
    simulator.fault("create", error, deployment="quick")
    simulator.fault("create", error, deployment="sora-2", skip=1)
    assert simulator.get(content_of(job_id)).status_code == 200
    assert simulator.get(content_of(job_id), variant="thumbnail").status_code == 500
    assert simulator.video().status_code == 200
    assert simulator.video(model="quick").status_code == 500
    defaulted = simulator.post("/v1/videos", {"prompt": "a cat"})
    assert defaulted.status_code == 500, "the default model is sora-2"


def test_head_has_its_own_operation(simulator: Simulator) -> None:
    generation = simulator.finished_job()["generations"][0]["id"]
    path = f"/openai/v1/video/generations/{generation}/content/video"
    simulator.fault("content_head", {"type": "status", "status": 503})
    assert simulator.get(path).status_code == 200
    assert simulator.http.head(path).status_code == 503
    assert simulator.http.head(path).status_code == 200


def test_dice_fall_the_same_way_every_time(simulator: Simulator) -> None:
    def statuses() -> list[int]:
        simulator.post("/_sim/reset", None)
        rule = {"times": "unlimited", "probability": 0.5, "seed": 7}
        simulator.fault("list", {"type": "status", "status": 500}, **rule)
        return [simulator.get(VIDEOS).status_code for _ in range(20)]

    first = statuses()
    assert first == statuses()
    assert 4 <= first.count(500) <= 16


def test_only_one_rule_decides_but_delays_add(simulator: Simulator) -> None:
    simulator.fault("list", {"type": "status", "status": 500})
    simulator.fault("list", {"type": "status", "status": 503})
    simulator.fault("list", {"type": "delay", "seconds": 20})
    began = time.monotonic()
    assert simulator.get(VIDEOS).status_code == 500
    assert time.monotonic() - began >= 0.2
    assert [simulator.get(VIDEOS).status_code for _ in range(2)] == [503, 200]


def test_unauthenticated_requests_meet_no_rule(simulator: Simulator) -> None:
    simulator.fault("list", {"type": "status", "status": 500})
    assert httpx.get(simulator.url + VIDEOS, trust_env=False, verify=NO_TLS).status_code == 401
    assert simulator.get(VIDEOS).status_code == 500


@pytest.mark.parametrize(
    ("rule", "where", "what"),
    [
        ({"operation": "fly"}, "operation", "create"),
        ({"action": {"type": "explode"}}, "action", "explode"),
        ({"action": {"type": "status"}}, "action.status.status", "required"),
        ({"action": {"type": "status", "status": 200}}, "action.status.status", "400"),
        ({"action": {"type": "status", "status": 500, "x": 1}}, "action.status.x", "not permitted"),
        ({"times": 0}, "", "at least 1"),
        ({"times": "often"}, "times", "unlimited"),
        ({"colour": "red"}, "colour", "not permitted"),
        ({"operation": "list", "action": {"type": "stuck"}}, "", "create, remix"),
        ({"operation": "get", "action": {"type": "truncated"}}, "", "content"),
        ({"operation": "list", "match": {"job": 1}}, "", "neither a deployment nor a job"),
        ({"probability": 2}, "probability", "less than or equal to 1"),
    ],
)
def test_bad_rules_are_refused_with_reasons(
    simulator: Simulator, rule: dict[str, object], where: str, what: str
) -> None:
    good = {"operation": "create", "action": {"type": "drop", "when": "after"}}
    answer = simulator.post("/_sim/faults", [good, good | rule])
    assert answer.status_code == 400
    problems = answer.json()["error"]["problems"]
    assert any(
        p["where"].startswith(f"1.{where}".rstrip(".")) and what in p["what"] for p in problems
    ), problems
    assert simulator.get("/_sim/faults").json()["rules"] == []


def test_rules_can_be_cleared(simulator: Simulator) -> None:
    simulator.fault("list", {"type": "status", "status": 500}, times="unlimited")
    assert simulator.get(VIDEOS).status_code == 500
    assert simulator.http.delete("/_sim/faults").json()["rules"] == []
    assert simulator.get(VIDEOS).status_code == 200


def test_a_restart_answers_nothing_and_keeps_what_is_not_in_memory(simulator: Simulator) -> None:
    """Those that keep their jobs in memory: tests/simulator/test_wires.py."""
    job = simulator.video().json()["id"]
    simulator.fault("get", {"type": "restart"})
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.get(f"{VIDEOS}/{job}")
    assert simulator.get(f"{VIDEOS}/{job}").status_code == 200


def test_every_action_is_tried_here(simulator: Simulator) -> None:
    from pathlib import Path

    here = Path(__file__)
    text = here.read_text() + here.with_name("test_callbacks.py").read_text()
    tried = set(re.findall(r'"type": "(\w+)"', text))
    assert simulator.get("/_sim/faults").json()["actions"].keys() <= tried
