"""What an answer of an upstream means. The bodies are the ones that were seen or specified."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from shared.domain.job import Fault, JobState, Part
from shared.domain.profiles import PROFILES
from shared.domain.request import Input, VideoRequest
from shared.settings.upstreams import HeaderAuth, Upstream
from shared.upstream.http import UpstreamHttp
from shared.upstream.protocol import (
    AnswerLost,
    DeploymentOut,
    JobGone,
    Media,
    NotSent,
    Refused,
    Throttled,
    Unreadable,
    UpstreamError,
)
from shared.upstream.sora1 import Sora1
from shared.upstream.sora2 import Sora2

Handler = Callable[[httpx.Request], httpx.Response]
REQUEST = VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4)

VIDEO = {
    "id": "video_1",
    "object": "video",
    "model": "sora-2",
    "status": "queued",
    "progress": 0,
    "created_at": 1760627796,
    "completed_at": None,
    "expires_at": None,
    "prompt": None,
    "size": "720x1280",
    "seconds": "4",
    "remixed_from_video_id": None,
    "error": None,
}
JOB = {
    "object": "video.generation.job",
    "id": "task_1",
    "status": "queued",
    "created_at": 1747907366,
    "finished_at": None,
    "expires_at": 1747993766,
    "generations": [],
    "prompt": "p",
    "model": "sora",
    "n_variants": 1,
    "n_seconds": 5,
    "height": 480,
    "width": 480,
    "failure_reason": None,
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "secret-key")


def upstream_http(handler: Handler) -> UpstreamHttp:
    upstream = Upstream(
        name="a",
        dialect="sora-2",
        endpoint="https://x.openai.azure.com",
        deployment="my-deployment",
        model="sora-2",
        auth=HeaderAuth(type="header", secret_setting="A_KEY"),
    )
    return UpstreamHttp(upstream, httpx.MockTransport(handler))


def sora2(handler: Handler) -> Sora2:
    return Sora2(upstream_http(handler), "my-deployment", PROFILES["azure"])


def sora1(handler: Handler) -> Sora1:
    return Sora1(upstream_http(handler), "my-deployment")


def answering(status: int, body: Any = None, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json=body, headers=named)


def raising(error: type[httpx.HTTPError]) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("with a secret-key in it", request=request)  # type: ignore[call-arg]

    return handler


CREATES: list[tuple[Handler, type[UpstreamError], str]] = [
    # the connection was never made
    (raising(httpx.ConnectError), NotSent, "ConnectError"),
    (raising(httpx.ConnectTimeout), NotSent, "ConnectTimeout"),
    # it may have been carried out
    (raising(httpx.ReadTimeout), AnswerLost, "ReadTimeout"),
    (raising(httpx.RemoteProtocolError), AnswerLost, "RemoteProtocolError"),
    (raising(httpx.WriteError), AnswerLost, "WriteError"),
    (answering(500), AnswerLost, "500"),
    (answering(503, {"error": {"message": "overloaded"}}), AnswerLost, "503"),
    (answering(408), AnswerLost, "408"),
    (answering(409), AnswerLost, "409"),
    # of gateways that gave up, or of what is behind them
    (answering(424, {"error": {"message": "a dependency failed"}}), AnswerLost, "424"),
    (answering(425), AnswerLost, "425"),
    (answering(499), AnswerLost, "499"),
    (answering(307, location="https://elsewhere.example"), AnswerLost, "307"),
    (answering(200, {"unexpected": True}), AnswerLost, "not a"),
    (lambda r: httpx.Response(200, html="<html>"), AnswerLost, "text/html"),
    # Seen live: the concurrency limit, code null
    (
        answering(
            429,
            {
                "error": {
                    "message": "Too many running tasks",
                    "type": "video_generation_user_error",
                    "param": None,
                    "code": None,
                }
            },
        ),
        Throttled,
        "Too many running tasks",
    ),
    # Seen live
    (
        answering(400, {"error": {"message": "Missing required parameter: 'model'."}}),
        Refused,
        "Missing required parameter",
    ),
    (answering(422, {"code": "bad", "message": "flat body"}), Refused, "flat body"),
    (
        answering(404, {"error": {"message": "The API deployment 'sora-2' does not exist."}}),
        DeploymentOut,
        "does not exist",
    ),
    (answering(401, {"error": {"message": "expired"}}), DeploymentOut, "expired"),
    (answering(403), DeploymentOut, "403"),
    (answering(410, {"error": {"message": "retired"}}), DeploymentOut, "retired"),
    (answering(402, {"error": "insufficient credits"}), DeploymentOut, "insufficient credits"),
    (answering(407), DeploymentOut, "407"),
    (
        answering(403, {"error": {"code": "content_filter", "message": "not this one"}}),
        Refused,
        "not this one",
    ),
]

FINAL = [
    (410, {"error": {"message": "gone"}}, True),
    # OpenAI, of models that it has shut down
    (404, {"error": {"message": "The model `sora` has been deprecated, learn more."}}, True),
    (404, {"error": {"code": "model_decommissioned", "message": "use another"}}, True),
    (404, {"error": {"message": "The model `sora-2` does not exist."}}, False),
    (404, {"error": {"message": "Model sora-2.1 is no longer available."}}, True),
    # of something else, or for another reason
    (
        404,
        {
            "error": {
                "message": "The deployment for model sora-2 does not exist. The api-version "
                "2025-04-01-preview is no longer supported."
            }
        },
        False,
    ),
    (404, {"error": {"message": "Unknown model. This route is deprecated"}}, False),
    (403, {"error": {"message": "The model is gated; it was deprecated for your tier"}}, False),
    # Azure, of a deployment that was just made (mslearn-ai-vision#81)
    (
        404,
        {
            "error": {
                "message": "The API deployment 'sora-2' for this resource does not exist. If you "
                "created the deployment within the last 5 minutes, please wait a moment and try "
                "again."
            }
        },
        False,
    ),
    (401, {"error": {"message": "Incorrect API key provided"}}, False),
    (403, {"error": {"code": "PermissionDenied", "message": "lacks the role"}}, False),
]


@pytest.mark.parametrize(("status", "body", "final"), FINAL)
def test_only_what_is_final_by_its_own_words_is_final(
    status: int, body: dict[str, Any], final: bool
) -> None:
    with pytest.raises(DeploymentOut) as raised:
        sora2(answering(status, body)).submit(REQUEST, trace="t")
    assert (raised.value.status, raised.value.final) == (status, final)


@pytest.mark.parametrize("dialect", [sora1, sora2])
@pytest.mark.parametrize(("handler", "expected", "says"), CREATES)
def test_what_the_answer_to_a_create_means(
    dialect: Callable[[Handler], Sora1 | Sora2],
    handler: Handler,
    expected: type[UpstreamError],
    says: str,
) -> None:
    with pytest.raises(UpstreamError) as raised:
        dialect(handler).submit(REQUEST, trace="t")
    assert type(raised.value) is expected
    assert says in str(raised.value)
    assert "secret-key" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "m", "code": "content_filter", "innererror": {"code": "x"}}},
        {"error": {"message": "m", "code": "moderation_blocked"}},
        {"message": "m", "inner_error": {"code": "ResponsibleAIPolicyViolation"}},
        {"error": {"message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
    ],
)
def test_a_refusal_for_its_content_is_told_from_a_bad_parameter(body: dict[str, Any]) -> None:
    with pytest.raises(Refused) as raised:
        sora2(answering(400, body)).submit(REQUEST, trace="t")
    assert raised.value.moderated


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "20"}, 20.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "2000", "retry_after": "20"}, 2.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "10s"}, 10.0),
        ({"retry_after": "20, 30"}, 20.0),
        ({"retry_after_ms": "inf", "retry_after": "5"}, 5.0),
        ({"retry_after": "9" * 12}, 86_400.0),
        ({"retry_after": "1760627796"}, 0.0),  # a time of the past
        ({}, None),
    ],
)
def test_how_long_a_429_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(Throttled) as raised:
        sora2(answering(429, **headers)).submit(REQUEST, trace="t")
    assert raised.value.retry_after == seconds


READS: list[tuple[Handler, type[UpstreamError]]] = [
    (raising(httpx.ConnectError), NotSent),
    (raising(httpx.ReadTimeout), Unreadable),
    (answering(404), JobGone),
    (lambda r: httpx.Response(404, text="Video not found"), JobGone),
    # Traefik, while it knows no healthy server (traefik#4153, #9289); Kubernetes' ingress
    (lambda r: httpx.Response(404, text="404 page not found\n"), Unreadable),
    (lambda r: httpx.Response(404, text="default backend - 404"), Unreadable),
    (lambda r: httpx.Response(404, html="<html>Container App stopped"), Unreadable),
    (answering(500, {"error": "video encoder ffmpeg not found"}), Unreadable),
    (answering(500, {"error": "could not load the job: redis not found"}), Unreadable),
    (answering(500, {"error": "Video with id 'video_1' not found"}), JobGone),
    (answering(400, {"error": "Video generation task video_1 does not exist"}), JobGone),
    (answering(400, {"error": "no such job"}), JobGone),
    (answering(500), Unreadable),
    (answering(408), Unreadable),
    (answering(429), Throttled),
    (answering(401), DeploymentOut),
    (answering(410), DeploymentOut),
    (answering(400), Refused),
    (answering(200, []), Unreadable),
    (answering(200, {**VIDEO, "id": "another"}), Unreadable),
    (answering(200, {**JOB, "id": "another"}), Unreadable),
    (lambda r: httpx.Response(200, html="<html>"), Unreadable),
    (lambda r: httpx.Response(200, content=b"x" * 9_000_000), Unreadable),
]


@pytest.mark.parametrize("dialect", [sora1, sora2])
@pytest.mark.parametrize(("handler", "expected"), READS)
def test_what_the_answer_to_a_read_means(
    dialect: Callable[[Handler], Sora1 | Sora2], handler: Handler, expected: type[UpstreamError]
) -> None:
    with pytest.raises(UpstreamError) as raised:
        dialect(handler).status("video_1", trace="t")
    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("changes", "state", "fault"),
    [
        ({}, JobState.RUNNING, None),
        ({"status": "in_progress"}, JobState.RUNNING, None),
        ({"status": "completed"}, JobState.SUCCEEDED, None),
        ({"status": "cancelled"}, JobState.CANCELLED, None),
        ({"status": "archived"}, JobState.STRANGE, None),
        # Seen live, three times identically
        (
            {
                "status": "failed",
                "error": {"code": "moderation_blocked", "message": "Your request was blocked."},
            },
            JobState.FAILED,
            Fault.MODERATION,
        ),
        (
            {"status": "failed", "error": {"code": "internal_error"}},
            JobState.FAILED,
            Fault.INTERNAL,
        ),
        ({"status": "failed", "error": None}, JobState.FAILED, Fault.OTHER),
    ],
)
def test_states_of_a_sora_2_video(
    changes: dict[str, Any], state: JobState, fault: Fault | None
) -> None:
    job = sora2(answering(200, {**VIDEO, **changes})).status("video_1", trace="t")
    assert (job.state, job.fault, job.parts) == (state, fault, (Part("video_1", 4),))


@pytest.mark.parametrize(
    ("changes", "state", "fault"),
    [
        ({}, JobState.RUNNING, None),
        ({"status": "preprocessing"}, JobState.RUNNING, None),
        ({"status": "running"}, JobState.RUNNING, None),
        ({"status": "processing"}, JobState.RUNNING, None),
        ({"status": "succeeded"}, JobState.SUCCEEDED, None),
        ({"status": "cancelled"}, JobState.CANCELLED, None),
        ({"status": "completed"}, JobState.SUCCEEDED, None),  # the other dialect's word
        ({"status": "archived"}, JobState.STRANGE, None),
        (
            {"status": "failed", "failure_reason": "input_moderation"},
            JobState.FAILED,
            Fault.MODERATION,
        ),
        (
            {"status": "failed", "failure_reason": "output_moderation"},
            JobState.FAILED,
            Fault.MODERATION,
        ),
        ({"status": "failed", "failure_reason": "internal_error"}, JobState.FAILED, Fault.INTERNAL),
        ({"status": "failed", "failure_reason": None}, JobState.FAILED, Fault.OTHER),
    ],
)
def test_states_of_a_sora_1_job(
    changes: dict[str, Any], state: JobState, fault: Fault | None
) -> None:
    job = sora1(answering(200, {**JOB, **changes})).status("task_1", trace="t")
    assert (job.state, job.fault) == (state, fault)


def test_every_generation_of_a_sora_1_job_is_a_part() -> None:
    generations = [{"id": "gen_1", "n_seconds": 5}, {"id": "gen_2"}]
    body = {**JOB, "status": "succeeded", "generations": generations}
    assert sora1(answering(200, body)).status("task_1", trace="t").parts == (
        Part("gen_1", 5),
        Part("gen_2", 5),
    )


def test_what_is_sent() -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=VIDEO)

    sora2(handler).submit(REQUEST, trace="video_x-1")
    (request,) = sent
    assert str(request.url) == "https://x.openai.azure.com/openai/v1/videos"
    assert request.headers["api-key"] == "secret-key"
    assert request.headers["x-ms-client-request-id"] == "video_x-1"
    assert (
        request.read() == b'{"model":"my-deployment","prompt":"p","size":"720x1280","seconds":"4"}'
    )


def test_a_job_id_cannot_leave_its_path() -> None:
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404)

    with pytest.raises(JobGone):
        sora2(handler).status("../../admin?x=", trace="t")
    assert paths == [b"/openai/v1/videos/..%2F..%2Fadmin%3Fx%3D"]


class Downloads:
    """Redirects of a download, and who was shown the key."""

    def __init__(self, *locations: str) -> None:
        self._locations = list(locations)
        self.seen: list[tuple[str, bool]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((str(request.url), "api-key" in request.headers))
        if self._locations:
            return httpx.Response(302, headers={"location": self._locations.pop(0)})
        return httpx.Response(200, content=b"bytes", headers={"content-type": "video/mp4"})


def read(handler: Handler) -> bytes:
    with sora2(handler).open(Part("video_1", 4), trace="t") as content:
        return b"".join(content.pieces)


def test_a_redirected_download_never_takes_the_key_along() -> None:
    hops = Downloads("https://cdn.example/1", "/2")
    assert read(hops) == b"bytes"
    assert hops.seen == [
        ("https://x.openai.azure.com/openai/v1/videos/video_1/content?variant=video", True),
        ("https://cdn.example/1", False),
        ("https://cdn.example/2", False),
    ]


@pytest.mark.parametrize(
    "locations",
    [
        ["http://cdn.example/1"],
        ["http://127.0.0.1/1"],
        ["file:///etc/passwd"],
        [""],
        ["https://a.example", "https://b.example", "https://c.example"],
    ],
)
def test_redirects_that_are_not_followed(locations: list[str]) -> None:
    with pytest.raises(Unreadable):
        read(Downloads(*locations))


def test_a_list_in_the_wrong_order_is_still_read_to_its_end() -> None:
    """An overlooked job would be paid for twice."""
    pages = {
        None: {"data": [{**VIDEO, "id": "old", "created_at": 1}], "has_more": True},
        "old": {"data": [{**VIDEO, "id": "new", "created_at": 100}], "has_more": False},
    }

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=pages[request.url.params.get("after")])

    found = sora2(handler).find(50, trace="t")
    assert ([job.job_id for job in found.jobs], found.whole) == (["old", "new"], True)


def test_a_list_newest_first_is_left_where_it_gets_too_old() -> None:
    asked: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("after"))
        jobs = [{**VIDEO, "id": f"v{at}", "created_at": 1_760_000_000 + at} for at in (90, 60, 30)]
        return httpx.Response(200, json={"data": jobs, "has_more": True})

    found = sora2(handler).find(1_760_000_050, trace="t")
    assert ([job.job_id for job in found.jobs], found.whole) == (["v90", "v60", "v30"], True)
    assert asked == [None]


def test_a_list_that_never_ends_is_read_as_far_as_it_goes_and_proves_nothing() -> None:
    """LiteLLM answers each page with the first."""

    def handler(request: httpx.Request) -> httpx.Response:
        jobs = [{**VIDEO, "created_at": 100}]
        return httpx.Response(200, json={"data": jobs, "has_more": True, "last_id": "same"})

    found = sora2(handler).find(50, trace="t")
    assert ([job.job_id for job in found.jobs], found.whole) == (["video_1"], False)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 429])
def test_an_upstream_that_repeats_key_and_prompt_is_not_quoted_with_them(status: int) -> None:
    said = f"Bad key secret-key for the prompt '{REQUEST.prompt}'."
    with pytest.raises(UpstreamError, match=r"Bad key \[key\] for the prompt '\[prompt\]'\."):
        sora2(answering(status, {"error": {"message": said}})).submit(REQUEST, trace="t")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_of_an_error_to_a_read_only_status_and_code_are_told(status: int) -> None:
    """What it says may repeat a prompt that is not known here."""
    body = {"error": {"message": "a secret-key and a prompt", "code": "its_code"}}
    with pytest.raises(UpstreamError) as raised:
        sora2(answering(status, body)).status("job", trace="t")
    assert str(raised.value) == f"HTTP {status} its_code"


def test_the_reason_of_a_failed_job_comes_without_our_key() -> None:
    error = {"code": "x", "message": "it failed with secret-key"}
    failed = sora2(answering(200, {**VIDEO, "status": "failed", "error": error}))
    assert failed.status("video_1", trace="t").message == "it failed with [key]"


def openrouter(handler: Handler) -> Sora2:
    return Sora2(upstream_http(handler), "my-deployment", PROFILES["openrouter"])


@pytest.mark.parametrize(
    ("dialect", "as_form"),
    [(sora1, False), (sora1, True), (sora2, False), (sora2, True), (openrouter, False)],
)
def test_parameters_are_sent_beside_the_fields_of_the_wire(
    dialect: Callable[[Handler], Sora1 | Sora2], as_form: bool
) -> None:
    """As they are in JSON, as text in a form, and never in the place of a field."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=JOB if dialect is sora1 else VIDEO)

    given: dict[str, Any] = {"seed": 7, "guidance_scale": 7.5, "upscale": True, "prompt": "another"}
    media = [Media("a.png", "image/png", b"png")] if as_form else []
    inputs = (Input(content_type="image/png", sha256="0"),) if as_form else ()
    request = replace(REQUEST, parameters=given, inputs=inputs)
    dialect(handler).submit(request, media, trace="t")
    body = sent[0].read()
    if as_form:
        found = dict(re.findall(rb'name="(\w+)"\r\n\r\n([^\r]*)', body))
        assert (found[b"seed"], found[b"guidance_scale"]) == (b"7", b"7.5")
        assert (found[b"upscale"], found[b"prompt"]) == (b"true", b"p")
    else:
        fields = json.loads(body)
        assert {name: fields[name] for name in given} == {**given, "prompt": "p"}


