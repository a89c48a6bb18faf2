"""What an answer does not prove: that a list is whole, that a job is gone, or that it was filtered.
Each mistake here costs a second render, or a video that is ready."""

from typing import Any

import httpx
import pytest

from shared.upstream.protocol import JobGone, UpstreamError
from tests.shared.upstream.test_classification import VIDEO, _key, answering, sora2

__all__ = ["_key"]


@pytest.mark.parametrize(
    "body",
    [
        {"data": [VIDEO, {"uuid": "another name for the id"}]},
        {"data": ["vid_1", "vid_2"]},
        {"data": [], "has_more": True},
    ],
)
def test_a_list_with_rows_that_nobody_can_read_is_not_whole(body: Any) -> None:
    assert not sora2(answering(200, body)).find(0, trace="t").whole


def test_a_list_with_nothing_in_a_row_is_whole() -> None:
    assert sora2(answering(200, {"data": [None, {}, VIDEO]})).find(0, trace="t").whole


def test_a_list_that_refuses_its_second_page_still_has_a_first() -> None:
    def pages(request: httpx.Request) -> httpx.Response:
        if "after" in request.url.params:
            return httpx.Response(400, json={"error": "unknown query"})
        return httpx.Response(200, json={"data": [VIDEO], "has_more": True})

    listing = sora2(pages).find(0, trace="t")
    assert [job.job_id for job in listing.jobs] == ["video_1"]
    assert not listing.whole


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "Access was blocked by your organization's content filter"),
        (401, "rejected by the content policy of the proxy"),
        (429, "requests were blocked by our safety system"),
        (503, "blocked for maintenance of the content filter"),
    ],
)
def test_what_stands_between_us_and_the_upstream_does_not_end_a_job(status: int, text: str) -> None:
    with pytest.raises(UpstreamError):
        sora2(lambda request: httpx.Response(status, text=text)).status("video_1", trace="t")


NOWHERE = [
    "<html><h1>404 Not Found</h1>nginx</html>",
    "404 page not found\n",  # Traefik
    '{"statusCode": 404, "message": "Resource not found"}',  # API Management
    '{"message": "Not Found"}',  # AWS API Gateway
    '{"message": "no Route matched with those values"}',  # Kong
    '{"error_msg": "404 Route Not Found"}',  # APISIX
    '{"detail": "Not Found"}',  # Starlette, without such a path
    '{"message": "Cannot GET /v1/videos/1", "error": "Not Found", "statusCode": 404}',  # NestJS
    # Fastify
    '{"message": "Route GET:/v1/videos/1 not found", "error": "Not Found", "statusCode": 404}',
    # Spring
    '{"timestamp": "2026-11-28", "status": 404, "error": "Not Found", "path": "/v1/videos/1"}',
    # OpenAI and new-api
    '{"error": {"message": "Invalid URL (GET /v1/videos/1)", "type": "invalid_request_error"}}',
]
"""What is said where there is no server, or one without such a path."""

GONE = [
    "",
    "Video not found",
    '{"detail": "Video not found"}',
    '{"error": {"code": "NotFound", "message": "Video generation job 1 not found."}}',
    '{"error": {"code": "404", "message": "Resource not found"}}',  # Azure OpenAI, of anything
    '{"error": {"message": "No such output"}}',
    '{"message": "Task not found"}',
]


def looked(body: str) -> Any:
    """What a look at a job raises when this is the body of a 404."""
    kind = "application/json" if body.startswith("{") else "text/html"
    answer = httpx.Response(404, content=body, headers={"content-type": kind})
    with pytest.raises(UpstreamError) as raised:
        sora2(lambda request: answer).status("video_1", trace="t")
    return raised.value


@pytest.mark.parametrize("body", NOWHERE)
def test_who_does_not_know_the_path_has_not_lost_the_job(body: str) -> None:
    assert not isinstance(looked(body), JobGone)


@pytest.mark.parametrize("body", GONE)
def test_a_404_of_the_server_is_about_the_job(body: str) -> None:
    assert isinstance(looked(body), JobGone)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "Video generation model sora-2 not found"),
        (500, "video provider config not found for provider: wan"),
        (500, "Video file not found in the cache"),
        (500, "Task queue does not exist"),
        (422, "generation backend not found"),
        (500, "The model for this video was not found"),
    ],
)
def test_something_else_that_is_missing_is_not_the_job(status: int, text: str) -> None:
    with pytest.raises(UpstreamError) as raised:
        sora2(answering(status, {"error": {"message": text}})).status("video_1", trace="t")
    assert not isinstance(raised.value, JobGone)
