"""OpenAI's Python client against the running stack: another base URL and key, nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DefaultHttpxClient,
    NotFoundError,
    OpenAI,
    RateLimitError,
)
from openai.types import Video

from local.stack import API_KEY, Stack
from shared.domain.limits import LARGEST_UPLOAD
from tests.conftest import Simulator
from tests.support.media import picture, played, seen
from tests.support.movies import movie
from tests.support.stacks import Client
from tests.support.waiting import eventually
from tests.support.watched import Watched

# every method of `videos` carries it; anything else is still an error
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


@pytest.fixture
def openai(api: Client) -> Iterator[OpenAI]:
    with OpenAI(base_url=api.stack.api, api_key=API_KEY, max_retries=0) as client:
        yield client


def ended(openai: OpenAI, video: Video) -> Video:
    """The video once it has ended; `poll` with its own pause, to be quicker than the header."""
    return openai.videos.poll(video.id, poll_interval_ms=50)


def said(video: Video) -> dict[str, Any]:
    """All fields, those that OpenAI's object does not have included."""
    return video.model_dump()


def test_create_with_every_option(openai: OpenAI, simulator: Simulator, tmp_path: Path) -> None:
    image = tmp_path / "first frame.png"
    image.write_bytes(picture(900, 700))
    began = int(time.time())
    made = openai.videos.create(
        model="sora-2",
        prompt="a fox in the snow",
        seconds="8",
        size="1280x720",
        input_reference=image,
        extra_body={"metadata": {"order": "17", "for": "a friend"}, "fit": "contain"},
        extra_headers={"Idempotency-Key": "the-first"},
    )
    assert (made.status, made.progress, made.object) == ("queued", 0, "video")
    assert (made.model, made.prompt, made.seconds, made.size) == (
        "sora-2",
        "a fox in the snow",
        "8",
        "1280x720",
    )
    assert began <= made.created_at <= time.time()
    assert said(made)["metadata"] == {"order": "17", "for": "a friend"}
    assert said(made)["cost"]["estimated"] == "0.80"

    video = ended(openai, made)
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert video.completed_at is not None
    assert said(video)["cost"]["actual"] == "0.80"
    (job,) = simulator.journal()["jobs"]
    assert job["request"]["fields"] == {
        "model": "sora-2",
        "prompt": "a fox in the snow",
        "seconds": "8",
        "size": "1280x720",
    }
    assert [file["field"] for file in job["request"]["files"]] == ["input_reference"]


@pytest.mark.parametrize("way", ["open file", "bytes with a name", "data URL"])
def test_an_input_image_is_taken_in_each_way_the_client_has(
    openai: OpenAI, simulator: Simulator, tmp_path: Path, way: str
) -> None:
    data = picture(720, 1280, "JPEG")
    path = tmp_path / "frame.jpg"
    path.write_bytes(data)
    with path.open("rb") as file:
        url = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        ways: dict[str, dict[str, Any]] = {
            "open file": {"input_reference": file},
            "bytes with a name": {"input_reference": ("frame.jpg", data, "image/jpeg")},
            "data URL": {"extra_body": {"input_reference": {"image_url": url}}},
        }
        made = openai.videos.create(model="sora-2", prompt="a fox", **ways[way])
    assert ended(openai, made).status == "completed"
    (job,) = simulator.journal()["jobs"]
    (sent,) = job["request"]["files"]
    assert sent["sha256"] == hashlib.sha256(data).hexdigest()  # it had the right size already


def test_variants_are_all_kept_and_each_file_plays(openai: OpenAI, tmp_path: Path) -> None:
    made = openai.videos.create(
        model="sora",
        prompt="a fox",
        size="480x480",  # type: ignore[arg-type]  # Sora 1's, which OpenAI never had
        seconds="5",  # type: ignore[arg-type]
        extra_body={"n_variants": 3, "metadata": {"a": "b"}},
    )
    video = ended(openai, made)
    assert video.status == "completed", video.error
    assert said(video)["n_variants"] == len(said(video)["outputs"]) == 3
    files = set()
    for output in said(video)["outputs"]:
        content = openai.videos.download_content(video.id, extra_query={"index": output["index"]})
        path = tmp_path / f"{output['index']}.mp4"
        content.write_to_file(path)
        width, height, seconds, _ = played(path.read_bytes())
        assert (width, height, round(seconds)) == (480, 480, 5)
        assert path.stat().st_size == output["size_bytes"]
        files.add(path.read_bytes())
    assert len(files) == 3


