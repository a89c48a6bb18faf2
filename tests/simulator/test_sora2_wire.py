"""The Sora 2 dialect, point by point."""

import base64
import io
import time
from typing import Any

import httpx
import pytest
from PIL import Image

from local.loopback import NO_TLS
from tests.simulator.process import Simulator, error_of
from tests.support.waiting import eventually

KEYS = {
    "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at",
    "prompt", "size", "seconds", "remixed_from_video_id", "error",
}  # fmt: skip


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, kind)
    return buffer.getvalue()


def form(simulator: Simulator, *images: tuple[str, bytes, str], **fields: str) -> httpx.Response:
    """Create as multipart, with `input_reference` files or none."""
    data = {"model": "sora-2", "prompt": "a cat", "size": "1280x720", **fields}
    texts: list[Any] = [(name, (None, text)) for name, text in data.items()]
    files = [("input_reference", image) for image in images]
    return simulator.http.post("/openai/v1/videos", files=texts + files)


def test_create_answers_200_with_every_key(simulator: Simulator) -> None:
    began = int(time.time())
    answer = simulator.video(prompt="a calico cat", seconds="8")
    video = answer.json()
    assert answer.status_code == 200
    assert video.keys() == KEYS
    assert video["id"].startswith("video_")
    assert began <= video["created_at"] <= time.time()
    assert video["expires_at"] == video["created_at"] + 864  # a day at scale 100
    expected = {
        "object": "video", "model": "sora-2", "status": "queued", "progress": 0,
        "completed_at": None, "prompt": "a calico cat", "size": "1280x720", "seconds": "8",
        "remixed_from_video_id": None, "error": None,
    }  # fmt: skip
    assert video == video | expected
    assert answer.headers["apim-request-id"]
    assert answer.headers["x-request-id"]
    assert answer.headers["openai-poll-after-ms"] == "1000"


def test_defaults_are_4_seconds_and_720x1280(simulator: Simulator) -> None:
    video = simulator.post("/openai/v1/videos", {"model": "sora-2", "prompt": "a cat"}).json()
    assert (video["seconds"], video["size"]) == ("4", "720x1280")


def test_multipart_without_a_file(simulator: Simulator) -> None:
    answer = form(simulator, seconds="12")
    assert answer.status_code == 200
    assert answer.json()["seconds"] == "12"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"model": None}, 400, "Missing required parameter: 'model'."),
        ({"prompt": None}, 400, "Missing required parameter: 'prompt'."),
        ({"seconds": "5"}, 400, "Invalid value: '5'. Supported values are: '4', '8', and '12'."),
        (
            {"seconds": 8},
            400,
            "Invalid type for 'seconds': expected one of '4', '8', or '12', but got an integer "
            "instead.",
        ),
        (
            {"size": "480x480"},
            400,
            "Invalid value: '480x480'. Supported values are: '720x1280', '1280x720', '1024x1792', "
            "and '1792x1024'.",
        ),
        ({"n_variants": 2}, 400, "Unknown parameter: 'n_variants'."),
        ({"prompt": 7}, 400, "Invalid type for 'prompt': expected a string, but got an integer"),
        ({"model": "sora"}, 400, "The videos operation does not work with the specified model"),
        (
            {"model": "nobody"},
            404,
            "The API deployment 'nobody' for this resource does not exist. If you created the "
            "deployment within the last 5 minutes, please wait a moment and try again.",
        ),
        ({"model": "retired"}, 410, "The model of deployment 'retired' has been retired"),
    ],
)  # fmt: skip
def test_refusals_at_create(
    simulator: Simulator, change: dict[str, object], status: int, message: str
) -> None:
    answer = simulator.video(**change)
    assert answer.status_code == status
    error = error_of(answer)
    assert error["message"].startswith(message)
    assert error.keys() >= {"message", "type", "param", "code"}
    assert simulator.journal()["jobs"] == []


def test_an_empty_body_misses_the_model_first(simulator: Simulator) -> None:
    answer = simulator.post("/openai/v1/videos", {})
    assert error_of(answer)["message"] == "Missing required parameter: 'model'."


def test_unknown_deployment_is_a_user_error_without_a_code(simulator: Simulator) -> None:
    error = error_of(simulator.video(model="nobody"))
    assert (error["type"], error["code"]) == ("video_generation_user_error", None)


