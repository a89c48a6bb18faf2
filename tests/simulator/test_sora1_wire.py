"""The Sora 1 dialect, point by point."""

import io
import json
import time
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.simulator.process import Simulator, error_of
from tests.support.waiting import eventually

JOBS = "/openai/v1/video/generations/jobs"
GENERATIONS = "/openai/v1/video/generations"

Part = tuple[str, bytes, str]


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


IMAGE: Part = ("a.jpg", picture(), "image/jpeg")


def with_media(simulator: Simulator, items: object, *files: Part, **fields: str) -> httpx.Response:
    data = {
        "model": "sora", "prompt": "a cat", "width": "480", "height": "480", "n_seconds": "2",
        **fields,
    }  # fmt: skip
    if items is not None:
        data["inpaint_items"] = items if isinstance(items, str) else json.dumps(items)
    parts: list[Any] = [("files", file) for file in files] or [("prompt", (None, data["prompt"]))]
    return simulator.http.post(f"{JOBS}?api-version=preview", data=data, files=parts)


def item(**changes: object) -> dict[str, object]:
    return {"frame_index": 0, "type": "image", "file_name": "a.jpg"} | changes


def test_create_answers_200_with_a_queued_job(simulator: Simulator) -> None:
    began = int(time.time())
    answer = simulator.job(n_variants=2)
    job = answer.json()
    assert answer.status_code == 200
    assert job["id"].startswith("task_")
    assert began <= job["created_at"] <= time.time()
    assert job == {
        "object": "video.generation.job", "id": job["id"], "status": "queued",
        "created_at": job["created_at"], "finished_at": None, "expires_at": None,
        "generations": [], "prompt": "a cat", "model": "sora", "n_variants": 2, "n_seconds": 2,
        "height": 480, "width": 480, "failure_reason": None,
    }  # fmt: skip


def test_defaults_are_5_seconds_and_one_variant(simulator: Simulator) -> None:
    body = {"model": "sora", "prompt": "a cat", "width": 480, "height": 480}
    job = simulator.post(JOBS, body).json()
    assert (job["n_seconds"], job["n_variants"]) == (5, 1)


def test_numbers_may_be_texts(simulator: Simulator) -> None:
    job = simulator.job(width="854", height="480").json()
    assert (job["width"], job["height"]) == (854, 480)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"model": None}, 400, "Missing required parameter: 'model'."),
        ({"prompt": None}, 400, "Missing required parameter: 'prompt'."),
        ({"width": None}, 400, "Missing required parameter: 'width'."),
        ({"width": 500}, 400, "User error: resolution 500x480 is not supported."),
        ({"width": 4.8}, 400, "Invalid type for 'width': expected an integer, but got a decimal"),
        (
            {"n_seconds": True},
            400,
            "Invalid type for 'n_seconds': expected an integer, but got a b",
        ),
        ({"n_seconds": 21}, 400, "User error: n_seconds must be between 1 and 20"),
        ({"n_seconds": 0}, 400, "User error: n_seconds must be between 1 and 20"),
        ({"width": 1920, "height": 1080, "n_seconds": 11}, 400, "User error: n_seconds must be"),
        ({"n_variants": 5}, 400, "User error: n_variants must be between 1 and 4"),
        ({"width": 1280, "height": 720, "n_variants": 3}, 400, "User error: n_variants must be"),
        ({"width": 1080, "height": 1080, "n_variants": 2}, 400, "User error: n_variants must be"),
        ({"seconds": 4}, 400, "Unknown parameter: 'seconds'."),
        ({"model": "sora-2"}, 400, "The video generation operation does not work with"),
        ({"model": "nobody"}, 404, "The API deployment 'nobody' for this resource does not exist."),
        ({"model": "retired-1"}, 410, "The model of deployment 'retired-1' has been retired"),
    ],
)
def test_refusals_at_create(
    simulator: Simulator, change: dict[str, object], status: int, message: str
) -> None:
    answer = simulator.job(**change)
    assert answer.status_code == status
    assert error_of(answer)["message"].startswith(message)
    assert simulator.journal()["jobs"] == []


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1920, 1080), (1080, 1080)])
def test_all_resolutions_either_way(simulator: Simulator, size: tuple[int, int]) -> None:
    assert simulator.job(width=size[0], height=size[1]).status_code == 200