def test_inpaint_items_are_one_json_string(openai: OpenAI, simulator: Simulator) -> None:
    data = picture(500, 400)
    items = [
        {
            "frame_index": index,
            "type": "image",
            "image_url": f"data:image/png;base64,{base64.b64encode(data).decode()}",
            "crop_bounds": {"left_fraction": 0.1, "right_fraction": 0.9},
        }
        for index in (0, 30)
    ]
    made = openai.videos.create(
        model="sora",
        prompt="a fox",
        size="480x480",  # type: ignore[arg-type]
        seconds="5",  # type: ignore[arg-type]
        extra_body={"inpaint_items": json.dumps(items)},
    )
    assert ended(openai, made).status == "completed"
    (job,) = simulator.journal()["jobs"]
    assert len(job["request"]["files"]) == 2


@pytest.mark.parametrize(("name", "kind"), [("frame.png", "image"), ("clip.mp4", "video")])
def test_inpaint_items_name_attached_files(
    openai: OpenAI, simulator: Simulator, name: str, kind: str
) -> None:
    data = picture(480, 480) if kind == "image" else movie(frames=24)
    made = openai.post(
        "/videos",
        body={
            "model": "sora",
            "prompt": "a fox",
            "size": "480x480",
            "seconds": "5",
            "n_variants": 2,
            "inpaint_items": json.dumps([{"frame_index": 0, "type": kind, "file_name": name}]),
        },
        files=[("files", (name, data))],
        options={"headers": {"Content-Type": "multipart/form-data"}},
        cast_to=Video,
    )
    video = ended(openai, made)
    assert video.status == "completed", video.error
    assert len(said(video)["outputs"]) == 2
    (job,) = simulator.journal()["jobs"]
    assert len(job["request"]["files"]) == 1


def test_create_and_poll_then_each_variant_of_the_content(openai: OpenAI, tmp_path: Path) -> None:
    video = openai.videos.create_and_poll(
        model="sora-2", prompt="a fox in the snow", seconds="4", size="1280x720"
    )
    assert (video.status, video.progress, video.seconds) == ("completed", 100, "4")
    assert openai.videos.retrieve(video.id) == video

    path = tmp_path / "fox.mp4"
    with openai.videos.with_streaming_response.download_content(video.id) as content:
        content.stream_to_file(path)
    width, height, seconds, sound = played(path.read_bytes())
    assert (width, height, round(seconds), sound) == (1280, 720, 4, True)

    openai.videos.download_content(video.id, variant="thumbnail").write_to_file(tmp_path / "small")
    assert seen((tmp_path / "small").read_bytes()) == ("WEBP", 640, 360)
    openai.videos.download_content(video.id, variant="spritesheet").write_to_file(tmp_path / "ten")
    kind, width, height = seen((tmp_path / "ten").read_bytes())
    assert kind == "JPEG"
    assert width > height


def test_lists_page_by_themselves(openai: OpenAI) -> None:
    made = [openai.videos.create(prompt=f"fox {number}").id for number in range(5)]
    newest = made[::-1]
    pages = openai.videos.list(limit=2)
    assert [video.id for video in pages.data] == newest[:2]
    assert pages.has_next_page()
    every = [video.id for video in pages]
    assert every[:5] == newest
    assert len(every) == len(set(every))
    assert len(every) > 5 or every == newest

    later = [video.id for video in openai.videos.list(limit=2, order="asc", after=made[0])]
    assert later == made[1:]
    for video_id in made:
        assert openai.videos.poll(video_id, poll_interval_ms=50).status == "completed"


