"""Standard Webhooks: the signature of what the app sends, and of what it is sent.

Source: the specification (`webhook-id`, `webhook-timestamp` and `webhook-signature`: one or several
`v1,` and the base64 of an HMAC-SHA256 over id, timestamp and body, with the bytes of a `whsec_`
secret). OpenAI's webhooks follow it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from standardwebhooks import Webhook as Signer

OLDEST = 300.0
"""Seconds that a signature is valid for, and that the sender's clock may be ahead."""
_SECONDS = re.compile(r"[0-9]{1,12}")


class BadSecret(Exception):
    """It is not a Standard Webhooks secret. The message does not contain it."""


class BadSignature(Exception):
    """The message says why."""


def headers(secrets: Iterable[str], message_id: str, body: bytes, now: float) -> dict[str, str]:
    """The headers that sign a message, with each of the secrets. Raises BadSecret."""
    at, text = int(now), body.decode()
    signed = [_signed(_signer(each), message_id, at, text) for each in secrets]
    if not signed:
        raise BadSecret("there is none")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signed),
    }


def verify(secrets: Iterable[str], sent: Mapping[str, str], body: bytes, now: float) -> None:
    """Accept a message that one of the secrets has signed, not long ago. `sent` are its headers.

    Raises BadSignature, or BadSecret.
    """
    message_id, signatures = sent.get("webhook-id"), sent.get("webhook-signature")
    at = moment(sent.get("webhook-timestamp") or "", now)
    if not message_id or not signatures:
        raise BadSignature("it is not signed")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadSignature("the body is not UTF-8") from None
    expected = [_signed(_signer(each), message_id, at, text) for each in secrets]
    accept(signatures.split(" "), expected)


def moment(text: str, now: float) -> int:
    """The unix seconds at which a message was signed. Raises BadSignature if that was too long ago,
    or is too far ahead."""
    if not _SECONDS.fullmatch(text):
        raise BadSignature("it does not say when it was signed")
    if abs(now - int(text)) > OLDEST:
        raise BadSignature("it was signed too long ago, or the clocks differ")
    return int(text)


def accept(given: Iterable[str], expected: Iterable[str]) -> None:
    """Raise BadSignature unless one of the given signatures is expected. The time that it takes
    does not tell how much of one is."""
    valid = [each.encode() for each in expected]
    if not any(
        hmac.compare_digest(one.encode("utf-8", "replace"), each) for one in given for each in valid
    ):
        raise BadSignature("no signature fits")


def _signed(signer: Signer, message_id: str, at: int, text: str) -> str:
    return signer.sign(message_id, datetime.fromtimestamp(at, UTC), text)


def _signer(secret: str) -> Signer:
    from standardwebhooks import Webhook as Signer

    try:
        return Signer(secret)
    except Exception:  # noqa: BLE001  # its message contains the secret
        raise BadSecret("it is not whsec_ and base64") from None
