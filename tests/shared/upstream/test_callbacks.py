"""Who may say that a job has ended, and which job that is: bodies as documented."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from shared.settings.app import SettingsError
from shared.settings.upstreams import Upstream
from shared.signatures import BadSignature
from shared.upstream.callbacks import NoJob, address, job_id
from tests.shared.test_signatures import NOW, OLD, OURS, signed

SECRET = "or-secret"
COMPLETED: dict[str, Any] = {
    "type": "video.generation.completed",
    "created_at": "2026-11-29T12:00:00.000Z",
    "data": {"id": "9a1c", "status": "completed", "generation_id": "gen-1"},
}
ENTRY: dict[str, Any] = {
    "name": "there",
    "endpoint": "https://there.example.com",
    "deployment": "m",
    "model": "sora-2",
    "auth": {"type": "header", "secret_setting": "K"},
}


def upstream(profile: str = "openai", secret: str | None = "HOOK", **changes: Any) -> Upstream:
    callback = {} if secret is None else {"secret_setting": secret}
    entry = {**ENTRY, "profile": profile, "callback": callback, **changes}
    return Upstream.model_validate(entry)


def openrouters(body: bytes, secret: str = SECRET, at: float = NOW) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{int(at)},".encode() + body, hashlib.sha256)
    return {"x-openrouter-signature": f"t={int(at)},v1={digest.hexdigest()}"}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", f"{OLD} {OURS}")
    monkeypatch.setenv("OPENROUTER_HOOK", f"older {SECRET}")


def test_openais_event_names_its_job() -> None:
    body = json.dumps({"id": "evt_1", "type": "video.failed", "data": {"id": "video_1"}}).encode()
    assert job_id(upstream(), signed(body=body), body, NOW) == "video_1"
    with pytest.raises(BadSignature):
        job_id(upstream(), openrouters(body), body, NOW)


def test_openrouters_event_names_its_job() -> None:
    body = json.dumps(COMPLETED).encode()
    there = upstream("openrouter", "OPENROUTER_HOOK")
    assert job_id(there, openrouters(body), body, NOW) == "9a1c"
    for wrong in (
        {},
        openrouters(body, "another"),
        openrouters(body, at=NOW - 301),
        openrouters(body, at=NOW + 301),
        openrouters(body + b" "),
        {"x-openrouter-signature": f"t={int(NOW)}"},
        {"x-openrouter-signature": f"v1={'0' * 64}"},
        {"x-openrouter-signature": ",,=,t"},
    ):
        with pytest.raises(BadSignature):
            job_id(there, wrong, body, NOW)


def test_openrouter_need_not_sign() -> None:
    body = json.dumps(COMPLETED).encode()
    assert job_id(upstream("openrouter", None), {}, body, NOW) == "9a1c"


@pytest.mark.parametrize("profile", ["openai", "openrouter"])
def test_a_blank_secret_opens_nothing(monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    monkeypatch.setenv("HOOK", "  ")
    body = json.dumps(COMPLETED).encode()
    for headers in ({}, signed(body=body), openrouters(body), openrouters(body, "")):
        with pytest.raises(BadSignature):
            job_id(upstream(profile), headers, body, NOW)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"7", b'"data"', b"[" * 60_000, b"\xff\xfe\xff"),
        *(b"{}", b'{"data": null}', b'{"data": []}', b'{"data": {}}'),
        *(json.dumps({"data": {"id": each}}).encode() for each in (7, None, "", ["a"], "x" * 1001)),
    ],
)
def test_a_call_about_no_job_is_refused(body: bytes) -> None:
    with pytest.raises(NoJob):
        job_id(upstream("openrouter", None), {}, body, NOW)


def test_a_signature_that_must_be_there_needs_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK")
    with pytest.raises(SettingsError, match="HOOK is missing"):
        job_id(upstream(), signed(), b"{}", NOW)


def test_the_text_of_a_reference_to_the_vault_signs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference = "@Microsoft.KeyVault(VaultName=kv-a;SecretName=openrouter-hook)"
    monkeypatch.setenv("OPENROUTER_HOOK", reference)
    body = json.dumps(COMPLETED).encode()
    with pytest.raises(SettingsError, match="OPENROUTER_HOOK is a reference to Key Vault"):
        job_id(upstream("openrouter", "OPENROUTER_HOOK"), openrouters(body, reference), body, NOW)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"profile": "openai", "callback": {}}, "needs secret_setting"),
        ({"profile": "litellm", "callback": {}}, "does not call back"),
        ({"profile": None, "callback": {"secret_setting": "S"}}, "does not call back"),
        ({"profile": "openai", "callback": {"secret": "whsec_x"}}, "secret"),
        (
            {"dialect": "sora-1", "profile": "azure", "callback": {}, "model": "sora"},
            "does not call back",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Upstream.model_validate({**ENTRY, **changes})


def test_a_server_that_is_like_openai_may_call_back_like_it() -> None:
    assert upstream("vllm-omni", wire={"calls_back": "standard"}).callback is not None


@pytest.mark.parametrize(
    ("app", "changes", "expected"),
    [
        ("https://v.example.com", {}, "https://v.example.com/openai/v1/callbacks/there"),
        ("http://127.0.0.1:7071", {}, None),  # it could not be reached
        (
            "http://127.0.0.1:7071",
            {"endpoint": "http://127.0.0.1:7080"},
            "http://127.0.0.1:7071/openai/v1/callbacks/there",
        ),
        ("", {}, None),
        ("https://v.example.com", {"callback": None}, None),
        ("https://v.example.com", {"profile": "openai", "callback": {"secret_setting": "S"}}, None),
    ],
)
def test_where_an_upstream_is_asked_to_call_back(
    app: str, changes: dict[str, Any], expected: str | None
) -> None:
    entry = {**ENTRY, "profile": "openrouter", "callback": {}, **changes}
    assert address(Upstream.model_validate(entry), app) == expected