def test_a_remix_starts_from_a_finished_video(
    openai: OpenAI, simulator: Simulator, tmp_path: Path
) -> None:
    source = ended(openai, openai.videos.create(prompt="a fox", size="1280x720", seconds="8"))
    made = openai.videos.remix(source.id, prompt="the same fox in the rain")
    assert made.id != source.id
    assert made.remixed_from_video_id == source.id
    video = ended(openai, made)
    assert (video.status, video.size, video.seconds) == ("completed", "1280x720", "8")
    openai.videos.download_content(video.id).write_to_file(tmp_path / "remix.mp4")
    assert played((tmp_path / "remix.mp4").read_bytes())[:2] == (1280, 720)
    first, second = simulator.journal()["jobs"]
    assert second["remixed_from"] == first["id"]


def test_delete_takes_the_video_and_the_upstream_copy(openai: OpenAI, simulator: Simulator) -> None:
    video = ended(openai, openai.videos.create(prompt="a fox"))
    gone = openai.videos.delete(video.id)
    assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
    with pytest.raises(NotFoundError):
        openai.videos.retrieve(video.id)
    with pytest.raises(NotFoundError):
        openai.videos.download_content(video.id)
    with pytest.raises(NotFoundError):
        openai.videos.delete(video.id)
    assert video.id not in [each.id for each in openai.videos.list(limit=100)]
    # by the video's worker, where that is still at it
    eventually(lambda: [job["status"] for job in simulator.journal()["jobs"]] == ["deleted"])


