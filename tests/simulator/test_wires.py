"""The servers of `/v1/videos`, each as it was seen to speak. Values are those of the real ones."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import httpx
import pytest

from local.loopback import BRIEFLY, NO_TLS
from local.simulator.config import WireName
from tests.simulator.conftest import NO_LIMITS, SLOW
from tests.simulator.process import Simulator
from tests.simulator.test_sora2_wire import picture
from tests.support.waiting import eventually

BEARER = {"authorization": "Bearer sim-key"}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

CONFIG: dict[str, Any] = {
    "deployments": [
        {"name": "home", "dialect": "sora-2", **NO_LIMITS},
        {"name": "az", "dialect": "sora-2", "wire": "azure", **NO_LIMITS},
        {"name": "oai", "dialect": "sora-2", "wire": "openai", **NO_LIMITS},
        {
            "name": "lite",
            "dialect": "sora-2",
            "wire": "litellm",
            "provider_model": "sora-2-2025-12-08",
            **NO_LIMITS,
        },
        {
            "name": "lite-veo",
            "dialect": "sora-2",
            "wire": "litellm",
            "provider": "gemini",
            **NO_LIMITS,
        },
        {
            "name": "lite-wan",
            "dialect": "sora-2",
            "wire": "litellm",
            "provider": "hosted_vllm",
            **NO_LIMITS,
        },
        {"name": "wan", "dialect": "sora-2", "wire": "vllm-omni", **NO_LIMITS},
        {
            "name": "hunyuan",
            "dialect": "sora-2",
            "wire": "sglang",
            "max_running": 1,
            "max_creates_per_minute": None,
        },
        {"name": "cosmos", "dialect": "sora-2", "wire": "tensorrt-llm", **NO_LIMITS},
        {"name": "bif", "dialect": "sora-2", "wire": "bifrost", **NO_LIMITS},
        {"name": "new", "dialect": "sora-2", "wire": "new-api", **NO_LIMITS},
        {"name": "google/veo-3.1", "dialect": "sora-2", "wire": "openrouter", **NO_LIMITS},
    ],
    "render_times": [{"distribution": {"type": "fixed", "seconds": SLOW}}],
}


class Server(NamedTuple):
    """How a test speaks to one wire, and what a plain create says."""

    base: str
    model: str
    created: int
    id: str
    sends: str = "json"

    @property
    def asked(self) -> dict[str, Any]:
        if self.sends == "openrouter":
            length, size = {"duration": 4}, {"resolution": "720p", "aspect_ratio": "16:9"}
            return {"model": self.model, "prompt": "a cat", **length, **size}
        return {"model": self.model, "prompt": "a cat", "seconds": "4", "size": "1280x720"}


SERVERS: dict[str, Server] = {
    "azure": Server("/wires/azure/openai/v1", "az", 200, r"video_[0-9a-f]{32}"),
    "openai": Server("/wires/openai/v1", "oai", 200, r"video_[0-9a-f]{32}"),
    "litellm": Server("/wires/litellm/v1", "lite", 200, r"video_[A-Za-z0-9+]+=*"),
    "vllm-omni": Server("/wires/vllm-omni/v1", "wan", 200, r"video_gen_[0-9a-f]{32}", "form"),
    "sglang": Server("/wires/sglang/v1", "hunyuan", 200, UUID),
    "tensorrt-llm": Server("/wires/tensorrt-llm/v1", "cosmos", 202, r"video_[0-9a-f]{32}"),
    "bifrost": Server("/wires/bifrost/openai/v1", "openai/bif", 200, r"video_[0-9a-f]{32}:openai"),
    "new-api": Server("/wires/new-api/v1", "new", 200, r"task_\w{32}"),
    "openrouter": Server(
        "/wires/openrouter/api/v1", "google/veo-3.1", 202, UUID, sends="openrouter"
    ),
}


class Client:
    """One simulator, spoken to as one wire is."""

    def __init__(self, simulator: Simulator, server: Server) -> None:
        self.simulator = simulator
        self.server = server
        self.http = httpx.Client(
            base_url=simulator.url,
            headers=BEARER,
            timeout=60,
            trust_env=False,
            verify=NO_TLS,
            limits=BRIEFLY,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str = "", **extra: Any) -> httpx.Response:
        return self.http.request(method, f"{self.server.base}/videos{path}", **extra)

    def create(self, **fields: Any) -> httpx.Response:
        asked = self.server.asked | fields
        if self.server.sends != "form":
            return self.ask("POST", json=asked)
        return self.ask("POST", files=[(name, (None, text)) for name, text in asked.items()])

    def job(self, **fields: Any) -> str:
        answer = self.create(**fields)
        assert answer.status_code == self.server.created, answer.text
        return str(answer.json()["id"])

    def force(self, state: str, **more: str) -> None:
        """End the job that was created last."""
        last = self.simulator.journal()["jobs"][-1]
        self.simulator.force(last["id"], state, **more)

    def get(self, job: str) -> httpx.Response:
        return self.ask("GET", f"/{job}")

    def content(self, job: str, **query: str) -> httpx.Response:
        return self.ask("GET", f"/{job}/content", params=query)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("wires"), CONFIG, time_scale=100) as simulator:
        yield simulator


@pytest.fixture
def emptied(running: Simulator) -> Simulator:
    running.post("/_sim/reset", None)
    return running


@pytest.fixture
def at(emptied: Simulator, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of the wire that the test names."""
    with Client(emptied, SERVERS[request.param]) as client:
        yield client