def test_flat_bodies_where_configured(simulator: Simulator) -> None:
    error = simulator.job(model="flat", n_seconds=99).json()
    assert error.keys() == {"code", "message", "param", "type"}
    filtered = simulator.job(model="flat", prompt="content-filter").json()
    assert filtered["inner_error"]["code"] == "ResponsibleAIPolicyViolation"


def test_life_of_a_job(simulator: Simulator) -> None:
    job_id = simulator.job(model="quick-1", n_variants=3).json()["id"]
    order = ["queued", "preprocessing", "running", "processing", "succeeded"]
    seen: list[str] = []

    def succeeded() -> bool:
        seen.append(simulator.get(f"{JOBS}/{job_id}").json()["status"])
        return seen[-1] == "succeeded"

    eventually(succeeded)
    assert [order.index(status) for status in seen] == sorted(map(order.index, seen))
    assert len(set(seen)) > 2
    assert [step["status"] for step in simulator.entry(job_id)["timeline"]] == order
    job = simulator.get(f"{JOBS}/{job_id}").json()
    assert job["created_at"] <= job["finished_at"]
    assert job["expires_at"] == job["created_at"] + 864
    assert len(job["generations"]) == 3
    first = job["generations"][0]
    assert first == {
        "object": "video.generation", "id": first["id"], "job_id": job_id,
        "created_at": first["created_at"], "width": 480, "height": 480, "n_seconds": 2,
        "prompt": "a cat",
    }  # fmt: skip
    assert first["id"].startswith("gen_")
    assert simulator.get(f"{GENERATIONS}/{first['id']}").json() == first


def test_generations_exist_only_after_success(simulator: Simulator) -> None:
    job_id = simulator.job().json()["id"]
    generation = simulator.entry(job_id)["outputs"][0]["id"]
    path = f"{GENERATIONS}/{generation}"
    assert simulator.get(path).status_code == 404
    assert simulator.get(f"{path}/content/video").status_code == 404
    simulator.force(job_id, "completed")
    assert simulator.get(path).status_code == 200
    assert simulator.get(f"{path}/content/video").status_code == 200


def test_fewer_generations_than_variants(simulator: Simulator) -> None:
    job = simulator.finished_job(model="fewer", n_variants=4)
    assert 1 <= len(job["generations"]) < 4
    assert job["n_variants"] == 4


def test_variants_differ(simulator: Simulator) -> None:
    job = simulator.finished_job(n_variants=2)
    paths = [f"{GENERATIONS}/{g['id']}/content/video" for g in job["generations"]]
    assert simulator.get(paths[0]).content != simulator.get(paths[1]).content


def test_content_headers_and_head(simulator: Simulator) -> None:
    generation = simulator.finished_job()["generations"][0]["id"]
    path = f"{GENERATIONS}/{generation}/content/video"
    got = simulator.get(path)
    assert got.headers["content-type"] == "video/mp4"
    assert got.headers["accept-ranges"] == "bytes"
    assert "GMT" in got.headers["last-modified"]
    head = simulator.http.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(got.content)


@pytest.mark.parametrize(
    ("header", "status", "start", "stop"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=100-", 206, 100, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=5-99999999", 206, 5, None),
        ("bytes=9-3", 200, 0, None),
        ("lines=1-2", 200, 0, None),
        ("bytes=99999999-", 416, 0, 0),
    ],
)
def test_ranges(
    simulator: Simulator, header: str, status: int, start: int, stop: int | None
) -> None:
    generation = simulator.finished_job()["generations"][0]["id"]
    path = f"{GENERATIONS}/{generation}/content/video"
    whole = simulator.get(path).content
    part = simulator.http.get(path, headers={"range": header})
    assert part.status_code == status
    assert part.content == whole[start:stop]
    if status == 206:
        first = start % len(whole) if start < 0 else start
        expected = f"bytes {first}-{first + len(part.content) - 1}/{len(whole)}"
        assert part.headers["content-range"] == expected
    if status == 416:
        assert part.headers["content-range"] == f"bytes */{len(whole)}"


