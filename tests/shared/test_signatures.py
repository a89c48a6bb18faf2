"""Standard Webhooks: what the official clients sign is taken, and nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook

from shared import signatures
from shared.signatures import BadSecret, BadSignature

NOW = 1_764_000_000.0
BODY = b'{"type":"video.completed","data":{"id":"video_1"}}'


def key(letter: bytes) -> str:
    return "whsec_" + base64.b64encode(letter * 32).decode()


OURS, OLD = key(b"o"), key(b"p")


def signed(secret: str = OURS, at: float = NOW, body: bytes = BODY) -> dict[str, str]:
    moment = datetime.fromtimestamp(at, UTC)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": Webhook(secret).sign("evt_1", moment, body.decode()),
    }


def test_what_we_sign_openais_own_client_takes() -> None:
    now = datetime.now(UTC).timestamp()
    client = OpenAI(api_key="k", webhook_secret=OURS)
    for secrets in ([OURS], [OURS, OLD], [OLD, OURS]):
        sent = signatures.headers(secrets, "evt_1", BODY, now)
        client.webhooks.verify_signature(BODY.decode(), sent)
        Webhook(OURS).verify(BODY, sent)
    sent = signatures.headers([OLD], "evt_1", BODY, now)
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(BODY.decode(), sent)


@pytest.mark.parametrize("at", [NOW, NOW - 300, NOW + 300])
def test_a_recent_signature_is_taken(at: float) -> None:
    signatures.verify([OURS], signed(at=at), BODY, NOW)


def test_either_key_is_taken_while_one_is_replaced() -> None:
    for secret in (OURS, OLD):
        signatures.verify([OURS, OLD], signed(secret), BODY, NOW)
    both = signed(OLD)
    both["webhook-signature"] = f"v1a,{'x' * 10} {both['webhook-signature']} v1,AAAA"
    signatures.verify([OURS, OLD], both, BODY, NOW)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"webhook-signature": ""}, "not signed"),
        ({"webhook-id": ""}, "not signed"),
        ({"webhook-id": "evt_2"}, "no signature fits"),
        ({"webhook-signature": "v1,AAAA"}, "no signature fits"),
        ({"webhook-signature": "v2," + signed()["webhook-signature"][3:]}, "no signature fits"),
        ({"webhook-signature": "v1"}, "no signature fits"),
        ({"webhook-signature": "v1,\u00e4\ud83d"}, "no signature fits"),
        ({"webhook-timestamp": ""}, "when it was signed"),
        ({"webhook-timestamp": "1e9"}, "when it was signed"),
        ({"webhook-timestamp": "9" * 400}, "when it was signed"),
        ({"webhook-timestamp": str(int(NOW) + 1)}, "no signature fits"),
        (signed(at=NOW - 301), "too long ago"),
        (signed(at=NOW + 301), "clocks differ"),
        (signed(OLD), "no signature fits"),
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadSignature, match=why):
        signatures.verify([OURS], {**signed(), **changes}, BODY, NOW)


@pytest.mark.parametrize("body", [BODY + b" ", b"", b"\xff"])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignature):
        signatures.verify([OURS], signed(), body, NOW)


@pytest.mark.parametrize("secret", ["whsec_a", "whsec_", "whsec_s3cr3"])
def test_a_malformed_secret_is_not_shown(secret: str) -> None:
    with pytest.raises(BadSecret) as raised:
        signatures.verify([secret], signed(), BODY, NOW)
    assert "s3cr3" not in str(raised.value)


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(BadSignature):
        signatures.verify([], signed(), BODY, NOW)