def on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("at", names, indirect=True)


def values(**by_wire: Any) -> pytest.MarkDecorator:
    """A value for each wire; an underscore stands for its hyphen."""
    cases = [(name.replace("_", "-"), value) for name, value in by_wire.items()]
    return pytest.mark.parametrize(("at", "expected"), cases, indirect=["at"])


def test_every_wire_is_tested() -> None:
    assert SERVERS.keys() == set(get_args(WireName))


@on(*SERVERS)
def test_a_video_from_create_to_content(at: Client) -> None:
    job = at.job()
    assert re.fullmatch(at.server.id, job)
    assert at.get(job).json()["id"] == job
    at.force("completed")
    done = at.get(job)
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    movie = at.content(job)
    assert (movie.status_code, movie.headers["content-type"]) == (200, "video/mp4")
    assert movie.content[4:8] == b"ftyp"


# Create


@values(
    azure=200, openai=200, litellm=200, vllm_omni=400, sglang=200, tensorrt_llm=202, bifrost=200,
    new_api=200, openrouter=202,
)  # fmt: skip
def test_json(at: Client, expected: int) -> None:
    answer = at.ask("POST", json=at.server.asked)
    assert answer.status_code == expected


@values(
    azure=200, openai=200, litellm=200, vllm_omni=200, sglang=200, tensorrt_llm=202, bifrost=200,
    new_api=200, openrouter=400,
)  # fmt: skip
def test_a_form(at: Client, expected: int) -> None:
    parts = [(name, (None, str(text))) for name, text in at.server.asked.items()]
    assert at.ask("POST", files=parts).status_code == expected


@on("vllm-omni")
def test_json_is_a_form_without_fields_for_vllm_omni(at: Client) -> None:
    error = at.ask("POST", json=at.server.asked).json()["error"]
    assert "'loc': ('body', 'prompt')" in error["message"]
    assert error["code"] == 400


@values(
    azure=400, openai=400, litellm=400, vllm_omni=200, sglang=200, tensorrt_llm=422, bifrost=400,
    new_api=400, openrouter=400,
)  # fmt: skip
def test_an_unknown_field(at: Client, expected: int) -> None:
    assert at.create(colour="blue").status_code == expected


@on("azure", "openai", "litellm", "vllm-omni", "sglang", "tensorrt-llm", "bifrost", "new-api")
def test_an_image_is_a_file(at: Client) -> None:
    parts: list[Any] = [(name, (None, text)) for name, text in at.server.asked.items()]
    file = ("input_reference", ("frame.png", picture(1280, 720), "image/png"))
    assert at.ask("POST", files=[*parts, file]).status_code == at.server.created
    assert at.simulator.journal()["jobs"][0]["spec"]["has_reference"]