def test_a_model_that_retires_later_still_works(simulator: Simulator) -> None:
    assert simulator.video(model="retiring").status_code == 200


def test_prompt_limits(simulator: Simulator) -> None:
    assert simulator.video(prompt="x" * 32_000).status_code == 200
    assert "string too long" in error_of(simulator.video(prompt="x" * 32_001))["message"]
    assert "empty string" in error_of(simulator.video(prompt=""))["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header"),
        ("multipart/form-data; boundary=b", b"--b\r\nx: y\r\n\r\nz\r\n--b--\r\n"),
    ],
)
def test_malformed_bodies(simulator: Simulator, content_type: str, body: bytes) -> None:
    answer = simulator.http.post(
        "/openai/v1/videos", content=body, headers={"content-type": content_type}
    )
    assert answer.status_code == 400
    assert "could not parse the body" in error_of(answer)["message"]


def test_other_content_types(simulator: Simulator) -> None:
    answer = simulator.http.post("/openai/v1/videos", data={"model": "sora-2"})
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_image_as_a_file_of_the_exact_size(simulator: Simulator, kind: str) -> None:
    image = (f"i.{kind}", picture(1280, 720, kind), f"image/{kind.lower()}")
    answer = form(simulator, image)
    assert answer.status_code == 200
    files = simulator.entry(answer.json()["id"])["request"]["files"]
    assert [(f["field"], f["filename"]) for f in files] == [("input_reference", f"i.{kind}")]


def test_image_of_another_size(simulator: Simulator) -> None:
    answer = form(simulator, ("i.png", picture(1280, 721), "image/png"))
    assert answer.status_code == 400
    message = "Inpaint image must match the requested width and height"
    assert error_of(answer)["message"] == message


@pytest.mark.parametrize(
    ("upload", "message"),
    [
        (("i.bin", b"", "application/octet-stream"), "unsupported mimetype"),
        (("i.png", b"not a picture", "image/png"), "could not be decoded"),
    ],
)
def test_files_that_are_no_images(
    simulator: Simulator, upload: tuple[str, bytes, str], message: str
) -> None:
    answer = form(simulator, upload)
    assert answer.status_code == 400
    assert message in error_of(answer)["message"]


def test_image_as_a_data_url(simulator: Simulator) -> None:
    url = f"data:image/png;base64,{base64.b64encode(picture(1280, 720)).decode()}"
    assert simulator.video(input_reference={"image_url": url}).status_code == 200
    flattened = form(simulator, **{"input_reference[image_url]": url})
    assert flattened.status_code == 200
    shown = simulator.entry(flattened.json()["id"])["request"]["fields"]
    assert shown["input_reference[image_url]"].startswith("sha256:")


@pytest.mark.parametrize(
    "reference",
    [
        "a text",
        {},
        {"image_url": "data:image/png;base64,AAAA", "file_id": "file-1"},
        {"file_id": "file-1"},
        {"image_url": "https://example.com/i.png"},
        {"image_url": "data:image/png;base64,!!"},
        {"other": "x"},
    ],
)
def test_references_that_cannot_be_used(simulator: Simulator, reference: object) -> None:
    answer = simulator.video(input_reference=reference)
    assert answer.status_code == 400
    assert "'input_reference'" in error_of(answer)["message"]


def test_life_of_a_job(simulator: Simulator) -> None:
    job_id = simulator.video(model="quick").json()["id"]
    seen: list[tuple[str, int]] = []

    def completed() -> bool:
        video = simulator.get(f"/openai/v1/videos/{job_id}").json()
        seen.append((video["status"], video["progress"]))
        return bool(video["status"] == "completed")

    eventually(completed)
    assert list(dict.fromkeys(status for status, _ in seen)) in (
        ["queued", "in_progress", "completed"], ["in_progress", "completed"],
    )  # fmt: skip
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
    assert seen[-1][1] == 100
    video = simulator.get(f"/openai/v1/videos/{job_id}").json()
    assert video["created_at"] <= video["completed_at"] <= time.time()


def test_content_is_404_until_ready(simulator: Simulator) -> None:
    job_id = simulator.video().json()["id"]
    answer = simulator.get(f"/openai/v1/videos/{job_id}/content")
    assert answer.status_code == 404
    assert error_of(answer)["message"].startswith("Video is not ready yet")


