"""The main job through HTTP, as an app developer sees it."""

from __future__ import annotations

import gzip
import hashlib
import time
from typing import Any

import httpx
import pytest

from local.stack import API_KEY, Stack
from shared.storage.accounts import Account
from shared.storage.videos import row_key
from tests.conftest import Simulator
from tests.support.media import played
from tests.support.stacks import Client


@pytest.mark.parametrize(
    ("body", "size", "seconds", "sound", "cost"),
    [
        ({"model": "sora-2", "prompt": "a fox"}, (720, 1280), 4, True, "0.40"),
        (
            {"model": "sora-2", "prompt": "a fox", "size": "1280x720", "seconds": "8"},
            (1280, 720),
            8,
            True,
            "0.80",
        ),
        (
            {
                "model": "sora",
                "prompt": "a fox",
                "size": "480x480",
                "seconds": "5",
                "n_variants": 2,
            },
            (480, 480),
            5,
            False,
            "0.125",
        ),
    ],
)
def test_a_prompt_becomes_mp4s_in_blob_storage_and_a_cost_in_table_storage(
    api: Client,
    simulator: Simulator,
    body: dict[str, Any],
    size: tuple[int, int],
    seconds: int,
    sound: bool,
    cost: str,
) -> None:
    made = api.create(**body)
    assert (made["status"], made["stage"], made["progress"]) == ("queued", "accepted", 0)
    assert made["cost"] == {
        "currency": "USD",
        "estimated": cost,
        "actual": None,
        "state": "reserved",
    }
    video = api.wait(made["id"])
    assert video["status"] == "completed", video["error"]
    assert video["cost"] == {
        "currency": "USD",
        "estimated": cost,
        "actual": cost,
        "state": "settled",
    }

    (job,) = simulator.journal()["jobs"]
    account = Account(connection=api.stack.settings["STORAGE_CONNECTION"])
    row = account.tables.get_table_client("videos").get_entity("key:local", row_key(video["id"]))
    assert row["job_id"] == job["id"]
    assert len(video["outputs"]) == len(job["outputs"]) == body.get("n_variants", 1)
    for output, upstream in zip(video["outputs"], job["outputs"], strict=True):
        blob = f"{video['id']}/output-{output['index']}.mp4"
        stored = account.container("videos").download_blob(blob).readall()
        downloaded = api.http.get(output["url"], follow_redirects=True).content
        assert stored == downloaded
        digest = hashlib.sha256(stored).hexdigest()
        assert digest == output["sha256"] == upstream["files"]["video"]["sha256"]
        width, height, length, audible = played(stored)
        assert (width, height, audible) == (*size, sound)
        assert (output["width"], output["height"]) == size
        assert length == pytest.approx(seconds, abs=0.2)
        assert output["seconds"] == pytest.approx(seconds, abs=0.2)
        assert output["size_bytes"] == len(stored)
    account.close()


def test_an_unfinished_video_says_when_its_end_is_expected(api: Client) -> None:
    made = api.create(prompt="a fox")
    answer = api.http.get(f"{api.stack.api}/videos/{made['id']}")
    left = answer.json()["estimated_completion_at"] - time.time()
    assert 0 < int(answer.headers["retry-after"]) <= max(1, left + 2)
    assert 1000 <= int(answer.headers["openai-poll-after-ms"]) <= 5000
    api.wait(made["id"])
    ended = api.http.get(f"{api.stack.api}/videos/{made['id']}")
    assert "retry-after" not in ended.headers


def test_content_by_redirect_stream_range_and_head(api: Client) -> None:
    video = api.wait(api.create(prompt="a fox")["id"])
    url = video["outputs"][0]["url"]
    redirect = api.http.get(url)
    assert redirect.status_code == 302
    assert redirect.headers["cache-control"] == "no-store"
    assert "sig=" in redirect.headers["location"]
    assert "sig=" not in str(video)
    whole = api.http.get(url, follow_redirects=True).content
    assert api.http.get(url, params={"stream": "true"}).content == whole

    with httpx.Client(headers={"api-key": API_KEY}, trust_env=False) as by_header:
        streamed = by_header.get(url)  # its key would travel to the blob's host: no redirect
        assert (streamed.status_code, streamed.content) == (200, whole)
        assert streamed.headers["content-type"] == "video/mp4"
        part = by_header.get(url, headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
        assert by_header.get(url, headers={"range": "bytes=-5"}).content == whole[-5:]
        beyond = by_header.get(url, headers={"range": f"bytes={len(whole)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (
            416,
            f"bytes */{len(whole)}",
        )
        head = by_header.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole))


