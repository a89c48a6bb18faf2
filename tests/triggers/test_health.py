"""GET /health/ready: what it tells, and when it says no."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from local.ports import free_ports
from shared.domain.outage import Outage
from shared.domain.request import VideoRequest
from shared.lifecycle import line
from shared.lifecycle.requests import readiness
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.services import Services
from tests.support.surface import send
from tests.support.uncollected import two_uncollected

pytestmark = pytest.mark.real_storage

App = Callable[..., Services]


def test_ready_with_the_line_and_the_oldest_job(app: App) -> None:
    services = app()
    request = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
    admit(services, "key:local", request)
    now = time.time()
    two_uncollected(services, now)
    answer = send("GET", "/health/ready")
    assert answer.status == 200
    found = answer.json
    assert (found["status"], found["problems"], found["storage"]) == ("ready", [], {"ready": True})
    assert (found["queue"]["waiting"], found["queue"]["working"]) == (1, 0)
    assert found["uncollected"]["jobs"] == 2
    assert found["uncollected"]["oldest_seconds"] == pytest.approx(500, abs=3)
    assert found["uncollected"]["soonest_expiry_at"] == pytest.approx(now + 500, abs=3)


def test_one_deployment_is_enough(app: App) -> None:
    services = app()
    _put_out(services, "sora-2", 401, "The key is wrong: sk-secret")
    answer = send("GET", "/health/ready")
    assert answer.status == 200
    states = {each["name"]: (each["state"], each["reason"]) for each in answer.json["deployments"]}
    assert states == {"sora-2": ("out", "answers 401"), "sora": ("active", None)}
    assert b"sk-secret" not in answer.body


def test_not_ready_when_every_deployment_is_out(app: App) -> None:
    services = app()
    _put_out(services, "sora-2", 410)
    _put_out(services, "sora", 403)
    answer = send("GET", "/health/ready")
    assert (answer.status, answer.json["status"]) == (503, "not_ready")
    (problem,) = answer.json["problems"]
    assert problem == (
        "No deployment takes requests: sora-2 is gone: 410 (since 2026-11-28T00:00:00Z), "
        "sora answers 403 (since 2026-11-28T00:00:00Z)."
    )
    assert answer.json["deployments"][1]["since"] == 1_795_824_000
    assert [each["state"] for each in answer.json["deployments"]] == ["retired", "out"]


def test_not_ready_without_storage(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the patience for storage, although its client would try for much longer."""
    monkeypatch.setattr(readiness, "_PATIENCE", 0.5)
    (port,) = free_ports(1)
    account = f"http://127.0.0.1:{port}/a"
    app(
        STORAGE_CONNECTION=f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;"
        f"BlobEndpoint={account};TableEndpoint={account}"
    )
    answer = send("GET", "/health/ready")
    assert "did not answer within" in answer.body.decode()
    assert (answer.status, answer.json["storage"]) == (503, {"ready": False})
    assert answer.json["queue"] is None
    assert "AccountKey" not in answer.body.decode()


def test_it_needs_a_caller(app: App) -> None:
    app()
    assert send("GET", "/health", key=None).status == 200
    assert send("GET", "/health/ready", key=None).status == 401


def _put_out(services: Services, name: str, status: int, message: str = "no") -> None:
    upstream = services.settings.upstream(name)
    assert upstream is not None
    outage = Outage(status=status, message=message, since=1_795_824_000.0, final=status == 410)
    limits = line.limits(services, upstream)
    services.deployments.change(limits, lambda at: replace(at, outage=outage))