def test_content_of_each_variant(simulator: Simulator) -> None:
    job_id = simulator.finished_video()
    path = f"/openai/v1/videos/{job_id}/content"
    for variant, content_type, kind in (
        ("video", "video/mp4", None), ("thumbnail", "image/webp", "WEBP"),
        ("spritesheet", "image/jpeg", "JPEG"),
    ):  # fmt: skip
        answer = simulator.get(path, variant=variant)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == content_type
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.content == simulator.get(path, variant=variant).content
        if kind is not None:
            assert Image.open(io.BytesIO(answer.content)).format == kind
    assert simulator.get(path).headers["content-type"] == "video/mp4"
    refused = simulator.get(path, variant="gif")
    assert refused.status_code == 400
    assert "'video', 'thumbnail', and 'spritesheet'" in error_of(refused)["message"]


def test_ranges_only_where_configured(simulator: Simulator) -> None:
    plain, ranged = simulator.finished_video(), simulator.finished_video(model="ranged")
    ask = {"range": "bytes=0-9"}
    whole = simulator.http.get(f"/openai/v1/videos/{plain}/content", headers=ask)
    assert whole.status_code == 200
    assert "accept-ranges" not in whole.headers
    part = simulator.http.get(f"/openai/v1/videos/{ranged}/content", headers=ask)
    assert part.status_code == 206
    assert len(part.content) == 10


def test_list_pages(simulator: Simulator) -> None:
    made = [simulator.video(prompt=f"cat {number}").json()["id"] for number in range(5)]
    newest = made[::-1]
    first = simulator.get("/openai/v1/videos", limit="2").json()
    assert [video["id"] for video in first["data"]] == newest[:2]
    assert first["object"] == "list"
    assert (first["first_id"], first["last_id"]) == (newest[0], newest[1])
    assert first["has_more"] is True
    rest = simulator.get("/openai/v1/videos", after=newest[1]).json()
    assert [video["id"] for video in rest["data"]] == newest[2:]
    assert rest["has_more"] is False
    oldest = simulator.get("/openai/v1/videos", order="asc", limit="3", after=made[0]).json()
    assert [video["id"] for video in oldest["data"]] == made[1:4]


def test_empty_list(simulator: Simulator) -> None:
    assert simulator.get("/openai/v1/videos").json() == {
        "object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False,
    }  # fmt: skip


def test_bad_pages(simulator: Simulator) -> None:
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"order": "up"}):
        assert simulator.get("/openai/v1/videos", **query).status_code == 400
    assert simulator.get("/openai/v1/videos", after="video_0").status_code == 404


def test_unlisted_deployments_do_not_appear(simulator: Simulator) -> None:
    simulator.video(model="unlisted")
    shown = simulator.video().json()["id"]
    assert [v["id"] for v in simulator.get("/openai/v1/videos").json()["data"]] == [shown]


def test_delete(simulator: Simulator) -> None:
    running, done = simulator.video().json()["id"], simulator.finished_video()
    for job_id in (running, done):
        answer = simulator.http.delete(f"/openai/v1/videos/{job_id}")
        assert answer.status_code == 200
        assert answer.json() == {"id": job_id, "object": "video.deleted", "deleted": True}
        gone = simulator.get(f"/openai/v1/videos/{job_id}")
        assert gone.status_code == 404
        assert error_of(gone)["message"] == f"Video with id '{job_id}' not found."
        assert simulator.http.delete(f"/openai/v1/videos/{job_id}").status_code == 404


def test_delete_of_a_running_job_can_be_refused(simulator: Simulator) -> None:
    job_id = simulator.video(model="keeping").json()["id"]
    assert simulator.http.delete(f"/openai/v1/videos/{job_id}").status_code == 400
    simulator.force(job_id, "completed")
    assert simulator.http.delete(f"/openai/v1/videos/{job_id}").status_code == 200


def test_remix_is_a_new_job_of_the_same_shape(simulator: Simulator) -> None:
    source = simulator.finished_video(seconds="8")
    path = f"/openai/v1/videos/{source}/remix"
    as_json = simulator.post(path, {"prompt": "a dog"})
    as_form = simulator.http.post(path, files={"prompt": (None, "a dog")})
    for answer in (as_json, as_form):
        assert answer.status_code == 200
        remix = answer.json()
        assert remix["id"] != source
        assert remix["remixed_from_video_id"] == source
        assert (remix["prompt"], remix["size"], remix["seconds"]) == ("a dog", "1280x720", "8")


