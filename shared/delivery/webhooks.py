"""Webhooks in OpenAI's form, signed as Standard Webhooks.

Every attempt gets a new signature, because receivers refuse those older than five minutes; the id
stays, so receivers recognise a repeat.
"""

from __future__ import annotations

import json
import time

from shared import bounded_http, signatures
from shared.bounded_http import NotAnswered
from shared.delivery.outcome import Undelivered
from shared.domain.announcement import WEBHOOK_TYPES, Announcement
from shared.settings.app import SettingsError, secret
from shared.settings.callers import Webhook
from shared.signatures import BadSecret

_LARGEST_ANSWER = 4096
_LONGEST = 15.0


def send(webhook: Webhook, announcement: Announcement) -> int:
    """POST an announcement; returns the answer's status, a 2xx. Raises Undelivered."""
    body = payload(announcement)
    headers = _signed(webhook, announcement.id, body)
    try:
        reply = bounded_http.request(
            "POST",
            webhook.url,
            headers=headers,
            content=body,
            largest=_LARGEST_ANSWER,
            seconds=_LONGEST,
        )
    except NotAnswered as error:
        raise Undelivered(str(error)) from None
    if not 200 <= reply.status < 300:
        raise Undelivered(f"answered {reply.status}", status=reply.status)
    return reply.status


def payload(announcement: Announcement) -> bytes:
    """The body, as OpenAI sends it: of the video it has only the id."""
    event = {
        "id": announcement.id,
        "object": "event",
        "created_at": announcement.at,
        "type": WEBHOOK_TYPES[announcement.name],
        "data": {"id": announcement.subject},
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _signed(webhook: Webhook, event_id: str, body: bytes) -> dict[str, str]:
    """Raises Undelivered if the secret is missing or malformed."""
    try:
        secrets = secret(webhook.secret_setting, of="WEBHOOKS").split()
        signed = signatures.headers(secrets, event_id, body, time.time())
    except SettingsError as error:
        raise Undelivered(str(error)) from None
    except BadSecret:
        text = f"{webhook.secret_setting} is not a Standard Webhooks secret (whsec_ and base64)"
        raise Undelivered(text) from None
    return {"content-type": "application/json", "user-agent": "durable-video", **signed}