@on("openrouter")
def test_an_image_for_openrouter_is_a_first_frame(at: Client) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture(90, 160)).decode()
    frame = {"type": "image_url", "image_url": {"url": url}, "frame_type": "first_frame"}
    answer = at.create(frame_images=[frame], resolution="480p", aspect_ratio="9:16")
    assert answer.status_code == 202
    assert answer.json().keys() == {"id", "polling_url", "status"}
    spec = at.simulator.journal()["jobs"][0]["spec"]
    assert spec["has_reference"]
    assert (spec["width"], spec["height"], spec["seconds"]) == (480, 854, 4)


@on("bifrost")
def test_bifrost_changes_an_unknown_size_silently(at: Client) -> None:
    assert at.create(size="1000x1000").json()["size"] == "720x1280"


@on("litellm")
def test_the_router_of_litellm_repeats_a_lost_create_unless_told_not_to(at: Client) -> None:
    lost = {"type": "status", "status": 503, "processed": True}
    at.simulator.fault("create", lost, times="unlimited")
    assert (
        at.ask("POST", json=at.server.asked, headers={"x-litellm-num-retries": "0"}).status_code
        == 503
    )
    assert len(at.simulator.journal()["jobs"]) == 1
    at.create()
    assert len(at.simulator.journal()["jobs"]) == 4


# A job


@values(
    azure=("queued", 0, "a cat", "4"),
    openai=("queued", 0, "a cat", "4"),
    litellm=("queued", 0, "-", "4"),
    vllm_omni=("queued", 0, "a cat", "4"),
    sglang=("queued", 0, "-", "4"),
    tensorrt_llm=("queued", None, "a cat", "-"),
    bifrost=("queued", 0, "a cat", "4"),
    new_api=("queued", 0, "a cat", "4"),
    openrouter=("pending", "-", "-", "-"),
)
def test_the_fields_that_a_job_has(at: Client, expected: tuple[object, ...]) -> None:
    """`-` is a field that is not there."""
    video = at.get(at.job()).json()
    names = ("status", "progress", "prompt", "seconds")
    assert tuple(video.get(name, "-") for name in names) == expected


@values(
    azure=True, openai=True, litellm=True, vllm_omni=True, sglang=True, tensorrt_llm=True,
    bifrost=True, new_api=True, openrouter=False,
)  # fmt: skip
def test_who_says_when_a_job_was_made(at: Client, expected: bool) -> None:
    assert ("created_at" in at.create().json()) is expected


@on("sglang")
def test_sglang_answers_the_seconds_that_it_makes(at: Client) -> None:
    """48 frames are 12 latent ones; eight GPUs make 16 of them, which are 61 frames: 2.5 s."""
    assert at.create(seconds=2).json()["seconds"] == "3"


@on("tensorrt-llm")
def test_tensorrt_llm_has_a_duration_as_asked_for(at: Client) -> None:
    assert at.create(seconds="4").json()["duration"] == 4.0
    del (asked := at.server.asked)["seconds"]
    assert at.ask("POST", json=asked).json()["duration"] is None


@on("openrouter")
def test_openrouter_says_what_a_video_cost(at: Client) -> None:
    job = at.job(duration=8)
    at.force("completed")
    done = at.get(job).json()
    assert done["usage"] == {"cost": 0.4, "is_byok": False}
    assert done["unsigned_urls"] == [f"/api/v1/videos/{job}/content?index=0"]


@on("litellm")
def test_veo_behind_litellm_says_nothing_but_that_it_works(at: Client) -> None:
    video = at.create(model="lite-veo").json()
    unknown = ("created_at", "progress", "seconds", "size", "completed_at", "expires_at")
    assert {video[name] for name in unknown} == {None}
    assert video["status"] == "processing"
    at.force("failed", message="the operation failed")
    assert at.get(video["id"]).json()["status"] == "completed"
    assert at.content(video["id"]).status_code == 500


@on("vllm-omni")
def test_vllm_omni_says_0_until_it_says_100(at: Client) -> None:
    at.simulator.fault("create", {"type": "render_time", "seconds": 2000})
    job = at.job()
    eventually(lambda: bool(at.simulator.entry(job)["progress"]))
    assert at.get(job).json()["progress"] == 0
    at.force("completed")
    assert at.get(job).json()["progress"] == 100


@on("sglang")
def test_sglang_says_how_far_it_is(at: Client) -> None:
    at.simulator.fault("create", {"type": "render_time", "seconds": 2000})
    job = at.job()
    eventually(lambda: bool(at.get(job).json()["progress"]))
    assert at.get(job).json()["status"] == "in_progress"