def test_remix_refusals(simulator: Simulator) -> None:
    running = simulator.video().json()["id"]
    source = simulator.finished_video()
    remix = "/openai/v1/videos/{}/remix".format
    assert simulator.post(remix(running), {"prompt": "x"}).status_code == 400
    assert simulator.post(remix("video_0"), {"prompt": "x"}).status_code == 404
    assert "prompt" in error_of(simulator.post(remix(source), {}))["message"]
    assert (
        "'size'" in error_of(simulator.post(remix(source), {"prompt": "x", "size": "y"}))["message"]
    )


def test_failed_jobs_say_why(simulator: Simulator) -> None:
    job_id = simulator.video(model="quick", prompt="a moderation-blocked cat").json()["id"]
    path = f"/openai/v1/videos/{job_id}"
    eventually(lambda: simulator.get(path).json()["status"] == "failed")
    video = simulator.get(path).json()
    assert video["error"] == {
        "code": "moderation_blocked",
        "message": "Your request was blocked by our moderation system.",
    }
    assert video["completed_at"] is None
    assert video["progress"] < 100
    assert simulator.get(f"{path}/content").status_code == 404


@pytest.mark.parametrize(
    ("word", "code"),
    [("output-moderation", "moderation_blocked"), ("internal-error", "internal_error")],
)
def test_other_moderation_words(simulator: Simulator, word: str, code: str) -> None:
    path = f"/openai/v1/videos/{simulator.video(model='quick', prompt=word).json()['id']}"
    eventually(lambda: simulator.get(path).json()["status"] == "failed")
    assert simulator.get(path).json()["error"]["code"] == code


def test_content_filter_refuses_at_create(simulator: Simulator) -> None:
    answer = simulator.video(prompt="a Content-Filter cat")
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == "content_filter"
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"


def test_prompt_can_be_null_in_answers(simulator: Simulator) -> None:
    video = simulator.video(model="quiet").json()
    assert video["prompt"] is None
    assert simulator.get(f"/openai/v1/videos/{video['id']}").json()["prompt"] is None


def test_openai_face(simulator: Simulator) -> None:
    bearer = {"authorization": "Bearer sim-key"}
    with httpx.Client(
        base_url=simulator.url, headers=bearer, trust_env=False, verify=NO_TLS
    ) as http:
        defaulted = http.post("/v1/videos", json={"prompt": "a cat"})
        assert defaulted.json()["model"] == "sora-2"
        chosen = http.post("/v1/videos", json={"prompt": "a cat", "model": "quick"})
        assert chosen.json()["model"] == "quick"
        unknown = http.post("/v1/videos", json={"prompt": "a cat", "model": "nobody"})
        assert error_of(unknown)["code"] == "model_not_found"
        job_id = defaulted.json()["id"]
        assert http.get(f"/v1/videos/{job_id}").json()["id"] == job_id
        assert simulator.get(f"/openai/v1/videos/{job_id}").json()["id"] == job_id


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/openai/v1/nothing", 404, "Resource not found"),
        ("GET", "/", 404, "Resource not found"),
        ("POST", "/openai/v1/videos/create", 404, "Resource not found"),
        ("POST", "/openai/deployments/sora-2/videos", 404, "Resource not found"),
        ("PUT", "/openai/v1/videos", 404, "Resource not found"),
        ("GET", "/openai/v1/videos/", 404, "Resource not found"),
        ("GET", "/docs", 404, "Resource not found"),
        ("GET", "/v1/nothing", 404, "Invalid URL (GET /v1/nothing)"),
        ("PUT", "/v1/videos", 405, "Not allowed to PUT on /v1/videos."),
    ],
)
def test_unknown_routes_have_an_envelope(
    simulator: Simulator, method: str, path: str, status: int, message: str
) -> None:
    answer = simulator.http.request(method, path)
    assert answer.status_code == status
    assert error_of(answer)["message"] == message


def test_configured_sizes_and_seconds(simulator: Simulator) -> None:
    video = simulator.post("/openai/v1/videos", {"model": "small", "prompt": "a cat"}).json()
    assert (video["size"], video["seconds"]) == ("480x480", "2")


def test_oversized_bodies(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("small")
    with Simulator(folder, {"max_body_bytes": 100}) as small:
        answer = small.video(prompt="x" * 200)
        assert answer.status_code == 413
