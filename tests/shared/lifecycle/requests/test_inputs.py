"""Images and videos as inputs: checked by a strict upstream, kept no longer than needed, and never
paid for when they cannot be used."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from PIL import Image

from shared.domain.errors import InvalidRequest
from shared.domain.ledger import Amounts
from shared.domain.media import pictures
from shared.domain.request import Crop, VideoRequest
from shared.domain.video import Status
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests import inputs
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.services import Services
from shared.storage.names import video_folder
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import CALLER, Job
from tests.support.movies import movie, timeless

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\1\0meta"
FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof"
MOV: dict[str, Any] = {"suffix": ".mov", "faststart": False}


def image(kind: str, width: int = 640, height: int = 480) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, kind)
    return out.getvalue()


def png(width: int = 640, height: int = 480) -> bytes:
    return image("PNG", width, height)


def request(model: str = "sora-2", **changes: Any) -> VideoRequest:
    shape: dict[str, Any] = {"width": 720, "height": 1280, "seconds": 4}
    if model == "sora":
        shape = {"width": 480, "height": 480, "seconds": 5}
    return VideoRequest(model=model, prompt="a fox", **{**shape, **changes})


Start = Callable[..., Job]


@pytest.fixture
def start(services: Services, simulator: Simulator) -> Start:
    def begin(model: str, *sources: Source, **changes: Any) -> Job:
        made = admit(services, CALLER, request(model, **changes), Repeatable(), sources)
        return Job(services, simulator, made)

    return begin


def input_blobs(job: Job) -> list[str]:
    container = job.services.account.container("inputs")
    return list(container.list_blob_names(name_starts_with=video_folder(job.id)))


def upstream_view(job: Job) -> dict[str, Any]:
    """The Sora 1 job as its upstream shows it."""
    (upstream,) = job.upstream_jobs()
    answer = httpx.get(
        f"{job.simulator.url}/openai/v1/video/generations/jobs/{upstream['id']}",
        params={"api-version": "preview"},
        headers={"api-key": os.environ["SIMULATOR_KEY"]},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "MPO"])
def test_an_image_of_another_size_starts_a_sora_2_video(start: Start, kind: str) -> None:
    """The upstream takes an image of exactly the render's size only, and checks it."""
    job = start("sora-2", Source("input_reference", data=image(kind)))
    assert len(input_blobs(job)) == 1
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error
    assert input_blobs(job) == []