@pytest.mark.parametrize(
    ("body", "expected", "said"),
    [
        ({"code": "task_not_exist", "message": "task_not_exist", "data": None}, JobGone, ""),
        ({"error": {"message": "the engine is stuck"}}, Unreadable, "the engine is stuck"),
        ({"status": "error", "message": "try again later"}, Unreadable, "try again later"),
    ],
)
def test_an_error_with_status_200_says_what_it_says(
    body: Any, expected: type[UpstreamError], said: str
) -> None:
    with pytest.raises(UpstreamError) as raised:
        sora2(answering(200, body)).status("video_1", trace="t")
    assert (type(raised.value), raised.value.said) == (expected, said)


def test_a_refusal_for_the_content_with_status_200_is_final() -> None:
    body = {"error": {"code": "content_filter", "message": "blocked"}}
    job = sora2(answering(200, body)).status("video_1", trace="t")
    assert (job.state, job.fault) == (JobState.FAILED, Fault.MODERATION)


@pytest.mark.parametrize(
    "beside",
    [
        {"metadata": {"error": "out of memory in step 3"}},
        {"output": {"code": "OOM", "message": "out of memory in step 3"}},
        {"lastError": {"message": "out of memory in step 3"}},
        {"task_status_msg": "out of memory in step 3"},
        {"error": {"reason": "out of memory in step 3"}},
    ],
)
def test_the_reason_of_a_failed_job_is_found_wherever_it_is(beside: dict[str, Any]) -> None:
    failed = sora2(answering(200, {**VIDEO, "status": "failed", **beside}))
    assert failed.status("video_1", trace="t").message == "out of memory in step 3"


