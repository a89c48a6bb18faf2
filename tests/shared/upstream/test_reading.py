"""Answers of living servers are read in whatever form they come. The bodies are theirs."""

from base64 import b64encode
from typing import Any

import pytest

from shared.domain.job import JobState, identity
from shared.upstream import reading


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1760627796, 1760627796.0),
        (1760627796.5, 1760627796.5),
        ("1760627796", 1760627796.0),
        (1760627796000, 1760627796.0),
        ("2025-10-16T15:16:36Z", 1760627796.0),
        ("2025-10-16T17:16:36+02:00", 1760627796.0),
        ("2025-10-16 15:16:36", 1760627796.0),
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
        *((word, JobState.STRANGE) for word in ("archived", "", "?")),
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
        ("only text", "only text", None),
        ({}, "", None),
        (None, "", None),
    ],
)  # fmt: skip
def test_an_error_says_its_sentence_and_its_codes(
    body: Any, message: str, code: str | None
) -> None:
    said = reading.said(body)
    assert said.message == message
    assert code is None or code in said.codes


def test_an_error_that_contains_itself_or_much_else_is_read_in_bounded_time() -> None:
    deep: Any = "end"
    for _ in range(500):
        deep = {"error": deep}
    assert reading.said(deep).message == ""
    assert reading.said("[" * 100_000).message == "[" * 100_000
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
    assert identity("vid-7:openai") == identity("vid-7") == "vid-7"
    for plain in ("video_6b0c", "task_01jv", "0f8e-11", "video_gen_ab", "video_", "video_é",
                  "job:abc", "urn:uuid:ffff"):  # fmt: skip
        assert identity(plain) == plain