@on("tensorrt-llm")
def test_the_words_of_tensorrt_llm(at: Client) -> None:
    at.simulator.fault("create", {"type": "render_time", "seconds": 400})
    job = at.job()
    words: list[str] = []

    def done() -> bool:
        words.append(at.get(job).json()["status"])
        return words[-1] == "completed"

    eventually(done)
    assert list(dict.fromkeys(words)) == ["queued", "generating", "postprocessing", "completed"]


# A job that failed


@values(
    azure=(200, {"code": "render_error", "message": "no memory"}),
    openai=(200, {"code": "render_error", "message": "no memory"}),
    litellm=(200, {"code": "render_error", "message": "no memory"}),
    vllm_omni=(500, {"code": 500, "message": "no memory"}),
    sglang=(200, {"message": "no memory"}),
    tensorrt_llm=(200, "no memory"),
    bifrost=(200, {"code": "render_error", "message": "no memory"}),
    new_api=(200, {"message": "no memory"}),
    openrouter=(200, "no memory"),
)
def test_a_failed_job(at: Client, expected: tuple[int, object]) -> None:
    job = at.job()
    at.force("failed", code="render_error", message="no memory")
    answer = at.get(job)
    assert (answer.status_code, answer.json()["error"]) == expected
    assert answer.json()["status"] == "failed"
    assert answer.json()["id"] == job


@on("vllm-omni")
@pytest.mark.parametrize(("code", "status"), [("422", 422), ("404", 404), ("boom", 500)])
def test_vllm_omni_answers_with_the_status_of_the_failure(
    at: Client, code: str, status: int
) -> None:
    job = at.job()
    at.force("failed", code=code, message="no")
    answer = at.get(job)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)


@on("litellm")
def test_a_failed_job_of_vllm_omni_behind_litellm_is_inside_a_message(at: Client) -> None:
    job = at.job(model="lite-wan")
    at.force("failed", code="500", message="no memory")
    answer = at.get(job)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "500")
    before, _, rest = error["message"].partition("{")
    assert before == ("litellm.InternalServerError: InternalServerError: Hosted_vllmException - ")
    inner, end = json.JSONDecoder().raw_decode("{" + rest)
    assert (inner["status"], inner["error"]) == ("failed", {"code": 500, "message": "no memory"})
    assert rest[end - 1 :] == (
        "\n\nLiteLLM: model group 'lite-wan' failed with the error above. "
        "No fallback was attempted."
    )


# Content


@values(
    azure=404, openai=404, litellm=404, vllm_omni=404, sglang=404, tensorrt_llm=400, bifrost=404,
    new_api=400, openrouter=400,
)  # fmt: skip
def test_content_while_it_runs(at: Client, expected: int) -> None:
    assert at.content(at.job()).status_code == expected


@values(azure=404, vllm_omni=422, sglang=404, tensorrt_llm=400, new_api=400)
def test_content_of_a_failed_job(at: Client, expected: int) -> None:
    job = at.job()
    at.force("failed")
    assert at.content(job).status_code == expected


@values(
    azure="image/webp", openai="image/webp", litellm="video/mp4", vllm_omni="video/mp4", sglang=404,
    tensorrt_llm="video/mp4", bifrost="image/webp", new_api="video/mp4", openrouter="video/mp4",
)  # fmt: skip
def test_a_thumbnail(at: Client, expected: object) -> None:
    job = at.job()
    at.force("completed")
    answer = at.content(job, variant="thumbnail")
    found = answer.status_code if answer.is_error else answer.headers["content-type"]
    assert found == expected


@on("sglang")
def test_a_variant_of_sglang_is_a_number(at: Client) -> None:
    job = at.job()
    at.force("completed")
    found = [at.content(job, variant=variant).status_code for variant in ("video", "0", "1")]
    assert found == [404, 200, 404]


@values(
    azure=200, litellm=200, vllm_omni=206, sglang=206, tensorrt_llm=206, new_api=206,
)  # fmt: skip
def test_a_range(at: Client, expected: int) -> None:
    job = at.job()
    at.force("completed")
    answer = at.ask("GET", f"/{job}/content", headers={"range": "bytes=0-9"})
    assert answer.status_code == expected