@pytest.mark.parametrize("error", ["x" * 300_000, {"code": "x" * 300_000}])
def test_the_reason_of_a_failed_job_fits_into_a_row(error: Any) -> None:
    for dialect, body in ((sora2, VIDEO), (sora1, JOB)):
        failed = {**body, "id": "video_1", "status": "failed", "error": error}
        assert len(dialect(answering(200, failed)).status("video_1", trace="t").message) <= 1000


def test_a_prompt_that_an_error_cuts_is_cut_out_too() -> None:
    prompt = "a fox that runs over the fresh snow of a wide and silent valley"
    said = f"Too many requests for '{prompt[:50]}...'"
    with pytest.raises(Throttled, match=r"^Too many requests for '\[prompt\]\.\.\.'$"):
        sora2(answering(429, {"detail": said})).submit(replace(REQUEST, prompt=prompt), trace="t")


ROW = {**VIDEO, "id": "ours", "created_at": 100 + 1_760_000_000}


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"video": ROW}]},
        {"data": {"items": [ROW], "has_more": False}},
        {"tasks": [ROW], "has_more": "false"},
        {"data": {"ours": {name: ROW[name] for name in ROW if name != "id"}}},
        {"data": [ROW], "has_more": False, "next": None, "total": 500},
        {"data": [ROW], "total": 1},
        {"code": 0, "message": "success", "data": [ROW]},
    ],
)
def test_a_list_in_another_form_is_read_whole(body: Any) -> None:
    found = sora2(answering(200, body)).find(50, trace="t")
    assert ([job.job_id for job in found.jobs], found.whole) == (["ours"], True)


