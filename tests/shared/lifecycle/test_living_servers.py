"""What living servers answer, as they were seen to, and what a video makes of it: it gets its own
clip or the true reason, is paid for once, and holds up no other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from shared.domain.ledger import Amounts
from shared.domain.video import Status
from shared.lifecycle import line
from shared.lifecycle.requests.models import get_model
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video, follow_job, submit_job, take_turn
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.fake_upstream import DroppedError, FakeUpstream, serving
from tests.support.movies import movie

PRICE = 4 * 50_000


@pytest.fixture(scope="module")
def file() -> bytes:
    return movie(frames=48)


@pytest.fixture
def upstream(file: bytes) -> Iterator[FakeUpstream]:
    with serving(file) as running:
        yield running


Start = Callable[..., Callable[[], Job]]


@pytest.fixture
def start(
    services_with: Callable[..., Services], simulator: Simulator, upstream: FakeUpstream
) -> Start:
    """Services with the fake as their only upstream, and what orders a video there."""

    def make(**changes: Any) -> Callable[[], Job]:
        entry = {
            "name": "own",
            "endpoint": upstream.url,
            "path_prefix": "/v1",
            "deployment": "wan",
            "model": "wan",
            "auth": {"type": "none"},
            "prices": {"version": "v", "usd_per_second": "0.05"},
            "capabilities": {"sizes": ["1280x720"], "seconds": [4, 12], "images": 1},
            **changes,
        }
        services = services_with(UPSTREAMS=json.dumps([entry]), JOB_DEADLINE_MINUTES="15")
        order = Order(services, simulator)
        return lambda: order("wan", width=1280, height=720)

    return make


def lost(upstream: FakeUpstream) -> None:
    """The answer to the first create is lost, after the job was made."""

    def creating(job: dict[str, Any]) -> Any:
        if len(upstream.sent) == 1:
            raise DroppedError
        return 200, job

    upstream.creating = creating


def renders_once(job: Job, upstream: FakeUpstream) -> None:
    """The video completes, by one create."""
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(upstream.sent) == 1


def code_of(job: Job) -> str | None:
    return None if job.video.error is None else job.video.error.code


CUDA = "CUDA out of memory"
FAILED: dict[str, Any] = {
    "vLLM-Omni": lambda job: (
        500,
        {**job, "status": "failed", "error": {"code": 500, "message": CUDA}},
    ),
    "vLLM-Omni refusing": lambda job: (
        422,
        {**job, "status": "failed", "error": {"code": 422, "message": CUDA}},
    ),
    "LiteLLM in front of it": lambda job: (
        500,
        {
            "error": {
                "message": "litellm.InternalServerError: InternalServerError: Hosted_vllmException"
                f" - {json.dumps({**job, 'status': 'failed', 'error': {'message': CUDA}})}"
                "\n\nLiteLLM: model group 'wan' failed with the error above.",
                "type": "internal_server_error",
                "param": None,
                "code": "500",
            }
        },
    ),
    "TensorRT-LLM": lambda job: (200, {**job, "status": "failed", "error": CUDA}),
    "SGLang": lambda job: (200, {**job, "status": "failed", "error": {"message": CUDA}}),
    "a list": lambda job: (200, {**job, "status": "failed", "error": [{"msg": CUDA}]}),
    "detail": lambda job: (200, {**job, "status": "failed", "detail": CUDA}),
    "another word": lambda job: (200, {**job, "status": "FAILURE", "fail_reason": CUDA}),
    "404 with the job": lambda job: (404, {**job, "status": "failed", "error": {"message": CUDA}}),
}


@pytest.mark.parametrize("wire", FAILED)
def test_a_failed_job_is_over_at_once_with_its_reason_and_its_money(
    start: Start, upstream: FakeUpstream, wire: str
) -> None:
    upstream.polling = FAILED[wire]
    job = start()()
    job.drive()
    assert job.video.error is not None
    assert (code_of(job), job.video.error.message) == ("upstream_failed", CUDA)
    assert job.video.error.charged is False
    assert job.booked == Amounts()
    assert len(upstream.jobs) == 1


def test_an_error_that_names_the_job_but_not_its_end_ends_nothing(
    start: Start, upstream: FakeUpstream
) -> None:
    looks: list[str] = []

    def polling(job: dict[str, Any]) -> Any:
        looks.append(job["id"])
        if len(looks) < 3:
            return 503, {"video_id": job["id"], "status": "error", "message": "backend unreachable"}
        return 200, {**job, "status": "completed"}

    upstream.polling = polling
    job = start()()
    job.drive()
    assert job.video.status is Status.COMPLETED


BLOCKED = "The request was blocked by our content filter."
MODERATED: dict[str, Any] = {
    "a code": lambda job: (
        200,
        {**job, "status": "failed", "error": {"code": "content_filter", "message": BLOCKED}},
    ),
    "only a sentence": lambda job: (200, {**job, "status": "failed", "error": BLOCKED}),
    "LiteLLM to Veo": lambda job: (
        500,
        {
            "error": {
                "message": "litellm.APIConnectionError: 1 validation error for "
                "GeminiLongRunningOperationResponse\nresponse.generateVideoResponse."
                "generatedSamples\n  Field required [type=missing, "
                "input_value={'raiMediaFilteredCount': 1}, input_type=dict]",
                "type": "internal_server_error",
                "code": "500",
            }
        },
    ),
    "a word": lambda job: (200, {**job, "status": "Content Moderated"}),
}


@pytest.mark.parametrize("wire", MODERATED)
def test_a_video_that_was_filtered_says_so_however_it_is_told(
    start: Start, upstream: FakeUpstream, wire: str
) -> None:
    upstream.polling = MODERATED[wire]
    job = start()()
    job.drive()
    assert code_of(job) == "moderation_blocked"
    assert job.booked == Amounts()


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": None, "progress": None, "seconds": None, "size": None},  # LiteLLM to Veo
        {"created_at": 0, "status": "processing"},  # LiteLLM to Runway
        {"created_at": "2026-11-29T12:00:00Z", "seconds": 4, "progress": "10%"},
        {"error": "", "model": None, "expires_at": "never"},
        {"status": None},
    ],
)
def test_an_answer_with_an_id_is_a_job(
    start: Start, upstream: FakeUpstream, changes: dict[str, Any]
) -> None:
    upstream.creating = lambda job: (202, {**job, **changes})
    renders_once(start()(), upstream)


FOREIGN: list[Any] = [
    {"id": "vid_other", "status": "failed", "error": "out of memory", "prompt": "another"},
    {"id": "vid_int", "status": "failed", "error": {"code": 500}, "prompt": "another"},
    {"id": 7, "created_at": {}, "seconds": [], "prompt": "another", "status": None},
    "nonsense",
    None,
    {},
]


@pytest.mark.parametrize("shown", [{}, {"prompt": None}, {"seconds": None}, {"created_at": None}])
def test_a_lost_answer_is_found_beside_rows_that_cannot_be_read(
    start: Start, upstream: FakeUpstream, shown: dict[str, Any]
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (
        200,
        {"data": [*FOREIGN, *({**job, **shown} for job in jobs)]},
    )
    job = start()()
    renders_once(job, upstream)
    assert job.booked.settled == PRICE


@pytest.mark.parametrize(
    "shown",
    [
        {"seconds": None, "duration": 4.04, "progress": None, "prompt": None},  # TensorRT-LLM
        {"seconds": "5", "prompt": None},  # SGLang: the frames really made
        {"size": "1280x704", "prompt": None},
        {"size": None, "model": None, "prompt": None, "seconds": None},
    ],
)
def test_what_a_list_does_not_show_or_rounds_excludes_nobody(
    start: Start, upstream: FakeUpstream, shown: dict[str, Any]
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (200, {"data": [{**job, **shown} for job in jobs]})
    renders_once(start()(), upstream)


@pytest.mark.parametrize(
    "shown",
    [
        {"seconds": "12", "prompt": None},
        {"size": "720x1280", "prompt": None},  # Bifrost, for a size that it does not know
    ],
)
def test_a_job_that_shows_something_else_is_not_taken_and_prevents_a_second_one(
    start: Start, upstream: FakeUpstream, shown: dict[str, Any]
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (200, {"data": [{**job, **shown} for job in jobs]})
    job = start()()
    until_ended(job)
    assert code_of(job) == "submit_unknown"
    assert len(upstream.sent) == 1
    assert job.booked.unknown == PRICE


def test_two_jobs_that_may_be_ours_are_both_left_alone(
    start: Start, upstream: FakeUpstream
) -> None:
    def creating(_: dict[str, Any]) -> Any:
        upstream.make()  # somebody else's, at the same moment
        raise DroppedError

    upstream.creating = creating
    upstream.listing = lambda jobs: (200, {"data": [{**job, "prompt": None} for job in jobs]})
    job = start()()
    until_ended(job)
    assert code_of(job) == "submit_unknown"
    assert len(upstream.sent) == 1


def test_of_two_jobs_the_one_that_shows_our_prompt_is_ours(
    start: Start, upstream: FakeUpstream
) -> None:
    def creating(_: dict[str, Any]) -> Any:
        upstream.make(prompt=None)  # somebody else's, at the same moment
        raise DroppedError

    upstream.creating = creating
    job = start()()
    job.drive()
    assert job.video.status is Status.COMPLETED
    (ours,) = (each["id"] for each in upstream.jobs.values() if each["prompt"])
    looks = upstream.looks("/videos/vid_")
    assert looks
    assert all(ours in look for look in looks)


def until_ended(job: Job) -> None:
    """Drive a video until its caller sees its end; the work on it may go on."""
    services = job.services
    for number in range(400):
        outcome = take_turn.take_turn(services, job.id, 1, f"h{number}").result["outcome"]
        if outcome in ("granted", "submitted"):
            outcome = submit_job.submit_job(services, job.id, 1).result["outcome"]
        if outcome == "decided":
            finish_video.finish_video(services, job.id, 1)
        if job.video.terminal:
            return
        time.sleep(0.02)
    raise AssertionError(f"not ended: {job.work}")


@pytest.mark.parametrize(
    "listing",
    [
        lambda jobs: (200, {"code": "unauthorized", "message": "no", "data": None}),
        lambda jobs: (200, {"data": [], "next_cursor": "abc"}),
        lambda jobs: (200, {"data": [job["id"] for job in jobs]}),
        lambda jobs: (200, {"data": [{**job, "id": None} for job in jobs]}),
    ],
)
def test_a_list_that_shows_less_than_there_is_lets_nothing_be_made_twice(
    start: Start, upstream: FakeUpstream, listing: Any
) -> None:
    lost(upstream)
    upstream.listing = listing
    job = start()()
    services = job.services
    take_turn.take_turn(services, job.id, 1, "h")
    for _ in range(100):
        submit_job.submit_job(services, job.id, 1)
        if job.work and job.work.intent and job.work.intent.unlisted_since:
            settled_at = job.work.intent.unlisted_since + services.settings.durations.of(150)
            if time.time() > settled_at:
                break
        time.sleep(0.03)
    submit_job.submit_job(services, job.id, 1)
    assert len(upstream.sent) == 1
    assert job.work is not None
    assert job.work.job is None


@pytest.mark.parametrize(
    "shown",
    [
        lambda job: {"video": job},
        lambda job: {"videoId": job["id"], "createdAt": job["created_at"]},
        lambda job: {**job, "created_at": job["created_at"] * 10**6},
        lambda job: {**job, "created_at": "2026-01-01T02:00:00"},  # of which zone?
        lambda job: {**job, "created_at": 1234.5},  # since the server's start
        lambda job: {**job, "id": None, "task_id": job["id"], "status": {"state": "queued"}},
    ],
)
def test_a_row_in_another_form_is_still_ours(
    start: Start, upstream: FakeUpstream, shown: Any
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (200, {"data": [shown(job) for job in jobs]})
    renders_once(start()(), upstream)


@pytest.mark.parametrize("new", ["v/" + "x" * 3000, "video:abc", "a b?c#d%", "7"])
def test_an_id_may_be_any_text(start: Start, upstream: FakeUpstream, new: str) -> None:
    upstream.creating = lambda job: (200, {**job, "id": new})
    upstream.polling = lambda job: (200, {**job, "id": new, "status": "completed"})
    upstream.jobs[quote(new, safe="")] = {"id": new}
    renders_once(start()(), upstream)


@pytest.mark.parametrize("status", [424, 425, 499, 500])
def test_a_gateway_that_gave_up_on_a_create_may_have_made_it(
    start: Start, upstream: FakeUpstream, status: int
) -> None:
    upstream.creating = lambda job: (status, {"error": {"message": "gave up"}})
    renders_once(start()(), upstream)


def test_a_job_ends_however_much_its_server_says_of_it(
    start: Start, upstream: FakeUpstream
) -> None:
    """A whole log is longer than what a row takes."""
    upstream.polling = lambda job: (
        200,
        {**job, "status": "failed", "error": "CUDA \ud83d\x00" + "x" * 300_000},
    )
    job = start()()
    job.drive()
    assert job.video.error is not None
    assert code_of(job) == "upstream_failed"
    assert job.video.error.message.startswith("CUDA xxx")
    assert job.booked == Amounts()


@pytest.mark.parametrize(
    "answer",
    [
        lambda job: {"status": "success", "data": job},
        lambda job: {"code": 200, "data": [{"task_id": job["id"], "status": "submitted"}]},
        lambda job: {"request_id": "r", "output": {"taskId": job["id"], "taskStatus": "PENDING"}},
    ],
)
def test_a_job_in_an_envelope_is_followed_to_its_own_end(
    start: Start, upstream: FakeUpstream, answer: Any
) -> None:
    polls: list[str] = []

    def polling(job: dict[str, Any]) -> Any:
        polls.append(job["id"])
        status = "completed" if len(polls) > 2 else "in_progress"
        return 200, {"status": "success", "data": {**job, "status": status}}

    upstream.creating = lambda job: (200, answer(job))
    upstream.polling = polling
    upstream.listing = lambda jobs: (200, {"data": []})  # a second one would be made
    job = start()()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert (len(upstream.sent), len(polls)) == (1, 3)


@pytest.mark.parametrize("answer", [(404, {"detail": "Not Found"}), (405, {}), (400, {"e": 1})])
def test_a_list_that_is_none_ends_the_video_unknown_and_no_other(
    start: Start, upstream: FakeUpstream, answer: Any
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: answer
    order = start()
    first = order()
    until_ended(first)
    assert code_of(first) == "submit_unknown"
    second = order()
    second.drive()
    assert second.video.status is Status.COMPLETED
    assert len(upstream.sent) == 2


def test_a_list_that_cannot_be_read_does_not_hold_up_the_others(
    start: Start, upstream: FakeUpstream
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (500, {"error": "database is locked"})
    order = start()
    first, second = order(), order()
    services = first.services
    assert take_turn.take_turn(services, first.id, 1, "h").result["outcome"] == "granted"
    for _ in range(200):
        submit_job.submit_job(services, first.id, 1)
        if not _submitting(services):
            break
        time.sleep(0.02)
    second.drive()
    assert second.video.status is Status.COMPLETED
    # the list is back: the first one finds its own job, not the second's
    upstream.listing = lambda jobs: (200, {"data": [{**job, "prompt": None} for job in jobs]})
    first.drive()
    assert first.video.status is Status.COMPLETED
    assert len(upstream.sent) == len(upstream.jobs) == 2


@pytest.mark.parametrize("ahead", [-3600.0, -600.0, 600.0])
@pytest.mark.parametrize(
    ("profile", "ends"),
    [("vllm-omni", None), ("sglang", "submit_unknown")],
    ids=["prompts", "none"],
)
def test_a_server_whose_clock_is_wrong_renders_once(
    start: Start, upstream: FakeUpstream, profile: str, ends: str | None, ahead: float
) -> None:
    """A machine with GPUs and no time server: its jobs look as if they were made before they were
    asked for. The `Date` of its answers says so. Where its list shows no prompt, that is too little
    to adopt a job that looks too old, and enough not to send another one."""
    upstream.ahead = ahead
    lost(upstream)
    if profile == "sglang":
        upstream.listing = lambda jobs: (200, {"data": [each | {"prompt": None} for each in jobs]})
    job = start(profile=profile)()
    if ends and ahead < 0:
        until_ended(job)
    else:
        job.drive()
    assert code_of(job) == (ends if ahead < 0 else None)
    assert len(upstream.sent) == 1


def _submitting(services: Services) -> list[str]:
    return list(line.deployments(services)[0].state.submitting)


def test_a_list_that_may_be_of_another_server_proves_nothing_whatever_it_shows(
    start: Start, upstream: FakeUpstream
) -> None:
    """LiteLLM asks its provider's public address for the list, whatever the deployment's is; and a
    group of its models may be rendered by several servers."""
    known: list[dict[str, Any]] = []
    upstream.creating = lambda job: (200, job)
    upstream.listing = lambda jobs: (200, {"data": known})
    order = start(profile="litellm")
    assert order().drive() is not None
    known_job = next(iter(upstream.jobs.values()))

    upstream.creating = upstream.unmade
    stranger = order()
    until_ended(stranger)
    assert code_of(stranger) == "submit_unknown"
    known.append(known_job)  # one of the group's servers has the list, another one may have ours
    posts = len(upstream.sent)
    shown = order()
    until_ended(shown)
    assert (code_of(shown), len(upstream.sent) - posts) == ("submit_unknown", 1)


def test_a_list_that_surely_shows_all_of_a_gateways_jobs_proves_that_there_is_none(
    start: Start, upstream: FakeUpstream
) -> None:
    upstream.creating = upstream.unmade
    job = start(profile="litellm", wire={"list_is_own": True})()
    until_ended(job)
    assert (code_of(job), len(upstream.sent)) == ("upstream_failed", 2)


@pytest.mark.parametrize("profile", ["vllm-omni", "sglang"])
def test_a_server_that_forgets_no_job_is_asked_for_the_newest(
    start: Start, upstream: FakeUpstream, profile: str
) -> None:
    """After some thousand renders all of them are more than the app reads at once."""
    lost(upstream)

    def listing(jobs: list[dict[str, Any]]) -> Any:
        if "limit=100&order=desc" in upstream.requests[-1]:
            return 200, {"object": "list", "data": jobs, "has_more": True}
        return 200, {"object": "list", "data": [*jobs, {**jobs[0], "prompt": "x" * 9_000_000}]}

    upstream.listing = listing
    job = start(profile=profile)()
    take_turn.take_turn(job.services, job.id, 1, "h")
    outcomes = [submit_job.submit_job(job.services, job.id, 1).result["outcome"] for _ in range(5)]
    assert "submitted" in outcomes
    assert len(upstream.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"detail": "Video not found"}),
        (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None}),  # new-api
        (500, {"error": {"message": "litellm.X: {'error': \"Video with id 'v' not found\"}"}}),
    ],
)
def test_a_server_that_has_forgotten_its_jobs_says_so_in_its_own_words(
    start: Start, upstream: FakeUpstream, answer: Any
) -> None:
    upstream.polling = lambda job: answer
    job = start()()
    job.drive()
    assert code_of(job) == "lost"
    assert len(upstream.sent) == 1


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (400, {"code": "invalid-argument", "error": "An upload address is needed."},
         "An upload address is needed."),
        (400, {"detail": "Prompt is too long."}, "Prompt is too long."),
        (422, {"detail": [{"loc": ["body", "seconds"], "msg": "must be 5"}]}, "seconds: must be 5"),
        (400, b"Bad prompt", "Bad prompt"),
    ],
)  # fmt: skip
def test_a_refusal_reaches_its_reader(
    start: Start, upstream: FakeUpstream, status: int, body: Any, sentence: str
) -> None:
    plain = isinstance(body, bytes)
    upstream.creating = lambda job: (status, body, "text/plain") if plain else (status, body)
    job = start()()
    job.drive()
    assert job.video.error is not None
    assert (code_of(job), job.video.error.message) == ("refused", sentence)


@pytest.mark.parametrize(
    "answer",
    [
        (422, {"error": {"message": "Budget has been exceeded! Current cost: 1",
                         "type": "budget_exceeded", "param": None, "code": "422"}}),
        (400, {"error": {"message": "No connected db.", "type": "no_db_connection",
                         "param": None, "code": "400"}}),
        (400, {"code": "model_price_error", "message": "no price is set for wan", "data": None}),
        (503, {"error": {"message": "No available channel for model wan under group default "
                         "(distributor)", "type": "new_api_error", "code": "model_not_found"}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("profile", ["openai", "new-api"])
def test_a_gateway_that_refuses_our_key_or_bill_or_has_no_server_refuses_no_video(
    start: Start, upstream: FakeUpstream, profile: str, answer: Any
) -> None:
    def creating(job: dict[str, Any]) -> Any:
        if len(upstream.sent) >= 3:
            return 200, job
        del upstream.jobs[job["id"]]
        return answer

    upstream.creating = creating
    job = start(profile=profile)()
    job.drive()
    assert job.video.status is Status.COMPLETED


def test_what_a_gateway_passes_on_may_have_been_made_whatever_its_code(
    start: Start, upstream: FakeUpstream
) -> None:
    """new-api in front of another new-api, after a channel of its own may have made the job."""
    inner = {"error": {"type": "new_api_error", "code": "model_not_found", "message": "none"}}
    upstream.creating = lambda job: (
        503,
        {"code": "fail_to_fetch_task", "message": json.dumps(inner), "data": None},
    )
    job = start(profile="new-api")()
    until_ended(job)
    assert (code_of(job), len(upstream.sent)) == ("submit_unknown", 1)


def test_where_a_variant_is_ignored_the_mp4_is_read_once(
    start: Start, upstream: FakeUpstream
) -> None:
    served: list[str] = []

    def content(file: bytes, variant: str) -> Any:
        served.append(variant)
        return 200, file, "video/mp4"

    upstream.content = content
    job = start(profile="vllm-omni")()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert served == [""]


@pytest.mark.parametrize("status", [404, 400, 422])
def test_where_a_variant_is_refused_the_mp4_is_fetched_without_it(
    start: Start, upstream: FakeUpstream, status: int
) -> None:
    """SGLang takes `variant` for the number of an output."""
    upstream.content = lambda file, variant: (
        (status, {"detail": "no such variant"}) if variant else (200, file, "video/mp4")
    )
    job = start()()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert job.booked.settled == PRICE


def test_what_the_upstream_said_last_is_told_when_the_time_is_up(
    start: Start, upstream: FakeUpstream
) -> None:
    upstream.polling = lambda job: (500, {"error": {"message": "the engine is stuck"}})
    job = start()()
    services = job.services
    take_turn.take_turn(services, job.id, 1, "h")
    submit_job.submit_job(services, job.id, 1)
    while follow_job.follow_job(services, job.id, 1).result["outcome"] != "decided":
        time.sleep(0.05)
    finish_video.finish_video(services, job.id, 1)
    assert job.video.error is not None
    assert code_of(job) == "timed_out"
    assert "The upstream last said: the engine is stuck" in job.video.error.message


def test_forms_where_only_forms_are_read(start: Start, upstream: FakeUpstream) -> None:
    job = start(profile="vllm-omni")()
    job.drive()
    ((kind, body),) = upstream.sent
    assert kind.startswith("multipart/form-data")
    assert b'name="prompt"\r\n\r\na fox\r\n' in body
    assert b'name="seconds"\r\n\r\n4\r\n' in body


def test_openrouter_is_asked_in_its_own_words(start: Start, upstream: FakeUpstream) -> None:
    upstream.creating = lambda job: (202, {"id": job["id"], "status": "pending"})
    upstream.polling = lambda job: (
        200,
        {"id": job["id"], "status": "completed", "usage": {"cost": 0.25, "is_byok": False}},
    )
    job = start(profile="openrouter", path_prefix="/v1")()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert job.booked.settled == 250_000  # what it says, not what its price row says
    assert json.loads(upstream.sent[0][1]) == {
        "model": "wan",
        "prompt": "a fox",
        "duration": 4,
        "resolution": "720p",
        "aspect_ratio": "16:9",
    }


@pytest.mark.parametrize("fee", [0, 0.0125])
def test_the_fee_for_a_key_of_ones_own_is_not_what_a_video_costs(
    start: Start, upstream: FakeUpstream, fee: float
) -> None:
    """OpenRouter's `usage.cost` is then without what the provider bills for the render."""
    usage = {"cost": fee, "is_byok": True}
    upstream.polling = lambda job: (200, {"id": job["id"], "status": "completed", "usage": usage})
    job = start(profile="openrouter", path_prefix="/v1")()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert (job.booked.settled, job.video.cost.basis) == (PRICE, "delivered_seconds")


