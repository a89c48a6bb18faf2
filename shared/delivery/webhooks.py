"""Webhooks in OpenAI's form, signed as Standard Webhooks.

Every attempt is signed afresh, because receivers refuse signatures that are older than five
minutes; the id stays, so that they can tell a repeat.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from shared.delivery.outcome import Undelivered
from shared.domain.announcement import WEBHOOK_TYPES, Announcement
from shared.settings import SettingsError, Webhook, secret
from shared.telemetry import silence_urls

if TYPE_CHECKING:
    import httpx
    from standardwebhooks import Webhook as Signer

_LARGEST_ANSWER = 4096
_LONGEST = 15.0


class Webhooks:
    """Sends to the endpoints of WEBHOOKS. Safe to share between threads."""

    def send(self, webhook: Webhook, announcement: Announcement) -> int:
        """POST an announcement; the status of the answer, which is a 2xx. Raises Undelivered."""
        import httpx

        body = payload(announcement)
        headers = _signed(webhook, announcement.id, body)
        began = monotonic()
        try:
            with self._client.stream("POST", webhook.url, content=body, headers=headers) as answer:
                read = 0
                for piece in answer.iter_raw(_LARGEST_ANSWER):
                    # what a receiver says is of no use; reading a little lets the connection live
                    read += len(piece)
                    if read >= _LARGEST_ANSWER or monotonic() - began > _LONGEST:
                        break
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Undelivered(f"not reached ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise Undelivered(f"answered {status}", status=status)
        return status

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        silence_urls()  # a receiver's may have a secret in it
        timeout = httpx.Timeout(10.0, connect=5.0)
        return httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False)


def payload(announcement: Announcement) -> bytes:
    """The body: what OpenAI sends, which names the video and says nothing else of it."""
    event = {
        "id": announcement.id,
        "object": "event",
        "created_at": announcement.at,
        "type": WEBHOOK_TYPES[announcement.name],
        "data": {"id": announcement.subject},
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _signed(webhook: Webhook, event_id: str, body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "user-agent": "durable-video",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": _signer(webhook).sign(event_id, now, body.decode()),
    }


def _signer(webhook: Webhook) -> Signer:
    """Raises Undelivered where the secret is missing or is none."""
    from standardwebhooks import Webhook as Signer

    try:
        return Signer(secret(webhook.secret_setting, of="WEBHOOKS"))
    except SettingsError as error:
        raise Undelivered(str(error)) from None
    except Exception:  # noqa: BLE001  # whatever it says has the secret in it
        text = f"{webhook.secret_setting} is not a Standard Webhooks secret (whsec_ and base64)"
        raise Undelivered(text) from None