def test_compressed_requests_and_conditions_arrive_as_they_were_sent(api: Client) -> None:
    """Through a host, which hands bodies and headers over in its own way."""
    body = '{"prompt": "Füchse", "metadata": {"a": "b"}}'.encode("utf-16")
    packed = {
        "authorization": f"Bearer {API_KEY}",
        "content-type": "application/json",
        "content-encoding": "gzip",
    }
    url = f"{api.stack.api}/videos"
    with httpx.Client(trust_env=False) as http:
        made = http.post(url, content=gzip.compress(body), headers=packed)
        assert (made.status_code, made.json()["prompt"]) == (200, "Füchse")
        refused = http.post(url, content=body, headers={**packed, "content-encoding": "br"})
        assert refused.status_code == 415
        assert refused.headers["accept-encoding"] == "gzip, deflate"
    content = api.wait(made.json()["id"])["outputs"][0]["url"]
    with httpx.Client(headers={"api-key": API_KEY}, trust_env=False) as by_header:
        whole = by_header.get(content)
        etag = whole.headers["etag"]
        for method in ("GET", "HEAD"):
            known = by_header.request(method, content, headers={"if-none-match": f'"x", {etag}'})
            assert (known.status_code, known.content) == (304, b"")
            assert known.headers["etag"] == etag
        since = whole.headers["last-modified"]
        assert by_header.get(content, headers={"if-modified-since": since}).status_code == 304
        part = {"range": "bytes=5-", "if-range": etag}
        assert by_header.get(content, headers=part).content == whole.content[5:]
        other = by_header.get(content, headers={**part, "if-range": '"x"'})
        assert (other.status_code, other.content) == (200, whole.content)
        assert by_header.get(content, headers={"if-match": '"x"'}).status_code == 412
    assert api.http.get(content, headers={"if-none-match": '"x"'}).status_code == 302


def test_lists_are_newest_first_and_paged(api: Client) -> None:
    made = [api.create(prompt=f"fox {number}")["id"] for number in range(3)]
    newest = list(reversed(made))
    page = api.http.get(f"{api.stack.api}/videos", params={"limit": 2}).json()
    assert [video["id"] for video in page["data"]] == newest[:2]
    assert (page["object"], page["has_more"]) == ("list", True)
    assert (page["first_id"], page["last_id"]) == (newest[0], newest[1])
    rest = api.http.get(f"{api.stack.api}/videos", params={"limit": 2, "after": page["last_id"]})
    assert rest.json()["data"][0]["id"] == newest[2]
    oldest = api.http.get(
        f"{api.stack.api}/videos", params={"order": "asc", "after": made[0], "limit": 2}
    ).json()
    assert [video["id"] for video in oldest["data"]] == made[1:]
    for video_id in made:
        assert api.wait(video_id)["status"] == "completed"


def test_an_upstream_that_vanishes_ends_in_a_clear_failure(
    api: Client, simulator: Simulator, served: Stack
) -> None:
    simulator.script(
        {"operation": "get", "times": "unlimited", "action": {"type": "drop", "when": "before"}}
    )
    made = api.create(prompt="a fox")
    video = api.wait(made["id"], until=lambda v: v["stage"] == "rendering")
    assert video["estimated_completion_at"] >= video["created_at"]
    log = served.child("Functions host").log
    assert "Traceback" not in log.read_text()
    simulator.reset()
    failed = api.wait(made["id"], seconds=60)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] in ("lost", "timed_out")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_unknown_routes_get_the_envelope(api: Client, method: str) -> None:
    answer = api.http.request(method, f"{api.stack.api}/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_route"
    assert answer.headers["x-request-id"].startswith("req_")
