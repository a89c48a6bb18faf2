"""Who may ask, and how much."""

import httpx
import pytest

from local.loopback import NO_TLS
from tests.simulator.process import Simulator, error_of
from tests.support.waiting import eventually

MINUTE = 60 / 100  # seconds at the tests' time scale


def ask(simulator: Simulator, path: str, **headers: str) -> httpx.Response:
    return httpx.get(simulator.url + path, headers=headers, trust_env=False, verify=NO_TLS)


@pytest.mark.parametrize(
    "headers",
    [
        {"api-key": "sim-key"},
        {"authorization": "Bearer sim-key"},
        {"authorization": "bearer  sim-key"},
        {"api-key": "sim-key", "authorization": "Bearer wrong"},
    ],
)
def test_good_keys(simulator: Simulator, headers: dict[str, str]) -> None:
    assert ask(simulator, "/openai/v1/videos", **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"api-key": "wrong"}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"}],
)
def test_bad_keys_in_azures_words(simulator: Simulator, headers: dict[str, str]) -> None:
    for path in ("/openai/v1/videos", "/openai/v1/video/generations/jobs"):
        answer = ask(simulator, path, **headers)
        assert answer.status_code == 401
        error = error_of(answer)
        assert error["code"] == "401"
        assert error["message"].startswith("Access denied due to invalid subscription key")


def test_bad_keys_in_openais_words(simulator: Simulator) -> None:
    answer = ask(simulator, "/v1/videos", authorization="Bearer secret-word")
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "invalid_api_key"
    assert "secret-word" not in answer.text


def test_missing_role(simulator: Simulator) -> None:
    answer = ask(simulator, "/openai/v1/videos", **{"api-key": "sim-key-without-role"})
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "PermissionDenied"


def test_running_limit(simulator: Simulator) -> None:
    first = simulator.video(model="two").json()["id"]
    assert simulator.video(model="two").status_code == 200
    refused = simulator.video(model="two")
    assert refused.status_code == 429
    assert refused.json() == {
        "error": {
            "message": "Too many running tasks",
            "type": "video_generation_user_error",
            "param": None,
            "code": None,
        }
    }
    assert "retry-after" not in refused.headers
    assert "retry-after-ms" not in refused.headers
    assert simulator.video(model="sora-2").status_code == 200, "another deployment is free"
    simulator.force(first, "failed")
    assert simulator.video(model="two").status_code == 200
    assert simulator.video(model="two").status_code == 429


def test_running_limit_of_sora_1(simulator: Simulator) -> None:
    made = [simulator.job(model="two-1") for _ in range(3)]
    assert [answer.status_code for answer in made] == [200, 200, 429]
    simulator.http.delete(f"/openai/v1/video/generations/jobs/{made[0].json()['id']}")
    assert simulator.job(model="two-1").status_code == 200


def test_remix_counts_as_a_create(simulator: Simulator) -> None:
    source = simulator.finished_video(model="two")
    simulator.video(model="two")
    remix = f"/openai/v1/videos/{source}/remix"
    assert simulator.post(remix, {"prompt": "x"}).status_code == 200
    assert simulator.post(remix, {"prompt": "x"}).status_code == 429


def test_creates_per_minute(simulator: Simulator) -> None:
    answers = [simulator.video(model="minute") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    error = error_of(answers[2])
    assert "exceeded call rate limit" in error["message"]
    assert error["message"] != "Too many running tasks"
    eventually(lambda: simulator.video(model="minute").status_code == 200, seconds=3 * MINUTE)


def test_retry_hints(simulator: Simulator) -> None:
    both = simulator.video(model="hinting")
    assert both.status_code == 429
    assert int(both.headers["retry-after"]) >= 1
    assert int(both.headers["retry-after-ms"]) >= 1
    assert "GMT" in simulator.video(model="dating").headers["retry-after"]