@pytest.mark.parametrize(
    "more",
    [
        {"next_cursor": "abc"},
        {"pagination": {"next": "/v1/videos?page=2"}},
        {"links": {"next": "https://x/v1/videos?page=2"}},
        {"total": 5},
        {"meta": {"totalCount": 5}},
        {"hasMore": True},
        {"error": "one shard does not answer"},
        {"success": False},
    ],
)
def test_a_list_of_which_a_page_is_missing_proves_nothing(more: dict[str, Any]) -> None:
    for body in ({"data": [ROW]}, {"data": [{**ROW, "created_at": None}]}):
        found = sora2(answering(200, {**body, **more})).find(50, trace="t")
        assert ([job.job_id for job in found.jobs], found.whole) == (["ours"], False)


@pytest.mark.parametrize("row", ["vid_1", {"name": "x"}, {"video": {"status": "queued"}}])
def test_a_row_without_an_id_may_be_the_job_that_is_sought(row: Any) -> None:
    found = sora2(answering(200, {"data": [row, ROW]})).find(50, trace="t")
    assert ([job.job_id for job in found.jobs], found.whole) == (["ours"], False)


@pytest.mark.parametrize(
    "body",
    [
        {"code": "unauthorized", "message": "", "data": None},
        {"success": False, "message": "no", "data": None},
        {"message": "token expired", "data": None},
        {"data": [], "error": "database is locked"},
        {"status": "error", "data": []},
        {"data": {}},
    ],
)
def test_an_error_with_status_200_is_no_empty_list(body: Any) -> None:
    with pytest.raises(Unreadable):
        sora2(answering(200, body)).find(50, trace="t")


