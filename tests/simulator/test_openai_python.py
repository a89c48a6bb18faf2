"""The official Python client runs its whole videos resource against the simulator."""

import io
from pathlib import Path

import av
import openai
import pytest
from openai import OpenAI
from PIL import Image

from tests.simulator.process import Simulator

pytestmark = [
    pytest.mark.e2e,
    # Every method of the resource warns that OpenAI's own service is shut down.
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning"),
]

BASES = ("/openai/v1/", "/v1/")


def client(simulator: Simulator, base: str = BASES[0]) -> OpenAI:
    return OpenAI(base_url=simulator.url + base, api_key="sim-key", max_retries=0)


@pytest.mark.parametrize("base", BASES)
def test_create_and_poll_then_download(simulator: Simulator, tmp_path: Path, base: str) -> None:
    with client(simulator, base) as sora:
        video = sora.videos.create_and_poll(
            model="quick", prompt="a calico cat", seconds="8", size="1280x720", poll_interval_ms=50
        )
        assert (video.status, video.progress, video.seconds) == ("completed", 100, "8")
        assert video.completed_at is not None
        path = tmp_path / "video.mp4"
        sora.videos.download_content(video.id).write_to_file(path)
        with av.open(str(path), "r") as movie:
            stream = movie.streams.video[0]
            assert (stream.width, stream.height) == (1280, 720)
            assert movie.duration == 8 * av.time_base
            assert len(movie.streams.audio) == 1
            assert sum(1 for _ in movie.decode(video=0)) == stream.frames
        for variant, kind in (("thumbnail", "WEBP"), ("spritesheet", "JPEG")):
            data = sora.videos.download_content(video.id, variant=variant).content  # type: ignore[arg-type]
            assert Image.open(io.BytesIO(data)).format == kind


def test_create_retrieve_delete(simulator: Simulator) -> None:
    with client(simulator) as sora:
        made = sora.videos.create(model="sora-2", prompt="a cat")
        assert (made.status, made.seconds, made.size) == ("queued", "4", "720x1280")
        assert sora.videos.retrieve(made.id).id == made.id
        gone = sora.videos.delete(made.id)
        assert (gone.id, gone.deleted, gone.object) == (made.id, True, "video.deleted")
        with pytest.raises(openai.NotFoundError) as missing:
            sora.videos.retrieve(made.id)
        assert f"Video with id '{made.id}' not found." in missing.value.message
        assert missing.value.request_id


def test_create_with_an_image(simulator: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "first.png"
    Image.new("RGB", (1280, 720), "teal").save(path)
    with client(simulator) as sora:
        video = sora.videos.create(
            model="sora-2", prompt="a cat", size="1280x720", input_reference=path
        )
        (file,) = simulator.entry(video.id)["request"]["files"]
        assert file["content_type"] == "image/png"
        with pytest.raises(openai.BadRequestError, match="Inpaint image must match"):
            sora.videos.create(model="sora-2", prompt="a cat", input_reference=path)


def test_remix(simulator: Simulator) -> None:
    source = simulator.finished_video()
    with client(simulator) as sora:
        remix = sora.videos.remix(source, prompt="a dog")
        assert remix.remixed_from_video_id == source
        assert remix.prompt == "a dog"


def test_paged_list(simulator: Simulator) -> None:
    made = [simulator.video(prompt=f"cat {n}").json()["id"] for n in range(7)]
    with client(simulator) as sora:
        assert [video.id for video in sora.videos.list(limit=3)] == made[::-1]
        assert [video.id for video in sora.videos.list(limit=2, order="asc")] == made
    assert simulator.journal()["requests"]["sora-2 list"] == {"200": 3 + 4}


def test_typed_errors(simulator: Simulator) -> None:
    with client(simulator) as sora:
        simulator.video(model="two")
        simulator.video(model="two")
        with pytest.raises(openai.RateLimitError) as limited:
            sora.videos.create(model="two", prompt="a cat")
        assert limited.value.code is None
        assert limited.value.type == "video_generation_user_error"
        with pytest.raises(
            openai.BadRequestError, match="Supported values are: '4', '8', and '12'"
        ):
            sora.videos.create(model="sora-2", prompt="a cat", seconds="5")  # type: ignore[arg-type]
    stranger = OpenAI(base_url=simulator.url + BASES[0], api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.videos.list()


def test_the_clients_own_retries_make_two_jobs(simulator: Simulator) -> None:
    """What a retried create costs: the reason why the app must not leave it to the client."""
    simulator.fault("create", {"type": "drop", "when": "after"})
    with OpenAI(base_url=simulator.url + BASES[0], api_key="sim-key", max_retries=1) as sora:
        video = sora.videos.create(model="sora-2", prompt="a cat")
    lost, kept = simulator.journal()["jobs"]
    assert (kept["id"], lost["id"] != video.id) == (video.id, True)
    retries = [job["request"]["headers"]["x-stainless-retry-count"] for job in (lost, kept)]
    assert retries == ["0", "1"]
    assert lost["request"]["fields_sha256"] == kept["request"]["fields_sha256"]
