"""A caller's key never reaches the blob server, which is somebody else's host to a client."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from openai import OpenAI

from tests.support.watched import StorageRequest, Watched, blob_requests


@pytest.fixture(scope="module")
def content(_watched: Watched) -> tuple[str, bytes]:
    """The address of a finished video's file, and its bytes."""
    owner = _watched.client(_watched.owner)
    video = owner.wait(owner.create(prompt="a fox")["id"])
    url = video["outputs"][0]["url"]
    streamed = owner.http.get(url, params={"stream": "true"})
    assert streamed.status_code == 200
    return url, streamed.content


def logged(
    watched: Watched, wanted: Callable[[StorageRequest], bool], *, count: int
) -> list[StorageRequest]:
    """All requests that the blob server has noted, once `count` of them are the wanted ones."""
    until = time.monotonic() + 60
    while True:
        found = blob_requests(watched.stack.storage_log)
        if sum(map(wanted, found)) >= count:
            return found
        assert time.monotonic() < until, f"the blob server noted {len(found)} other requests"
        time.sleep(0.05)


def marked(name: str) -> Callable[[StorageRequest], bool]:
    return lambda request: request.headers.get("user-agent") == name


def test_a_client_with_api_key_is_never_sent_away_with_it(
    watched: Watched, content: tuple[str, bytes]
) -> None:
    url, whole = content
    headers = {"api-key": watched.owner, "user-agent": "key-in-api-key"}
    with httpx.Client(headers=headers, follow_redirects=True, trust_env=False) as careless:
        for extra in ({}, {"stream": "false"}, {"variant": "video", "index": "0"}):
            answer = careless.get(url, params=extra)
            assert (answer.status_code, answer.history) == (200, [])
            assert answer.content == whole
        part = careless.get(url, headers={"range": "bytes=0-99"})
        assert (part.status_code, part.history, part.content) == (206, [], whole[:100])
        head = careless.head(url)
        assert (head.status_code, head.history) == (200, [])
        thumbnail = careless.get(url, params={"variant": "thumbnail"})
        assert (thumbnail.status_code, thumbnail.history) == (200, [])
        both = careless.get(url, headers={"authorization": f"Bearer {watched.owner}"})
        assert (both.status_code, both.history) == (200, [])
    assert not any(map(marked("key-in-api-key"), blob_requests(watched.stack.storage_log)))


@pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
def test_openais_client_with_an_api_key_header_is_never_sent_away_with_it(
    watched: Watched, content: tuple[str, bytes]
) -> None:
    url, whole = content
    video_id = url.split("/")[-2]
    headers = {"api-key": watched.owner, "User-Agent": "openai-with-api-key"}
    with OpenAI(
        base_url=watched.stack.api, api_key=watched.owner, default_headers=headers, max_retries=0
    ) as openai:
        assert openai.videos.download_content(video_id).content == whole
    assert not any(map(marked("openai-with-api-key"), blob_requests(watched.stack.storage_log)))


@pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
def test_with_bearer_the_blob_server_sees_a_link_and_no_key(
    watched: Watched, content: tuple[str, bytes]
) -> None:
    url, whole = content
    video_id = url.split("/")[-2]
    headers = {"authorization": f"Bearer {watched.owner}", "user-agent": "key-as-bearer"}
    with httpx.Client(headers=headers, follow_redirects=True, trust_env=False) as client:
        answer = client.get(url)
    assert [hop.status_code for hop in answer.history] == [302]
    assert answer.content == whole
    agent = {"User-Agent": "openai-with-bearer"}
    with OpenAI(
        base_url=watched.stack.api, api_key=watched.owner, default_headers=agent, max_retries=0
    ) as openai:
        assert openai.videos.download_content(video_id).content == whole

    for client_name in ("key-as-bearer", "openai-with-bearer"):
        seen = logged(watched, marked(client_name), count=1)
        (fetched,) = filter(marked(client_name), seen)
        assert fetched.method == "GET"
        assert fetched.by_link
        assert f"/videos/{video_id}/" in fetched.url
        assert "authorization" not in fetched.headers
        assert "api-key" not in fetched.headers
        assert watched.owner not in str(fetched)


def test_no_key_is_in_the_whole_log_and_it_would_show(
    watched: Watched, content: tuple[str, bytes]
) -> None:
    """Also of what the app itself asks: it signs with its own account."""
    requests = blob_requests(watched.stack.storage_log)
    assert len(requests) > 3
    for request in requests:
        assert "api-key" not in request.headers, request
        assert request.headers.get("authorization", "SharedKey").startswith("SharedKey"), request
        for key in (watched.owner, watched.other, watched.poor, watched.upstream_key):
            assert key not in str(request)

    # the log does show such headers: here is one, with a key that opens nothing
    blob = watched.stack.ports.azurite[0]
    careless = {"api-key": "planted", "authorization": "Bearer planted", "user-agent": "planted"}
    httpx.get(f"http://127.0.0.1:{blob}/watched/videos/x", headers=careless, trust_env=False)
    seen = logged(watched, marked("planted"), count=1)
    (shown,) = filter(marked("planted"), seen)
    assert shown.headers["api-key"] == "planted"
    assert shown.headers["authorization"] == "Bearer planted"