def test_a_page_as_long_as_was_asked_for_may_not_be_the_last() -> None:
    rows = [{**ROW, "id": f"v{number}"} for number in range(100)]
    assert not sora2(answering(200, {"data": rows})).find(50, trace="t").whole
    assert sora2(answering(200, {"data": rows[1:]})).find(50, trace="t").whole


def test_a_list_that_refuses_to_be_continued_is_read_as_far_as_it_goes() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if "after" in request.url.params:
            return httpx.Response(422, json={"detail": "extra fields not permitted"})
        return httpx.Response(200, json={"data": [ROW], "next": "x"})

    found = sora2(handler).find(50, trace="t")
    assert ([job.job_id for job in found.jobs], found.whole) == (["ours"], False)


@pytest.mark.parametrize(
    "body",
    [
        {"url": "https://cdn.example/1"},
        {"video_url": "https://cdn.example/1", "thumbnail_url": "https://cdn.example/no"},
        {"output": {"url": "https://cdn.example/1"}},
        {"data": [{"url": "https://cdn.example/1"}]},
        {"unsigned_urls": ["https://cdn.example/1"]},
        {"url": "", "video_url": "https://cdn.example/1"},
    ],
)
def test_a_download_that_is_answered_with_an_address_is_fetched_there_without_the_key(
    body: Any,
) -> None:
    seen: list[tuple[str, bool]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, "api-key" in request.headers))
        if request.url.host != "cdn.example":
            return httpx.Response(200, json=body)
        return httpx.Response(200, content=b"bytes", headers={"content-type": "video/mp4"})

    assert read(handler) == b"bytes"
    assert seen == [("x.openai.azure.com", True), ("cdn.example", False)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"url": "http://169.254.169.254/token"}, Unreadable),
        ({"url": "file:///etc/passwd"}, Unreadable),
        ({"url": "https://cdn.example:port/1"}, Unreadable),
        ({"url": "https://[cdn.example/1"}, Unreadable),
        ({"status": "processing"}, Unreadable),
        ({"error": {"message": "Video not found"}}, JobGone),
    ],
)
def test_json_instead_of_a_file_is_no_file(body: Any, error: type[UpstreamError]) -> None:
    with pytest.raises(error):
        read(answering(200, body))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"code": 5, "message": "not ready"}', "application/json"),
        (b"\n<!doctype html><title>Maintenance</title>", "text/html"),
    ],
)
def test_a_text_of_unknown_length_is_no_file(body: bytes, kind: str) -> None:
    """Sent in chunks, as many frameworks send JSON; or by a proxy, with 200 for its own page."""
    headers = {"content-type": kind}
    with pytest.raises(Unreadable):
        read(lambda request: httpx.Response(200, content=iter([body]), headers=headers))


