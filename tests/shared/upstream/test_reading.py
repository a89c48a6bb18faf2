"""Answers of living servers are read in whatever form they come. The bodies are theirs."""

from base64 import b64encode
from typing import Any

import pytest

from shared.domain.job import JobState, identity
from shared.upstream import reading, sentences
from shared.upstream.sora2 import _summary


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1760627796, 1760627796.0),
        (1760627796.5, 1760627796.5),
        ("1760627796", 1760627796.0),
        (1760627796000, 1760627796.0),
        ("2025-10-16T15:16:36Z", 1760627796.0),
        ("2025-10-16T17:16:36+02:00", 1760627796.0),
        ("2025-10-16T15:16:36.987654321Z", 1760627796.987654),
        ("Thu, 16 Oct 2025 15:16:36 GMT", 1760627796.0),  # Flask
        (1760627796000000, 1760627796.0),
        (1760627796000000000, 1760627796.0),
        ("2025-10-16 15:16:36", None),  # of which zone?
        (1234.5, None),  # seconds since the server's start
        (1e40, None),
        (0, None),
        (-5, None),
        (None, None),
        ("soon", None),
        ("", None),
        (True, None),
        ({}, None),
        (float("nan"), None),
        (10**400, None),
        ("9" * 400, None),
    ],
)
def test_moments(value: Any, seconds: float | None) -> None:
    assert reading.moment(value) == seconds


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *((word, JobState.RUNNING) for word in ("queued", "in_progress", "generating", "pending")),
        *((word, JobState.RUNNING) for word in ("postprocessing", "InProgress", "IN_QUEUE")),
        *((word, JobState.RUNNING) for word in ("NOT_START", "TASK_STATUS_QUEUED", "submitted")),
        *((word, JobState.SUCCEEDED) for word in ("completed", "SUCCESS", "succeed", "Succeeded")),
        *((word, JobState.SUCCEEDED) for word in ("TASK_STATUS_SUCCEED", "finished", "Ready")),
        *((word, JobState.FAILED) for word in ("failed", "FAILURE", "error", "expired", "Timeout")),
        *((word, JobState.FAILED) for word in ("Content Moderated", "Request Moderated")),
        *((word, JobState.CANCELLED) for word in ("cancelled", "canceled", "aborted")),
        *((word, JobState.RUNNING) for word in ("executing", "warming_up", "retrying", "new")),
        *((word, JobState.FAILED) for word in ("nsfw", "content_filtered", "crashed")),
        *((word, JobState.CANCELLED) for word in ("stopped", "killed", "interrupted")),
        *((word, JobState.STRANGE) for word in ("archived", "", "?", "2", "paused", "cancelling")),
    ],
)
def test_words_for_one_state_are_one_list_for_all(word: str, state: JobState) -> None:
    assert reading.state(word) is state


def test_an_upstream_may_have_words_of_its_own() -> None:
    assert reading.state("Baked", {"baked": "succeeded"}) is JobState.SUCCEEDED
    assert reading.state("Baked", {"Baked": "failed"}) is JobState.FAILED


