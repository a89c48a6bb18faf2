"""The app with LiteLLM's proxy as its upstream. What a wire behind it lacks is stated here too."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.interop.conftest import PATIENCE, Gateway
from tests.support.media import picture
from tests.support.stacks import Client


def ended(api: Client, video: dict[str, Any]) -> dict[str, Any]:
    return api.wait(video["id"], seconds=PATIENCE)


def clip(job: dict[str, Any]) -> dict[str, Any]:
    """The journal's entry of a job's MP4."""
    entry: dict[str, Any] = job["outputs"][0]["files"]["video"]
    return entry


def money(video: dict[str, Any]) -> tuple[str, str]:
    return video["cost"]["actual"], video["cost"]["state"]


def test_a_text_becomes_a_video(api: Client, gateway: Gateway) -> None:
    video = ended(api, api.create(model=gateway.model, prompt="a fox"))
    assert video["status"] == "completed", video["error"]
    assert money(video) == ("0.40", "settled")
    (job,) = gateway.jobs
    assert [each["sha256"] for each in video["outputs"]] == [clip(job)["sha256"]]
    # the proxy gives the MP4 for every `variant`: a picture would be another download of it
    assert clip(job)["downloads"]["started"] == 1


def test_an_image_becomes_a_video(api: Client, gateway: Gateway) -> None:
    image = picture(1280, 720)
    made = api.http.post(
        f"{api.stack.api}/videos",
        data={"model": gateway.model, "prompt": "a fox"},
        files={"input_reference": ("frame.png", image, "image/png")},
    )
    assert made.status_code == 200, made.text
    assert ended(api, made.json())["status"] == "completed"
    (job,) = gateway.jobs
    assert [each["sha256"] for each in job["request"]["files"]] == [
        hashlib.sha256(image).hexdigest()
    ]


def test_a_failed_job_says_why_and_costs_nothing(api: Client, gateway: Gateway) -> None:
    reason = {"type": "fail", "code": "out_of_memory", "message": "The GPU ran out of memory."}
    gateway.simulator.script({"operation": "create", "action": reason})
    video = ended(api, api.create(model=gateway.model, prompt="a fox"))
    assert video["status"] == "failed"
    assert "The GPU ran out of memory." in video["error"]["message"]
    assert money(video) == ("0.00", "released")
    assert len(gateway.jobs) == 1


def test_a_refused_prompt_says_so_and_costs_nothing(api: Client, gateway: Gateway) -> None:
    video = ended(api, api.create(model=gateway.model, prompt="content-filter"))
    # in LiteLLM's answer OpenAI's code is inside the message; vLLM-Omni gives none
    code = {"by-openai": "moderation_blocked", "by-vllm-omni": "refused"}[gateway.model]
    assert (video["status"], video["error"]["code"]) == ("failed", code)
    assert "content management policy" in video["error"]["message"]
    assert money(video) == ("0.00", "released")
    assert gateway.jobs == []


def test_a_lost_answer_is_found_in_the_list_while_other_videos_go_on(
    api: Client, gateway: Gateway
) -> None:
    """Two equal requests: only their jobs' identity tells which clip belongs to whom."""
    before = api.create(model=gateway.model, prompt="a fox")
    api.wait(before["id"], seconds=PATIENCE, until=lambda video: video["stage"] == "rendering")
    gateway.simulator.script({"operation": "create", "action": {"type": "drop", "when": "after"}})
    twins = [
        api.http.post(
            f"{api.stack.api}/videos",
            json={"model": gateway.model, "prompt": "a fox"},
            headers={"Idempotency-Key": f"{gateway.model}: {key}"},
        ).json()
        for key in ("its answer is lost", "its answer arrives")
    ]
    videos = [ended(api, each) for each in (before, *twins)]
    assert [video["status"] for video in videos] == ["completed"] * 3, videos
    assert [money(video) for video in videos] == [("0.40", "settled")] * 3
    journal = gateway.simulator.journal()
    assert len(journal["creates"]) == len(journal["jobs"]) == 3
    assert sum(journal["requests"]["sora-2 list"].values()) >= 1
    clips = {video["outputs"][0]["sha256"] for video in videos}
    assert clips == {clip(job)["sha256"] for job in journal["jobs"]}
    assert len(clips) == 3


def test_a_deleted_video_is_gone_here_although_its_job_stays(api: Client, gateway: Gateway) -> None:
    """The proxy answers DELETE with 405."""
    video = ended(api, api.create(model=gateway.model, prompt="a fox"))
    path = f"{api.stack.api}/videos/{video['id']}"
    assert api.http.delete(path).json() == {
        "id": video["id"],
        "object": "video.deleted",
        "deleted": True,
    }
    assert api.http.get(path).status_code == 404
    assert api.http.get(video["outputs"][0]["url"]).status_code == 404
    (job,) = gateway.jobs
    assert job["gone"] is None


def test_a_list_of_another_server_proves_nothing(api: Client, astray: Gateway) -> None:
    """It answers well and is empty: a second POST would be a second render."""
    astray.simulator.reset()
    astray.simulator.script({"operation": "create", "action": {"type": "drop", "when": "after"}})
    video = ended(api, api.create(model=astray.model, prompt="a fox"))
    assert (video["status"], video["error"]["code"]) == ("failed", "submit_unknown")
    assert video["cost"]["state"] == "unknown"
    journal = astray.simulator.journal()
    assert len(journal["creates"]) == len(journal["jobs"]) == 1
    assert journal["requests"]["sora-2 list"]["200"] >= 1