def test_a_file_that_is_called_json_is_still_a_file() -> None:
    headers = {"content-type": "application/json"}
    assert read(lambda request: httpx.Response(200, content=b"\0\0ftyp", headers=headers)) == (
        b"\0\0ftyp"
    )


@pytest.mark.parametrize("key", ["secret-key\n", " secret-key "])
def test_the_space_around_a_key_is_not_sent(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("A_KEY", key)
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["api-key"])
        return httpx.Response(200, json=VIDEO)

    sora2(handler).submit(REQUEST, trace="t")
    assert sent == ["secret-key"]


def test_a_key_that_no_header_takes_is_not_sent_and_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY", "secr\u00e9t-key")
    with pytest.raises(NotSent, match=r"^A_KEY is not a key: it is not printable ASCII$"):
        sora2(answering(200, VIDEO)).submit(REQUEST, trace="t")


def test_the_text_of_a_reference_to_the_vault_is_not_sent_as_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY", "@Microsoft.KeyVault(VaultName=kv-a;SecretName=a-key)")
    with pytest.raises(NotSent, match=r"^A_KEY is a reference to Key Vault that Azure has not"):
        sora2(answering(401)).submit(REQUEST, trace="t")


@pytest.mark.parametrize("url", [None, "https://v.example.com/openai/v1/callbacks/there"])
def test_openrouter_is_told_where_to_call_back(url: str | None) -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=VIDEO)

    client = Sora2(upstream_http(handler), "my-deployment", PROFILES["openrouter"], url)
    client.submit(REQUEST, trace="t")
    assert json.loads(sent[0].read()).get("callback_url") == url