def test_quality(simulator: Simulator) -> None:
    generation = simulator.finished_job()["generations"][0]["id"]
    path = f"{GENERATIONS}/{generation}/content/video"
    high, low = (simulator.get(path, quality=quality).content for quality in ("high", "low"))
    assert high == simulator.get(path).content
    assert len(low) < len(high)
    assert simulator.get(path, quality="best").status_code == 400


def test_thumbnail_is_a_jpeg(simulator: Simulator) -> None:
    generation = simulator.finished_job()["generations"][0]["id"]
    answer = simulator.get(f"{GENERATIONS}/{generation}/content/thumbnail")
    assert answer.headers["content-type"] == "image/jpg"
    assert Image.open(io.BytesIO(answer.content)).format == "JPEG"


def test_there_is_no_gif(simulator: Simulator) -> None:
    generation = simulator.finished_job()["generations"][0]["id"]
    assert simulator.get(f"{GENERATIONS}/{generation}/content/gif").status_code == 404


def test_list(simulator: Simulator) -> None:
    made = [simulator.job(prompt=f"cat {number}").json()["id"] for number in range(5)]
    newest = made[::-1]
    simulator.force(newest[0], "completed")

    def listed(**query: str) -> tuple[list[str], bool]:
        page = simulator.get(JOBS, **query).json()
        assert page["object"] == "list"
        ids = [job["id"] for job in page["data"]]
        if ids:
            assert (page["first_id"], page["last_id"]) == (ids[0], ids[-1])
        return ids, page["has_more"]

    assert listed() == (newest, False)
    assert listed(limit="2") == (newest[:2], True)
    assert listed(after=newest[1], limit="2") == (newest[2:4], True)
    assert listed(before=newest[3], limit="2") == (newest[1:3], True)
    assert listed(statuses="succeeded") == (newest[:1], False)
    assert listed(statuses="queued,running") == (newest[1:], False)
    assert listed(statuses="failed") == ([], False)
    assert simulator.get(JOBS, statuses="done").status_code == 400
    assert simulator.get(JOBS, limit="0").status_code == 400
    assert simulator.get(JOBS, after="task_0").status_code == 404


def test_delete_is_204_and_empty(simulator: Simulator) -> None:
    job = simulator.finished_job()
    answer = simulator.http.delete(f"{JOBS}/{job['id']}")
    assert answer.status_code == 204
    assert answer.content == b""
    assert simulator.get(f"{JOBS}/{job['id']}").status_code == 404
    generation = job["generations"][0]["id"]
    assert simulator.get(f"{GENERATIONS}/{generation}").status_code == 404
    assert simulator.http.delete(f"{JOBS}/{job['id']}").status_code == 404


def test_delete_of_a_running_job_can_be_refused(simulator: Simulator) -> None:
    job_id = simulator.job(model="keeping-1").json()["id"]
    assert simulator.http.delete(f"{JOBS}/{job_id}").status_code == 400


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("moderation-blocked", "input_moderation"),
        ("input-moderation", "input_moderation"),
        ("output-moderation", "output_moderation"),
        ("internal-error", "internal_error"),
    ],
)
def test_failure_reasons(simulator: Simulator, word: str, reason: str) -> None:
    path = f"{JOBS}/{simulator.job(model='quick-1', prompt=word).json()['id']}"
    eventually(lambda: simulator.get(path).json()["status"] == "failed")
    job = simulator.get(path).json()
    assert (job["failure_reason"], job["generations"]) == (reason, [])
    assert job["finished_at"] is not None


def test_prompt_can_be_null_in_answers(simulator: Simulator) -> None:
    assert simulator.job(model="quiet-1").json()["prompt"] is None


