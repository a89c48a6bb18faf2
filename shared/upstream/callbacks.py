"""What an upstream sends when a job has ended: that it is the upstream, and which job it is about.

Nothing else of it is read: whether the job has ended, and how, only a poll says.

Sources: OpenAI's guide to webhooks (`video.completed`, `video.failed`; `data.id`; Standard
Webhooks). OpenRouter's "Get Video Results with Webhooks": `callback_url`, `data.id`, and, where the
workspace has a signing secret, `X-OpenRouter-Signature: t=SECONDS,v1=HEX`, the HMAC-SHA256 of
seconds, a comma and the body.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

from shared import signatures
from shared.domain.text import parsed_json
from shared.durable.names import CALLBACKS_PATH
from shared.loopback import LOOPBACK
from shared.settings.app import secret
from shared.settings.upstreams import Upstream

_LONGEST_ID = 1000


class NoJob(Exception):
    """It names no job."""


def address(upstream: Upstream, public_base_url: str) -> str | None:
    """Where the upstream is asked to call back, in each create. None where it is not asked, or
    could not reach the app."""
    if upstream.callback is None or upstream.speaks.calls_back != "openrouter":
        return None
    app, server = urlsplit(public_base_url), urlsplit(upstream.endpoint)
    here = app.hostname in LOOPBACK and server.hostname in LOOPBACK
    if app.scheme != "https" and not here:
        return None
    return f"{public_base_url}/{CALLBACKS_PATH}/{quote(upstream.name)}"


def job_id(upstream: Upstream, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The job that a call is about. Raises BadSignature, NoJob, and for a missing or malformed
    secret SettingsError or BadSecret."""
    setting = upstream.callback.secret_setting if upstream.callback else None
    secrets = secret(setting).split() if setting else []
    if upstream.speaks.calls_back == "standard":
        signatures.verify(secrets, headers, body, now)
    elif setting:
        _verify_openrouters(secrets, headers, body, now)
    try:
        found = parsed_json(body)["data"]["id"]
    except (ValueError, LookupError, TypeError):
        raise NoJob("it has no data.id") from None
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_ID:
        raise NoJob("its data.id is not the id of a job")
    return found


def _verify_openrouters(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: float
) -> None:
    given = headers.get("x-openrouter-signature") or ""
    parts = [part.strip().partition("=") for part in given.split(",")]
    at = signatures.moment(next((value for name, _, value in parts if name == "t"), ""), now)
    message = f"{at},".encode() + body
    expected = [hmac.new(each.encode(), message, hashlib.sha256).hexdigest() for each in secrets]
    signatures.accept((value for name, _, value in parts if name == "v1"), expected)