def test_the_upstream_would_have_refused_the_image_as_it_was(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the fitting is for, and that the simulator is as strict as the reference says."""
    monkeypatch.setattr(pictures, "fitted", lambda data, *_: pictures.Picture("image/png", data))
    job = start("sora-2", Source("input_reference", data=png()))
    job.drive()
    assert job.video.error is not None
    assert job.video.error.code == "refused"
    assert input_blobs(job) == []
    assert job.booked == Amounts()


@pytest.mark.real_storage
@pytest.mark.parametrize("crop", [None, Crop(left=0.25, right=0.75)])
def test_two_images_at_their_frames_start_a_sora_1_video(start: Start, crop: Crop | None) -> None:
    job = start(
        "sora",
        Source("inpaint_items", data=png(), crop=crop),
        Source("inpaint_items", data=png(300, 300), frame_index=60),
    )
    kept = inputs.load(job.services, job.video)
    assert kept is not None
    # who says which part is used means a part of the image as it is
    sizes = [Image.open(io.BytesIO(each.data)).size for each in kept]
    assert sizes == [(480, 480) if crop is None else (640, 480), (480, 480)]
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error
    first, second = upstream_view(job)["inpaint_items"]
    assert (first["frame_index"], second["frame_index"]) == (0, 60)
    left, right = (0, 1) if crop is None else (0.25, 0.75)
    assert first["crop_bounds"] == {
        "left_fraction": left,
        "top_fraction": 0,
        "right_fraction": right,
        "bottom_fraction": 1,
    }


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+empty_moov+default_base_moof"])
def test_a_short_video_starts_a_sora_1_video(start: Start, flags: str) -> None:
    job = start("sora", Source("inpaint_items", data=movie(480, 480, 24, flags=flags)))
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error


def test_the_one_resubmission_still_has_the_image(start: Start, simulator: Simulator) -> None:
    simulator.script(
        {
            "operation": "create",
            "times": 1,
            "action": {"type": "fail", "at": 0.5, "code": "internal_error"},
        }
    )
    job = start("sora-2", Source("input_reference", data=png()))
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error
    assert len(job.upstream_jobs()) == 2
    assert input_blobs(job) == []


def test_an_image_that_is_lost_is_said_and_nothing_is_submitted(start: Start) -> None:
    job = start("sora-2", Source("input_reference", data=png()))
    job.services.inputs.delete_all(video_folder(job.id))
    job.drive()
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.charged) == ("input_missing", False)
    assert (job.upstream_jobs(), job.booked) == ([], Amounts())


@pytest.mark.parametrize(
    ("model", "sources", "says"),
    [
        ("sora-2", [Source("input_reference", data=b"GIF89a" + b"x" * 50)], "not a JPEG"),
        ("sora-2", [Source("input_reference", data=png()[:-30])], "cannot be decoded"),
        ("sora-2", [Source("input_reference", data=b"\xff\xd8\xff" + bytes(21 * 1024**2))], "20 M"),
        ("sora-2", [Source("inpaint_items", data=png(), frame_index=3)], "first frame only"),
        ("sora", [Source("inpaint_items", data=png())] * 3, "at most 2"),
        ("sora", [Source("inpaint_items", data=png(), declared="video")], "not of type video"),
        ("sora", [Source("inpaint_items", data=png(), frame_index=9999)], "0 to 150"),
        ("sora", [Source("inpaint_items", data=movie(480, 480, 72))], "at most 5 s"),
        ("sora-2", [Source("input_reference", data=movie(480, 480, 12))], "no video"),
        *(
            ("sora-2", [Source("input_reference", data=movie(480, 480, 12, **kind))], "no video")
            for kind in (MOV, {**MOV, "suffix": ".mkv"})
        ),
        ("sora", [Source("inpaint_items", data=movie(480, 480, 12, **MOV))], "QuickTime.*an MP4"),
        (
            "sora",
            [Source("inpaint_items", data=b"\0\0\0\x08wide\0\0\0\x10mdat" + bytes(8))],
            "QuickTime movie .MOV.; send it as an MP4",
        ),
        (
            "sora",
            [Source("inpaint_items", data=movie(480, 480, 12, **{**MOV, "suffix": ".mkv"}))],
            "Matroska.*MP4",
        ),
        ("sora", [Source("inpaint_items", data=movie(flags="frag_keyframe")[:-9])], "cut off"),
        ("sora", [Source("inpaint_items", data=movie(480, 480, 72, flags=FRAGMENTED))], "5 s"),
        ("sora", [Source("inpaint_items", data=timeless(movie()))], "not tell how long"),
        ("sora", [Source("inpaint_items", data=HEIC)], "HEIC.*not a JPEG.*MP4 video. Send it as"),
        ("sora-2", [Source("input_reference", data=HEIC)], "HEIC.*Send it as a JPEG or PNG"),
        ("sora-2", [Source("input_reference", data=image("GIF"))], "a GIF, not a JPEG"),
        ("sora-2", [Source("input_reference", data=image("TIFF"))], "a TIFF.*not a JPEG"),
        ("sora-2", [Source("input_reference", data=b"<html>no</html>")], "a web page, not a JPEG"),
        ("sora-2", [Source("input_reference", data=b"a fox")], "the file is not a JPEG"),
        ("sora-2", [Source("input_reference", data=b"")], "is empty"),
        ("sora-2", [Source("input_reference", url="https://example.org/a.png")], "None is allowed"),
        ("sora-2", [Source("input_reference", url="file:///etc/passwd")], "https address"),
        ("sora-2", [Source("input_reference", url="http://169.254.169.254/a")], "https address"),
    ],
)
def test_what_cannot_be_used_is_refused_and_costs_nothing(
    services: Services, model: str, sources: list[Source], says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says) as raised:
        admit(services, CALLER, request(model), Repeatable(key="k"), sources)
    assert raised.value.param in ("input_reference", "inpaint_items")
    assert services.work.all() == []
    assert list(services.account.container("inputs").list_blob_names()) == []
    # nothing is left of the key either
    assert admit(services, CALLER, request(), Repeatable(key="k")).replayed is False


def test_the_same_request_is_known_by_its_image_and_not_by_its_form(services: Services) -> None:
    def again(data: bytes) -> Admitted:
        source = Source("input_reference", data=data)
        return admit(services, CALLER, request(), Repeatable(key="k"), [source])

    first = again(png())
    assert again(png()).video.id == first.video.id
    with pytest.raises(Exception, match="different request"):
        again(png(641, 480))


@pytest.fixture
def image_host() -> Iterator[tuple[str, list[str]]]:
    """Serves an image, a redirect and something endless; what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("location", "/a.png")
                self.end_headers()
                return
            body = png() if self.path == "/a.png" else bytes(21 * 1024**2)
            self.send_response(200)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # the reader had enough

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_an_address_on_a_listed_host_is_fetched(
    services_with: Callable[..., Services], simulator: Simulator, image_host: Any
) -> None:
    base, asked = image_host
    services = services_with(INPUT_URL_HOSTS="images.example.org, 127.0.0.1")
    source = Source("input_reference", url=f"{base}/a.png")
    job = Job(services, simulator, admit(services, CALLER, request(), Repeatable(), [source]))
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error
    assert asked == ["/a.png"]
    for path, says in (("/moved", "answered 302"), ("/endless", "more than 20 MiB")):
        source = Source("input_reference", url=base + path)
        with pytest.raises(InvalidRequest, match=says) as raised:
            admit(services, CALLER, request(), Repeatable(), [source])
        assert base not in raised.value.message


def test_an_address_elsewhere_is_not_even_asked(
    services_with: Callable[..., Services], image_host: Any
) -> None:
    base, asked = image_host
    services = services_with(INPUT_URL_HOSTS="images.example.org")
    with pytest.raises(InvalidRequest, match="not fetched from this host"):
        admit(
            services,
            CALLER,
            request(),
            Repeatable(),
            [Source("input_reference", url=f"{base}/a.png")],
        )
    assert asked == []


def test_a_replay_is_known_before_its_image_is_fetched(
    services_with: Callable[..., Services], image_host: Any
) -> None:
    base, asked = image_host
    services = services_with(INPUT_URL_HOSTS="127.0.0.1")
    source = Source("input_reference", url=f"{base}/a.png")
    first = admit(services, CALLER, request(), Repeatable(key="k"), [source])
    # whatever has become of the settings since: the video was promised
    poorer = services_with(INPUT_URL_HOSTS="", MAX_JOB_USD="0.01")
    again = admit(poorer, CALLER, request(), Repeatable(key="k"), [source])
    assert (again.replayed, again.video.id) == (True, first.video.id)
    assert asked == ["/a.png"]
    elsewhere = Source("input_reference", url=f"{base}/b.png")
    with pytest.raises(InvalidRequest):
        admit(poorer, CALLER, request(), Repeatable(key="k"), [elsewhere])


@pytest.mark.real_storage
@pytest.mark.parametrize("dies_at", ["inputs.put", "videos.insert"])
def test_an_admission_that_dies_leaves_no_files(
    services: Services, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    class Killed(BaseException):
        """A worker that ends in the middle."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    source = Source("input_reference", data=png())
    holder, name = dies_at.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(services, holder), name, die)
        with pytest.raises(Killed):
            admit(services, CALLER, request(), Repeatable(), [source])
    minute = services.settings.durations.of(60)
    for minutes in (5, 30):  # the first sweep makes sure that nobody is at it any more
        late = time.time() + minutes * minute
        sweep(replace(services, clock=lambda late=late: late))  # type: ignore[misc]
    assert services.work.all() == []
    assert list(services.account.container("inputs").list_blob_names()) == []