def test_dialects_do_not_see_each_others_jobs(simulator: Simulator) -> None:
    job, video = simulator.job().json()["id"], simulator.video().json()["id"]
    assert simulator.get(f"{JOBS}/{video}").status_code == 404
    assert simulator.get(f"/openai/v1/videos/{job}").status_code == 404
    assert len(simulator.get(JOBS).json()["data"]) == 1
    assert simulator.http.delete(f"{JOBS}/{video}").status_code == 404


def test_one_image(simulator: Simulator) -> None:
    answer = with_media(simulator, [item(crop_bounds={"left_fraction": 0.1})], IMAGE)
    assert answer.status_code == 200
    assert answer.json()["inpaint_items"] == [
        item(
            crop_bounds={
                "left_fraction": 0.1, "top_fraction": 0.0, "right_fraction": 1.0,
                "bottom_fraction": 1.0,
            }
        )
    ]  # fmt: skip


def test_two_images(simulator: Simulator) -> None:
    second: Part = ("b.jpg", picture(), "image/jpeg")
    items = [item(), item(file_name="b.jpg", frame_index=20)]
    assert with_media(simulator, items, IMAGE, second).status_code == 200


def test_a_video(simulator: Simulator) -> None:
    job = simulator.finished_job(n_seconds=3)
    path = f"{GENERATIONS}/{job['generations'][0]['id']}/content/video"
    clip: Part = ("a.mp4", simulator.get(path).content, "video/mp4")
    items = [item(type="video", file_name="a.mp4")]
    assert with_media(simulator, items, clip).status_code == 200


def test_a_video_of_more_than_5_seconds(simulator: Simulator) -> None:
    job = simulator.finished_job(n_seconds=6)
    path = f"{GENERATIONS}/{job['generations'][0]['id']}/content/video"
    clip: Part = ("a.mp4", simulator.get(path).content, "video/mp4")
    answer = with_media(simulator, [item(type="video", file_name="a.mp4")], clip)
    assert answer.status_code == 400
    assert "longer than 5 seconds" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("items", "files", "message"),
    [
        (None, [IMAGE], "Missing required parameter: 'inpaint_items'."),
        ([item()], [], "Missing required parameter: 'files'."),
        ("not json", [IMAGE], "JSON array"),
        ({}, [IMAGE], "JSON array"),
        ([], [IMAGE], "JSON array"),
        ([item(file_name="b.jpg")], [IMAGE], "no file part has the file name 'b.jpg'"),
        ([item()], [IMAGE, ("b.jpg", b"", "image/jpeg")], "no item names the file 'b.jpg'"),
        ([item(), item(), item()], [IMAGE], "at most two images or one video"),
        ([item(type="sound")], [IMAGE], "type must be"),
        ([item(type="video")], [IMAGE], "is not of type video"),
        ([item(frame_index=-1)], [IMAGE], "frame_index"),
        ([item(crop_bounds={"left_fraction": 2})], [IMAGE], "fractions from 0 to 1"),
        ([item(crop_bounds={"left": 0})], [IMAGE], "crop_bounds may have"),
        ([item(colour="red")], [IMAGE], "unknown key"),
        ([item()], [("a.jpg", b"no picture", "image/jpeg")], "could not be decoded"),
        ([item(type="video")], [("a.jpg", b"no clip", "video/mp4")], "could not be decoded"),
    ],
)
def test_media_refusals(
    simulator: Simulator, items: object, files: list[Part], message: str
) -> None:
    answer = with_media(simulator, items, *files)
    assert answer.status_code == 400
    assert message in error_of(answer)["message"]


def test_media_in_json_are_refused(simulator: Simulator) -> None:
    answer = simulator.job(inpaint_items="[]")
    assert answer.status_code == 400
    assert "multipart" in error_of(answer)["message"]


def test_legacy_paths_are_unknown(simulator: Simulator) -> None:
    for path in (
        "/openai/deployments/sora/video/generations/jobs?api-version=2025-02-15-preview",
        "/openai/video/generations/jobs?api-version=2025-02-01-preview",
        "/v1/video/generations/jobs",
    ):
        assert simulator.post(path, {}).status_code == 404