def test_a_gpu_is_paid_for_the_seconds_that_the_job_says(
    start: Start, upstream: FakeUpstream
) -> None:
    upstream.polling = lambda job: (200, {**job, "status": "completed", "inference_time_s": 12.5})
    prices = {"version": "v", "usd_per_gpu_second": "0.002", "gpus": 4, "expected_seconds": 60}
    job = start(profile="vllm-omni", prices=prices)()
    job.drive()
    assert job.booked.settled == 100_000


def test_what_a_server_lacks_is_shown_where_its_model_is_offered(start: Start) -> None:
    services = start(profile="new-api")().services
    (deployment,) = get_model(services, "wan").deployments
    assert deployment.lacks == ["list", "delete", "stop", "pictures"]


@pytest.mark.parametrize(("profile", "asked"), [("vllm-omni", 1), ("new-api", 0)])
def test_a_server_without_delete_is_not_asked_to(
    start: Start, upstream: FakeUpstream, profile: str, asked: int
) -> None:
    job = start(profile=profile)()
    job.drive()
    delete_video(job.services, job.video)
    assert len([sent for sent in upstream.requests if sent.startswith("DELETE ")]) == asked


@pytest.mark.parametrize(("lists", "waits"), [(True, True), (False, False)])
def test_only_where_there_is_a_list_the_next_submit_waits_to_be_told_apart_in_it(
    start: Start, upstream: FakeUpstream, lists: bool, waits: bool
) -> None:
    lost(upstream)
    upstream.listing = lambda jobs: (404, {"detail": "Not Found"})
    job = start(wire={"can_list": lists})()
    until_ended(job)
    (stored,) = line.deployments(job.services)
    assert bool(stored.state.unanswered) == waits