# The list


@values(azure=20, openai=20, vllm_omni=22, sglang=20, tensorrt_llm=22)
def test_how_much_a_list_shows_unasked(at: Client, expected: int) -> None:
    for _ in range(22):
        at.job()
        at.force("failed")
    assert len(at.ask("GET").json()["data"]) == expected


@on("tensorrt-llm")
def test_tensorrt_llm_lists_the_oldest_first_and_has_one_page(at: Client) -> None:
    first, second = at.job(), at.job()
    listed = at.ask("GET", params={"limit": "1", "order": "desc"}).json()
    assert [row["id"] for row in listed["data"]] == [first, second]
    assert listed.keys() == {"object", "data"}


@values(litellm=("custom_llm_provider", "openai"), bifrost=("provider", "openai"))
def test_a_gateway_lists_one_provider_that_has_to_be_named(
    at: Client, expected: tuple[str, str]
) -> None:
    job = at.job()
    assert at.ask("GET").status_code == 400
    rows = at.ask("GET", params=[expected]).json()["data"]
    assert len(rows) == 1
    assert rows[0]["prompt"] == "a cat"
    assert at.get(rows[0]["id"]).json()["id"] == job


@on("litellm")
def test_the_ids_of_litellm(at: Client) -> None:
    """Those of its list lack the deployment. Either is good for a poll and for content."""
    created = at.job()
    (row,) = at.ask("GET", params={"custom_llm_provider": "openai"}).json()["data"]
    inner = at.simulator.journal()["jobs"][0]["id"]
    listed = "litellm:custom_llm_provider:openai;model_id:sora-2-2025-12-08;" + f"video_id:{inner}"
    assert _decoded(row["id"]) == listed
    before, _, deployment = _decoded(created).partition(";deployment_id:")
    assert before == listed
    assert re.fullmatch(r"[0-9a-f]{64}", deployment)
    assert row["model"] == "sora-2-2025-12-08"
    assert at.get(created).json()["model"] == "lite"
    at.force("completed")
    for name in (created, row["id"]):
        assert at.get(name).json()["id"] == created
        assert at.content(name).status_code == 200
    assert at.simulator.journal()["jobs"][0]["ids"] == [created, row["id"]]


@values(new_api=404, openrouter=404)
def test_who_has_no_list(at: Client, expected: int) -> None:
    assert at.ask("GET").status_code == expected


@values(
    azure={"code": "x", "message": "no"}, vllm_omni={"code": 500, "message": "no"},
    sglang={"message": "no"}, tensorrt_llm="no",
)  # fmt: skip
def test_a_failed_row_in_a_list(at: Client, expected: object) -> None:
    at.job()
    at.force("failed", code="x", message="no")
    answer = at.ask("GET")
    assert answer.status_code == 200
    assert answer.json()["data"][0]["error"] == expected


# Delete


@values(
    azure=(200, "deleted"), openai=(200, "deleted"), litellm=(405, "queued"),
    vllm_omni=(200, "deleted"), sglang=(200, "queued"), tensorrt_llm=(200, "deleted"),
    bifrost=(200, "deleted"), new_api=(404, "queued"), openrouter=(404, "queued"),
)  # fmt: skip
def test_delete_while_it_runs(at: Client, expected: tuple[int, str]) -> None:
    """The answer, and what became of the render."""
    job = at.job()
    answer = at.ask("DELETE", f"/{job}")
    assert (answer.status_code, at.simulator.journal()["jobs"][0]["status"]) == expected


@on("sglang")
def test_sglang_forgets_a_deleted_job_and_renders_it_all_the_same(at: Client) -> None:
    job = at.job()
    assert at.ask("DELETE", f"/{job}").json()["status"] == "deleted"
    assert at.get(job).status_code == 404
    assert at.ask("GET").json()["data"] == []
    assert at.create().status_code == 429  # its only place is still taken


@on("tensorrt-llm")
def test_tensorrt_llm_says_only_that_it_deleted(at: Client) -> None:
    assert at.ask("DELETE", f"/{at.job()}").json() == {"deleted": True}


# Errors