LITELLM = (
    "litellm.BadRequestError: OpenAIException - "
    '{"error": {"code": "content_filter", "message": "Your request was blocked."}}\n\n'
    "LiteLLM: model group 'sora-2' failed with the error above. No fallback was attempted."
)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no", "type": "t", "code": "c"}}, "no", "c"),
        ({"error": "GPU worker ran out of memory"}, "GPU worker ran out of memory", None),
        ({"code": "invalid-argument", "error": "An address is needed."}, "An address is needed.",
         "invalid-argument"),
        ({"detail": "Prompt is too long."}, "Prompt is too long.", None),
        ({"detail": [{"loc": ["body", "seconds"], "msg": "must be 5", "type": "value_error"}]},
         "seconds: must be 5", "value_error"),
        ({"code": "task_not_exist", "message": "task_not_exist", "data": None}, "task_not_exist",
         "task_not_exist"),
        ({"is_bifrost_error": True, "error": {"message": "no key"}, "extra_fields": {"n": 1}},
         "no key", None),
        ({"error": {"message": LITELLM, "type": "invalid_request_error", "code": "400"}},
         "Your request was blocked.", "content_filter"),
        ({"error": ["one", {"message": "two"}]}, "one; two", None),
        ({"error": 507}, "507", None),
        ({"error": {"error": {"message": "deep"}}}, "deep", None),
        ({"error": {"code": 500, "message": "CUDA out of memory"}}, "CUDA out of memory", "500"),
        ({"message": "m", "inner_error": {"code": "ResponsibleAIPolicyViolation"}}, "m",
         "responsibleaipolicyviolation"),
        ({"error": None, "message": "outer"}, "outer", None),
        # what is only a number, a code or the phrase of the status hides no sentence
        ({"error": 0, "message": "CUDA out of memory"}, "CUDA out of memory", None),
        ({"error": True, "message": "CUDA out of memory"}, "CUDA out of memory", None),
        ({"statusCode": 400, "error": "Bad Request", "message": ["seconds must be 5"]},  # NestJS
         "seconds must be 5", None),
        ({"error": "invalid_request", "error_description": "Seconds must be 5"},
         "Seconds must be 5", "invalid_request"),
        ({"title": "One or more validation errors occurred.", "status": 400,  # ASP.NET
          "errors": {"seconds": ["Must be 5."]}}, "seconds: Must be 5.", None),
        ({"error": {"message": {"text": "GPU died in step 3"}}}, "GPU died in step 3", None),
        ({"Message": "The user is not allowed"}, "The user is not allowed", None),
        ({"errorMessage": "out of memory", "errorCode": "OOM"}, "out of memory", "oom"),
        ({"fault": {"faultstring": "the key is bad"}}, "the key is bad", None),
        ({"error": "half a \ud83d character\x00"}, "half a  character", None),
        ("only text", "only text", None),
        ({}, "", None),
        (None, "", None),
    ],
)  # fmt: skip
def test_an_error_says_its_sentence_and_its_codes(
    body: Any, message: str, code: str | None
) -> None:
    said = sentences.said(body)
    assert said.message == message
    assert code is None or code in said.codes


def test_an_error_that_contains_itself_or_much_else_is_read_in_bounded_time() -> None:
    deep: Any = "end"
    for _ in range(500):
        deep = {"error": deep}
    assert sentences.said(deep).message == ""
    assert sentences.said("[" * 100_000).message == "[" * 100_000
    assert list(reading.jobs_inside("{" * 100_000)) == []


def test_a_job_is_found_inside_an_error_and_inside_what_a_gateway_wraps() -> None:
    job = '{"id": "video_gen_1", "status": "failed", "error": {"code": 500, "message": "OOM"}}'
    body = {"error": {"message": f"litellm.InternalServerError: Hosted_vllm - {job}\n\nLiteLLM"}}
    assert [found["id"] for found in reading.jobs_inside(body)] == ["video_gen_1"]
    assert reading.job({"code": "success", "data": {"id": "task_1", "status": "NOT_START"}}) == {
        "id": "task_1",
        "status": "NOT_START",
    }
    # JSend: the status around it is of the answer
    assert reading.job({"status": "success", "data": {"id": "a", "status": "queued"}}) == {
        "id": "a",
        "status": "queued",
    }
    assert reading.job({"error": {"message": "no"}}) is None
    assert reading.job([]) is None


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"data": [{"id": "a"}, None, "b", {"id": "c"}]}, ["a", "c"]),
        ([{"id": "a"}], ["a"]),
        ({"videos": [{"id": "a"}]}, ["a"]),
        ({"data": None}, []),
        ({"data": None, "code": 0, "message": "success"}, []),
        ({"data": [], "code": 0, "message": "no jobs"}, []),
        ({"object": "list", "data": {"items": [{"id": "a"}]}}, ["a"]),
        ({"tasks": [{"id": "a"}]}, ["a"]),
        ({"data": {"a": {"status": "queued"}, "c": {"status": "failed"}}}, ["a", "c"]),
        ({"data": {}}, None),
        ({"data": False}, None),
        ({"error": {"message": "no"}}, None),
        # an error in a 200 is no empty list
        ({"data": None, "code": 500, "message": "database is locked"}, None),
        ({"data": [], "success": False}, None),
        ({"data": [], "error": {"message": "no"}}, None),
        ("no list", None),
        (None, None),
    ],
)
def test_the_rows_of_a_list_are_read_one_by_one(body: Any, ids: list[str] | None) -> None:
    rows = reading.rows(body)
    assert (None if rows is None else [row["id"] for row in rows]) == ids


def litellm_id(inner: str) -> str:
    return "video_" + b64encode(inner.encode()).decode()


