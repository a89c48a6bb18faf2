"""What a check says of servers that differ from all that are known, or are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.ports import free_ports
from local.processes import StackError
from shared.settings.upstreams import Upstream
from tests.local.test_commands import run as run_command
from tests.local.test_upstream_check import run
from tests.support.fake_upstream import Answer, FakeUpstream, serving
from tests.support.movies import movie

NO_ROUTE: Answer = (404, {"error": {"message": "No such path"}})


@dataclass
class Server(FakeUpstream):
    """A fake with more paths than those of videos, and an unknown one for all others."""

    pages: dict[str, Any] = field(default_factory=dict)
    """Path -> its JSON."""

    def answer(self, method: str, path: str, kind: str, body: bytes) -> Answer:
        at = path.partition("?")[0]
        if at in self.pages:
            return 200, self.pages[at]
        if not at.startswith("/v1/videos"):
            return NO_ROUTE
        return super().answer(method, path, kind, body)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(movie(width=1280, height=720, frames=48), Server) as running:
        assert isinstance(running, Server)
        yield running


def models(owner: str, *names: str) -> dict[str, Any]:
    return {"/v1/models": {"data": [{"id": name, "owned_by": owner} for name in names]}}


@pytest.mark.parametrize(
    ("owner", "profile"),
    [("vllm", "vllm-omni"), ("sglang", "sglang"), ("tensorrt_llm", "tensorrt-llm")],
)
def test_a_server_is_known_by_the_owner_of_its_models(
    server: Server, owner: str, profile: str
) -> None:
    server.pages = models(owner, "Wan-AI/Wan2.2")
    seen = run(server.url, key=None)
    assert seen.entry["profile"] == profile
    assert (seen.entry["deployment"], seen.entry["model"]) == ("Wan-AI/Wan2.2", "wan2.2")


def test_litellm_says_who_renders(server: Server) -> None:
    groups = [
        {"model_name": "wan", "litellm_params": {"model": "hosted_vllm/wan"}},
        {"model_name": "sora", "litellm_params": {"model": "openai/sora-2"}},
    ]
    server.pages = {
        "/openapi.json": {"info": {"title": "LiteLLM API"}},
        "/v1/model/info": {"data": groups},
        **models("openai", "wan", "sora"),
    }
    seen = run(server.url, "--model", "wan", key=None)
    assert seen.entry["profile"] == "litellm"
    query = {"limit": "100", "order": "desc", "custom_llm_provider": "hosted_vllm"}
    assert seen.entry["wire"] == {"list_query": query}
    assert "GET /v1/videos?limit=100&order=desc&custom_llm_provider=hosted_vllm" in server.requests
    assert seen.findings["one model"]["verdict"] == "lacking"


def test_a_model_that_is_not_served_is_wrong(server: Server) -> None:
    server.pages = models("vllm", "wan")
    seen = run(server.url, "--model", "wam", "--render", key=None)
    assert (seen.exit_code, seen.findings["models"]["verdict"]) == (1, "wrong")
    assert server.sent == []


def test_openrouter_says_what_a_model_takes(server: Server) -> None:
    row = {"id": "google/veo-3.1", "supported_sizes": ["1280x720"], "supported_durations": [8, 4]}
    server.pages = {"/v1/videos/models": {"data": [row, {"id": "other"}]}}
    options = ("--profile", "openrouter", "--model", "google/veo-3.1")
    seen = run(f"{server.url}/v1", *options, key=None)
    assert seen.is_ok("models")
    assert seen.entry["capabilities"] == {"sizes": ["1280x720"], "seconds": [8, 4]}
    assert seen.entry["wire"] == {"path_prefix": "/v1"}


def test_what_the_list_shows_of_other_jobs_is_said(server: Server) -> None:
    server.make(prompt=None, seconds=None, created_at=0)
    says = run(server.url, key=None).findings["list"]["says"]
    assert says == "1 job with size, without prompt, seconds, created_at"


@pytest.mark.parametrize(
    ("ahead", "says"),
    [(-90.5, "its clock is 9. s behind ours"), (90.5, "its clock is [89]. s ahead of ours")],
)
def test_a_wrong_clock_is_told(server: Server, ahead: float, says: str) -> None:
    server.ahead = ahead
    assert re.search(says, run(server.url, key=None).findings["list"]["says"])


def rows_with(server: Server, **changes: Any) -> None:
    """The list shows its jobs in another way."""
    server.listing = lambda jobs: (200, {"data": [{**job, **changes} for job in jobs]})


@pytest.mark.parametrize(
    ("changes", "verdict", "wire"),
    [
        ({"model": "my-video"}, "ok", {}),
        ({"model": "wan-of-the-provider"}, "ok", {"lists_own_models": False}),
        ({"model": "my-video", "seconds": "5"}, "ok", {"lists_as_asked": False}),
        ({"model": "my-video", "size": "512x512"}, "lacking", {"lists_as_asked": False}),
        # the app would take such a job for another's, and create a second one
        ({"prompt": "a fox"}, "lacking", {"can_list": False}),
    ],
)
def test_a_list_that_shows_the_job_differently_is_in_the_entry(
    server: Server, changes: dict[str, Any], verdict: str, wire: dict[str, bool]
) -> None:
    rows_with(server, **{"prompt": None, **changes})
    options = ("--profile", "vllm-omni", "--model", "my-video", "--render", "--size", "1280x720")
    seen = run(server.url, *options, key=None)
    assert seen.findings["job in list"]["verdict"] == verdict
    assert seen.entry.get("wire", {}) == wire


def test_a_list_that_cannot_be_read_is_not_used(server: Server) -> None:
    server.listing = lambda jobs: (500, {"error": {"message": "Cannot connect"}})
    seen = run(server.url, "--profile", "litellm", "--model", "wan", "--render", key=None)
    assert (seen.usable, seen.entry["wire"]) == (True, {"can_list": False})


def test_a_word_that_is_not_understood_is_named(server: Server) -> None:
    server.polling = lambda job: (200, {**job, "status": "cooking"})
    options = ("--profile", "openai", "--model", "wan", "--render", "--patience", "0.01")
    seen = run(server.url, *options, key=None)
    assert (seen.exit_code, seen.findings["polls"]["verdict"]) == (1, "wrong")
    assert "cooking" in seen.findings["polls"]["says"]
    assert "wire.words" in seen.findings["polls"]["says"]


def test_a_clip_that_is_no_mp4_is_wrong(server: Server) -> None:
    server.content = lambda file, variant: (200, b"RIFF\0\0\0\0AVI LIST" + bytes(4096), "video/avi")
    options = ("--profile", "tensorrt-llm", "--model", "wan", "--render")
    seen = run(server.url, *options, key=None)
    assert (seen.exit_code, seen.findings["content"]["verdict"]) == (1, "wrong")
    assert "AVI" in seen.findings["content"]["says"]


def test_a_clip_of_another_shape_is_lacking(server: Server) -> None:
    options = ("--profile", "sglang", "--model", "wan", "--render", "--size", "640x360")
    seen = run(server.url, *options, key=None)
    assert seen.exit_code == 0
    assert seen.findings["content"]["verdict"] == "lacking"
    assert "1280x720" in seen.findings["content"]["says"]


def test_a_job_that_cannot_be_unknown_is_no_video_api(server: Server) -> None:
    server.missing = (200, b"<!doctype html><title>Welcome</title>", "text/html")
    assert run(server.url, key=None).exit_code == 1


def test_a_server_without_videos_is_wrong(server: Server) -> None:
    server.missing, server.listing = NO_ROUTE, lambda jobs: NO_ROUTE
    seen = run(server.url, "--profile", "vllm-omni", key=None)
    assert (seen.exit_code, seen.findings["videos"]["verdict"]) == (1, "wrong")


def test_a_closed_port_is_one_clear_line() -> None:
    (port,) = free_ports(1)
    seen = run(f"http://127.0.0.1:{port}", key=None)
    assert (seen.exit_code, list(seen.findings)) == (1, ["reachable"])
    assert seen.findings["reachable"]["says"].startswith("TCP: the connection is refused")


def test_tls_where_there_is_none_is_one_clear_line(server: Server) -> None:
    seen = run(server.url.replace("http:", "https:"), key=None)
    assert seen.findings["reachable"]["says"].startswith("TLS: ")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://videos.example.com", "the URL: plain_http is for private hosts only"),
        ("https://me:secret@example.com", "endpoint: must be a plain URL without credentials"),
        ("gpu:8000", "must be an https URL"),
    ],
)
def test_an_address_that_the_app_would_not_take_is_refused_first(url: str, says: str) -> None:
    with pytest.raises(StackError) as refused:
        run(url, key=None)
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_private_address_gets_plain_http() -> None:
    from local.upstream_check import entry

    made = entry.build(
        entry.target("http://10.0.0.5:8000/v1"), profile="sglang", model="wan", key_setting=None
    )
    assert made["plain_http"] is True
    assert Upstream.model_validate(made).speaks.path_prefix == "/v1"


def test_a_key_that_is_repeated_in_an_error_is_not_shown(server: Server) -> None:
    server.missing = (401, {"error": {"message": "Incorrect key:\na-very-secret-key"}})
    seen = run(server.url, key="a-very-secret-key")  # looks for the key in all that is printed
    assert seen.findings["auth"]["says"].endswith("HTTP 401 Incorrect key:\n[key]")


def test_people_get_one_line_each(server: Server) -> None:
    key = "a-very-secret-key"
    server.missing = (404, {"error": {"message": "no video", "code": "not_found"}})
    answer = run_command("upstream", "check", server.url, "--key-setting", "WAN_KEY", WAN_KEY=key)
    assert answer.returncode == 0
    findings = answer.stdout.partition("\n\n")[0].splitlines()
    assert findings[0].split()[:2] == ["reachable", "ok"]
    assert all(line.split() and not line.startswith(" ") for line in findings)
    assert '"secret_setting": "WAN_KEY"' in answer.stdout
    assert answer.stdout.endswith("It can be used.\n")
    assert key not in answer.stdout + answer.stderr


def test_a_key_that_is_named_and_missing_is_one_clear_line(server: Server) -> None:
    answer = run_command("upstream", "check", server.url, "--key-setting", "NOBODYS_KEY")
    assert answer.returncode == 1
    assert answer.stderr == "NOBODYS_KEY is not in the environment; it is to hold the key.\n"
    assert server.requests == []