def test_files_are_uploaded_listed_read_and_deleted(openai: OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps({"custom_id": "fox-1", "body": {"prompt": "a fox"}}) + "\n")
    made = openai.files.create(file=path, purpose="batch")
    assert (made.object, made.filename, made.purpose) == ("file", "requests.jsonl", "batch")
    assert (made.bytes, made.status, made.expires_at) == (path.stat().st_size, "processed", None)
    assert openai.files.retrieve(made.id) == made
    assert openai.files.wait_for_processing(made.id) == made
    assert openai.files.content(made.id).read() == path.read_bytes()
    with openai.files.with_streaming_response.content(made.id) as content:
        content.stream_to_file(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()

    more = [openai.files.create(file=path, purpose="batch").id for _ in range(4)]
    every = [file.id for file in openai.files.list(limit=2, purpose="batch")]
    assert every[:5] == [*more[::-1], made.id]
    assert len(every) == len(set(every))
    later = [file.id for file in openai.files.list(limit=3, order="asc", after=made.id)]
    assert later[:4] == more
    of_batches = openai.files.list(purpose="batch_output")
    assert made.id not in [file.id for file in of_batches]
    for file_id in (made.id, *more):
        gone = openai.files.delete(file_id)
        assert (gone.id, gone.deleted, gone.object) == (file_id, True, "file")
    with pytest.raises(NotFoundError):
        openai.files.retrieve(made.id)
    with pytest.raises(NotFoundError):
        openai.files.content(made.id)


def test_a_video_starts_from_an_uploaded_image(openai: OpenAI, simulator: Simulator) -> None:
    data = picture(720, 1280)
    image = openai.files.create(file=("frame.png", data), purpose="vision")
    made = openai.videos.create(
        prompt="a fox", extra_body={"input_reference": {"file_id": image.id}}
    )
    assert ended(openai, made).status == "completed"
    (job,) = simulator.journal()["jobs"]
    (sent,) = job["request"]["files"]
    assert sent["sha256"] == hashlib.sha256(data).hexdigest()
    openai.files.delete(image.id)
    with pytest.raises(BadRequestError) as unknown:
        openai.videos.create(prompt="p", extra_body={"input_reference": {"file_id": image.id}})
    assert unknown.value.param == "input_reference"


def test_what_is_wrong_with_a_file_is_typed(openai: OpenAI) -> None:
    with pytest.raises(BadRequestError) as purpose:
        openai.files.create(file=b"{}", purpose="assistants")
    assert (purpose.value.param, purpose.value.code) == ("purpose", "invalid_value")
    with pytest.raises(BadRequestError) as image:
        openai.files.create(file=b"{}", purpose="vision")
    assert (image.value.param, image.value.code) == ("file", "invalid_value")
    with pytest.raises(BadRequestError) as expires:
        openai.files.create(
            file=b"{}", purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
        )
    assert (expires.value.param, expires.value.code) == ("expires_after", "unsupported_parameter")
    with pytest.raises(APIStatusError) as large:
        openai.files.create(file=bytes(LARGEST_UPLOAD + 1), purpose="batch")
    assert (large.value.status_code, large.value.code) == (413, "body_too_large")


def body_of(error: APIStatusError) -> dict[str, Any]:
    assert isinstance(error.body, dict)
    return error.body


def test_what_is_wrong_with_a_request_is_typed(openai: OpenAI, simulator: Simulator) -> None:
    with pytest.raises(BadRequestError) as refused:
        openai.videos.create(prompt="a fox", size="640x480")  # type: ignore[arg-type]
    error = refused.value
    assert (error.status_code, error.code, error.param) == (400, "invalid_value", "size")
    assert error.type == "invalid_request_error"
    assert "720x1280" in error.message
    assert body_of(error)["charged"] is False
    assert (error.request_id or "").startswith("req_")

    with pytest.raises(BadRequestError) as unknown:
        openai.videos.create(prompt="a fox", extra_body={"n_variant": 2})
    assert (unknown.value.code, unknown.value.param) == ("unknown_parameter", "n_variant")
    with pytest.raises(BadRequestError) as absent:
        openai.videos.create(prompt="a fox", model="sora-9000")
    assert (absent.value.code, absent.value.param) == ("model_not_found", "model")
    with pytest.raises(BadRequestError) as bad_image:
        openai.videos.create(prompt="a fox", input_reference=("x.png", b"not an image"))
    assert bad_image.value.param == "input_reference"
    with pytest.raises(NotFoundError) as missing:
        openai.videos.retrieve("video_nothing")
    assert missing.value.code == "not_found"
    with pytest.raises(BadRequestError) as unsupported:
        openai.videos.extend(prompt="longer", seconds="4", video=("x.mp4", b"x"))
    assert unsupported.value.code == "unsupported_operation"
    assert simulator.journal()["creates"] == []


def test_a_wrong_key_is_an_authentication_error(api: Client) -> None:
    with (
        OpenAI(base_url=api.stack.api, api_key="wrong-key", max_retries=0) as stranger,
        pytest.raises(AuthenticationError) as refused,
    ):
        stranger.videos.create(prompt="a fox")
    assert (refused.value.code, refused.value.status_code) == ("invalid_api_key", 401)


def counting(base_url: str, key: str) -> tuple[OpenAI, list[str]]:
    """The client with its own repeats switched on, as everybody has them, and what it asks."""
    asked: list[str] = []
    http = DefaultHttpxClient(
        event_hooks={"request": [lambda request: asked.append(request.url.path)]}
    )
    return OpenAI(base_url=base_url, api_key=key, http_client=http), asked


def test_what_a_repeat_cannot_cure_is_asked_once(served: Stack, simulator: Simulator) -> None:
    simulator.script({"operation": "create", "action": {"type": "stuck"}})
    client, asked = counting(served.api, API_KEY)
    with client as openai:
        video = openai.videos.create(prompt="a fox", extra_headers={"Idempotency-Key": "mine"})
        asked.clear()
        with pytest.raises(ConflictError) as reused:
            openai.videos.create(prompt="a dog", extra_headers={"Idempotency-Key": "mine"})
        assert reused.value.code == "idempotency_key_reused"
        with pytest.raises(ConflictError) as early:
            openai.videos.download_content(video.id)
        assert early.value.code == "video_not_ready"
        assert body_of(early.value)["stage"] in (
            "accepted",
            "waiting_for_quota",
            "submitting",
            "rendering",
        )
        assert len(asked) == 2
        assert openai.videos.delete(video.id).deleted


def test_a_spent_budget_is_a_rate_limit_error_that_is_not_repeated(watched: Watched) -> None:
    client, asked = counting(watched.stack.api, watched.poor)
    with client as openai, pytest.raises(RateLimitError) as spent:
        openai.videos.create(prompt="a fox", seconds="12")
    assert spent.value.code == "insufficient_quota"
    assert "$1" in spent.value.message
    assert len(asked) == 1