@values(
    azure=(404, "error"), openai=(404, "error"), litellm=(404, "error"), vllm_omni=(404, "error"),
    sglang=(404, "detail"), tensorrt_llm=(404, "message"), bifrost=(404, "error"),
    new_api=(400, "message"), openrouter=(404, "error"),
)  # fmt: skip
def test_an_unknown_job(at: Client, expected: tuple[int, str]) -> None:
    answer = at.get("video_00000000")
    assert answer.status_code == expected[0]
    assert expected[1] in answer.json()


@values(
    sglang={"detail": "down"},
    vllm_omni={
        "error": {"message": "down", "type": "Bad Gateway", "param": None, "code": 502}
    },
    tensorrt_llm={
        "object": "error", "message": "down", "type": "BadRequestError", "param": None, "code": 502,
    },
    openrouter={"error": "down"},
    new_api={"code": "fail_to_fetch_task", "message": "down", "data": None},
    bifrost={
        "is_bifrost_error": False, "status_code": 502,
        "error": {"message": "down", "type": "server_error"},
        "extra_fields": {"request_type": "video", "provider": "openai", "latency": 12},
    },
)  # fmt: skip
def test_the_shape_of_an_error(at: Client, expected: dict[str, Any]) -> None:
    at.simulator.fault("get", {"type": "status", "status": 502, "message": "down"})
    assert at.get(at.job()).json() == expected


@on("litellm")
def test_litellm_says_the_status_as_text_and_the_reason_inside(at: Client) -> None:
    error = at.create(prompt="content-filter").json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "400")
    assert '"code": "content_filter"' in error["message"]


@on("new-api")
def test_an_unknown_job_of_new_api(at: Client) -> None:
    assert at.get("task_0").json()["code"] == "task_not_exist"
    assert at.content("task_0").status_code == 404


@values(
    azure=401, openai=401, litellm=500, vllm_omni=200, sglang=200, tensorrt_llm=202, bifrost=401,
    new_api=401, openrouter=401,
)  # fmt: skip
def test_without_a_key(at: Client, expected: int) -> None:
    del at.http.headers["authorization"]
    assert at.create().status_code == expected


@values(
    azure=401, openai=401, litellm=400, vllm_omni=401, sglang=401, bifrost=401, new_api=401,
    openrouter=401,
)  # fmt: skip
def test_a_wrong_key(at: Client, expected: int) -> None:
    at.http.headers["authorization"] = "Bearer wrong"
    assert at.create().status_code == expected


# Restarts


@values(
    azure=200, openai=200, litellm=200, vllm_omni=404, sglang=404, tensorrt_llm=404, bifrost=200,
    new_api=200, openrouter=200,
)  # fmt: skip
def test_what_a_restart_leaves(at: Client, expected: int) -> None:
    job = at.job()
    name = at.simulator.journal()["jobs"][0]["deployment"]
    assert at.simulator.post("/_sim/restart", {"deployment": name}).status_code == 200
    assert at.get(job).status_code == expected


@on("vllm-omni")
def test_a_restart_as_a_fault(at: Client) -> None:
    job = at.job()
    at.simulator.fault("get", {"type": "restart"}, skip=1)
    assert at.get(job).status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        at.get(job)
    assert at.get(job).status_code == 404


# Several servers


def test_the_servers_do_not_know_each_others_jobs_and_models(emptied: Simulator) -> None:
    with Client(emptied, SERVERS["openai"]) as openai, Client(emptied, SERVERS["azure"]) as azure:
        job = openai.job()
        assert azure.get(job).status_code == 404
        assert azure.ask("GET").json()["data"] == []
        assert azure.create(model="oai").status_code == 404


def test_a_wire_at_the_root(tmp_path: Path) -> None:
    with Simulator(tmp_path, wire="sglang") as simulator:
        plain = Server("/v1", "sora-2", 200, UUID)
        with Client(simulator, plain) as client:
            job = client.job()
            assert re.fullmatch(UUID, job)
            assert client.http.get(f"/wires/sglang/v1/videos/{job}").status_code == 200
            assert client.http.get("/v1/movies").json() == {"detail": "Not Found"}
            assert client.http.get("/openai/v1/videos").status_code == 404


def _decoded(name: str) -> str:
    return base64.b64decode(name.removeprefix("video_")).decode()