def test_create_and_list_of_one_job_share_an_identity() -> None:
    """Ids of LiteLLM 1.108.7, as its proxy answers; and of Bifrost."""
    created = "litellm:custom_llm_provider:openai;model_id:sora-2;video_id:video_6b0c;"
    listed = "litellm:custom_llm_provider:openai;model_id:sora-2;video_id:video_6b0c"
    assert identity(litellm_id(created + "deployment_id:5d41")) == "video_6b0c"
    assert identity(litellm_id(listed)) == "video_6b0c"
    assert identity(litellm_id(listed).rstrip("=")) == "video_6b0c"
    assert identity(litellm_id(listed.replace("sora-2", "vidéo"))) == "video_6b0c"
    assert identity("vid-7:openai") == identity("vid-7") == "vid-7"
    for plain in ("video_6b0c", "task_01jv", "0f8e-11", "video_gen_ab", "video_", "video_é",
                  "job:abc", "urn:uuid:ffff", "run-7:a1f"):  # fmt: skip
        assert identity(plain) == plain


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"status": "success", "data": {"id": "v", "status": "in_progress"}}, "in_progress"),
        ({"code": 200, "data": [{"task_id": "v", "status": "submitted"}]}, "submitted"),
        ({"request_id": "r", "output": {"task_id": "v", "task_status": "PENDING"}}, "PENDING"),
        ({"taskId": "v", "taskStatus": "done"}, "done"),
        ({"ID": "v", "Status": "completed"}, "completed"),
        ({"id": "v", "status": {"state": "running"}}, "running"),
        ({"id": "v", "status": None, "state": 2}, "2"),
        ({"id": "req", "status": "ok", "data": {"id": "v", "status": "failed"}}, "failed"),
        ({"id": "inner", "task_id": "v", "status": "done"}, "done"),
        ({"status": "done", "video": {"url": "https://x"}}, "done"),
    ],
)
def test_the_job_that_was_asked_for_is_found_in_its_envelope(body: Any, word: str) -> None:
    row = reading.job(body, "v")
    assert row is not None
    assert reading.status_word(row) == word
    assert not reading.job_id(row) or reading.is_job(row, "v")


@pytest.mark.parametrize(
    "body",
    [{"status": "error", "message": "try again"}, {"status": "success"}, {"status": 404}, [], None],
)
def test_the_status_of_a_request_is_not_that_of_a_job(body: Any) -> None:
    assert reading.job(body, "v") is None


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"id": "v"}',
        '{"id": "v"}'.encode("utf-16"),
        b'{"id": "v", "prompt": "caf\xe9"}',  # Latin-1, or half a character at a cut
        b'{"id": "v", "prompt": "two\nlines"}',
        b'{"id": "v"}\n{"id": "w"}',
        b'{"id": "v", "progress": NaN, "seconds": 1e999}',
        b'{"id": "w", "id": "v"}',
    ],
)
def test_bytes_that_are_not_quite_json_hide_no_id(body: bytes) -> None:
    row = reading.created(reading.parsed(body))
    assert row is not None
    assert reading.job_id(row) == "v"


@pytest.mark.parametrize(
    ("shown", "size", "seconds"),
    [
        ({"size": "1280*720", "duration": "4s"}, (1280, 720), 4.0),
        ({"size": "1280X720", "seconds": "4"}, (1280, 720), 4.0),
        ({"size": {"width": 1280, "height": 720}, "durationSeconds": 4}, (1280, 720), 4.0),
        ({"width": 1280, "height": "720", "seconds": 1e300}, (1280, 720), 0.0),
        ({"resolution": "1280x720", "seconds": -4}, (1280, 720), 0.0),
        ({"resolution": "720p", "seconds": "four"}, (0, 0), 0.0),
    ],
)
def test_size_and_length_in_other_forms(
    shown: dict[str, Any], size: tuple[int, int], seconds: float
) -> None:
    row = reading.created({"id": "v", "createdAt": 1760627796, **shown})
    assert row is not None
    job = _summary(row)
    assert ((job.width, job.height), job.seconds) == (size, seconds)
    assert job.created_at == 1760627796


def test_the_id_of_an_envelope_is_not_that_of_its_job() -> None:
    job = {"id": "vid_1", "status": "queued"}
    assert reading.created({"id": "req_1", "status": "ok", "data": job}) == job
    assert reading.created({"id": "vid_1", "status": "success"}) is not None
