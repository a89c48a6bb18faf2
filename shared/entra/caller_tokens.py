"""Entra access tokens, validated by the app itself: signature, issuer, audience, expiry, object id.

The tenant's published signing keys (JWKS) are kept for an hour. An unknown key makes the app read
them again, at most once in 30 seconds: forged tokens cannot cause a flood of requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shared.settings.app import settings
from shared.telemetry.events import Event, emit, silence_urls
from shared.tls import tls

if TYPE_CHECKING:
    from jwt import PyJWK

_LEEWAY = 60
_KEYS_KEPT = 3600.0
_ASK_AGAIN = 30.0
_LARGEST = 16 * 1024


class BadToken(Exception):
    """The token is invalid; the message says why and contains no part of it."""


class Unverifiable(Exception):
    """The tenant's keys cannot be read now, so the token cannot be checked."""


def looks_like_token(text: str) -> bool:
    """Whether a credential has the form of a signed token and not of a key."""
    return text.count(".") == 2 and text.startswith("ey") and len(text) <= _LARGEST


class SigningKeys:
    """A tenant's signing keys, by id. Safe to share between threads."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._read_at = self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def key(self, key_id: str) -> PyJWK:
        """Raises BadToken for a key that the tenant does not have, or Unverifiable."""
        with self._lock:
            now = self._clock()
            stale = now - self._read_at > _KEYS_KEPT or key_id not in self._keys
            if stale and now - self._asked_at > _ASK_AGAIN:
                self._asked_at = now
                self._read()
        if not self._keys:
            raise Unverifiable("the tenant's keys could not be read")
        if key_id not in self._keys:
            raise BadToken("it is signed with a key that is not the tenant's")
        return self._keys[key_id]

    def _read(self) -> None:
        import httpx
        from jwt import PyJWKSet
        from jwt.exceptions import PyJWTError

        silence_urls()
        try:
            answer = httpx.get(
                self._url, timeout=5.0, follow_redirects=False, trust_env=False, verify=tls()
            )
            answer.raise_for_status()
            listed = PyJWKSet.from_dict(answer.json())
        except (httpx.HTTPError, ValueError, PyJWTError) as error:
            emit(Event.TENANT_KEYS_UNREADABLE, message=type(error).__name__)
            return  # old keys are better than none
        self._keys = {key.key_id: key for key in listed.keys if key.key_id}
        self._read_at = self._clock()


def object_id(token: str) -> str:
    """The `oid` of a valid token of the configured tenant and audience. Raises BadToken, or
    Unverifiable if it cannot be checked now."""
    import jwt

    config = settings()
    authority, tenant = config.entra_authority, config.entra_tenant_id
    client = config.entra_audience.removeprefix("api://")
    if not tenant:
        raise BadToken("tokens are not accepted here (ENTRA_TENANT_ID is not set)")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != "RS256":
            raise BadToken("it is not signed with RS256")
        keys = _signing_keys(f"{authority}/{tenant}/discovery/v2.0/keys")
        key = keys.key(str(header.get("kid", "")))
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            # version 2 tokens name the client id, version 1 tokens its URI, whichever is configured
            audience=[client, f"api://{client}"],
            # the issuers of version 2 and version 1 tokens
            issuer=[f"{authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"],
            leeway=_LEEWAY,
            options={"require": ["exp", "iss", "aud", "oid"]},
        )
    except jwt.ExpiredSignatureError:
        raise BadToken("it has expired") from None
    except jwt.InvalidAudienceError:
        raise BadToken("it was issued for another audience") from None
    except jwt.InvalidIssuerError:
        raise BadToken("it was issued by another tenant") from None
    except jwt.InvalidTokenError:
        raise BadToken("it is not a valid access token") from None
    return str(claims["oid"])


@lru_cache(maxsize=4)
def _signing_keys(url: str) -> SigningKeys:
    return SigningKeys(url)
