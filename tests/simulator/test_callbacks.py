"""The simulator calls back as OpenAI and OpenRouter do, and as neither should."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.simulator.conftest import NO_LIMITS
from tests.simulator.process import Simulator
from tests.support.waiting import eventually

WHSEC = "whsec_" + "c2ltdWxhdG9yIHNpbXVsYXRvciBzaW11bGF0b3IhISE="
SECRET = "of-the-workspace"
BEARER = {"authorization": "Bearer sim-key"}


class Receiver:
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server calls
                body = self.rfile.read(int(self.headers["content-length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append((names, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("callbacks")
    calling = {"callback_url": receiver.url, "callback_secret": WHSEC}
    config = {
        "deployments": [
            {"name": "oai", "dialect": "sora-2", "wire": "openai", **calling, **NO_LIMITS},
            {
                "name": "veo",
                "dialect": "sora-2",
                "wire": "openrouter",
                "callback_secret": SECRET,
                **NO_LIMITS,
            },
            {"name": "plain", "dialect": "sora-2", "wire": "openrouter", **NO_LIMITS},
        ],
        "render_times": [{"distribution": {"type": "fixed", "seconds": 30}}],
    }
    with Simulator(folder, config, time_scale=100) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator, receiver: Receiver) -> Simulator:
    running.post("/_sim/reset", None)
    receiver.calls.clear()
    return running


def openai(simulator: Simulator, *faults: dict[str, Any]) -> str:
    """A job of OpenAI's whose fate is decided."""
    rules = [{"operation": "create", "action": {"type": "callback", **each}} for each in faults]
    simulator.post("/_sim/faults", rules)
    body = {"model": "oai", "prompt": "a cat", "seconds": "4", "size": "1280x720"}
    answer = simulator.http.post("/wires/openai/v1/videos", json=body, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def openrouter(simulator: Simulator, model: str, callback_url: str | None) -> Any:
    body = {"model": model, "prompt": "a cat", "duration": 4, "callback_url": callback_url}
    given = {name: value for name, value in body.items() if value is not None}
    return simulator.http.post("/wires/openrouter/api/v1/videos", json=given, headers=BEARER)


def called(simulator: Simulator, times: int) -> list[dict[str, Any]]:
    """The journal's calls, as soon as there are so many."""
    eventually(lambda: len(simulator.journal()["callbacks"]) >= times)
    notes: list[dict[str, Any]] = simulator.journal()["callbacks"]
    return notes


def over(simulator: Simulator, job: str) -> None:
    eventually(lambda: simulator.get(f"/_sim/jobs/{job}").json()["ended_at"] is not None)


def test_openai_signs_and_names_the_job(simulator: Simulator, receiver: Receiver) -> None:
    job = openai(simulator)
    (note,) = called(simulator, 1)
    (headers, body) = receiver.calls[0]
    assert Webhook(WHSEC).verify(body, headers) == json.loads(body)
    event = json.loads(body)
    assert (event["object"], event["type"]) == ("event", "video.completed")
    assert event["data"] == {"id": job}
    assert event["id"] == headers["webhook-id"]
    assert (note["job"], note["ending"], note["status"]) == (job, "completed", 204)
    assert note["at"] >= simulator.get(f"/_sim/jobs/{job}").json()["ended_at"]


def test_a_failed_job_is_told_too(simulator: Simulator, receiver: Receiver) -> None:
    simulator.force(openai(simulator), "failed")
    called(simulator, 1)
    assert json.loads(receiver.calls[0][1])["type"] == "video.failed"


def test_openrouter_calls_where_the_create_says(simulator: Simulator, receiver: Receiver) -> None:
    job = openrouter(simulator, "veo", receiver.url).json()["id"]
    called(simulator, 1)
    headers, body = receiver.calls[0]
    event = json.loads(body)
    assert (event["type"], event["data"]["id"]) == ("video.generation.completed", job)
    at, digest = headers["x-openrouter-signature"].removeprefix("t=").split(",v1=")
    expected = hmac.new(SECRET.encode(), f"{at},".encode() + body, hashlib.sha256).hexdigest()
    assert digest == expected
    openrouter(simulator, "plain", receiver.url)
    called(simulator, 2)
    assert "x-openrouter-signature" not in receiver.calls[1][0]


@pytest.mark.parametrize(
    ("url", "expected"), [(None, 202), ("https://v.example.com/x", 202), ("http://v.example", 400)]
)
def test_openrouter_wants_https(simulator: Simulator, url: str | None, expected: int) -> None:
    answer = openrouter(simulator, "veo", url)
    assert answer.status_code == expected
    if expected == 202:
        simulator.force(answer.json()["id"], "deleted")


@pytest.mark.parametrize(
    ("how", "endings"),
    [
        ("twice", 2),
        ("early", 2),
        ("forged", 2),
        ("at_once", 1),
    ],
)
def test_a_fault_decides_how_it_calls(
    simulator: Simulator, receiver: Receiver, how: str, endings: int
) -> None:
    job = openai(simulator, {"how": how})
    over(simulator, job)
    notes = called(simulator, endings)
    assert len(notes) == endings
    ended_at = simulator.get(f"/_sim/jobs/{job}").json()["ended_at"]
    before = [note for note in notes if note["at"] < ended_at]
    assert bool(before) is (how in ("early", "forged", "at_once"))
    for headers, body in receiver.calls:
        if how == "forged":
            with pytest.raises(WebhookVerificationError):
                Webhook(WHSEC).verify(body, headers)
        else:
            Webhook(WHSEC).verify(body, headers)


def test_a_lost_call_never_comes(simulator: Simulator) -> None:
    lost = openai(simulator, {"how": "lost"})
    over(simulator, lost)
    heard = openai(simulator)
    assert [note["job"] for note in called(simulator, 1)] == [heard]


def test_its_secret_is_not_shown(simulator: Simulator) -> None:
    assert WHSEC not in simulator.get("/_sim/config").text
