"""A tenant of Entra's on loopback: it publishes signing keys and issues tokens, good and bad."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.support import loopback

TENANT_ID = "6f1a2c3d-0b4e-4c5f-8a69-7d8e9f0a1b2c"
AUDIENCE = "b7c8d9e0-1f2a-4b3c-9d4e-5f6a7b8c9d0e"
_KEY_ID = "signing-key-1"


@dataclass
class Tenant:
    """Issues tokens as Entra does; `authority` is where its keys are published."""

    authority: str
    issued: list[str] = field(default_factory=list)
    """Every token that was made, for those who search logs for them."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return _private_key()

    @property
    def settings(self) -> dict[str, str]:
        """The app settings that make this the tenant whose tokens are accepted."""
        return {
            "ENTRA_TENANT_ID": TENANT_ID,
            "ENTRA_AUDIENCE": AUDIENCE,
            "ENTRA_AUTHORITY": self.authority,
        }

    def claims(self, oid: str, **changed: Any) -> dict[str, Any]:
        """The claims of a good token of version 2, for an hour from now."""
        now = int(time.time())
        return {
            "aud": AUDIENCE,
            "iss": f"{self.authority}/{TENANT_ID}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "oid": oid,
            "sub": oid,
            "tid": TENANT_ID,
            "ver": "2.0",
            **changed,
        }

    def token(self, oid: str, **changed: Any) -> str:
        """A token with a good signature; `changed` are claims."""
        return self._issue(self.claims(oid, **changed), self._key, "RS256")

    def strangers_token(self, oid: str) -> str:
        """One with all the right claims, signed by somebody else under the tenant's key id."""
        return self._issue(self.claims(oid), _private_key(), "RS256")

    def symmetric_token(self, oid: str) -> str:
        """One signed with the tenant's public key as if it were a shared secret (CVE-2015-9235)."""
        public = RSAAlgorithm.to_jwk(self._key.public_key())
        return self._by_hand("HS256", oid, public.encode())

    def unsigned_token(self, oid: str) -> str:
        """One that says `alg: none`."""
        return self._by_hand("none", oid, None)

    def published(self) -> dict[str, Any]:
        """The key set that the tenant publishes."""
        public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": _KEY_ID, "use": "sig", "alg": "RS256"}]}

    def _issue(self, claims: dict[str, Any], key: rsa.RSAPrivateKey, algorithm: str) -> str:
        return self._noted(jwt.encode(claims, key, algorithm, headers={"kid": _KEY_ID}))

    def _by_hand(self, algorithm: str, oid: str, secret: bytes | None) -> str:
        """What PyJWT refuses to make."""
        header = {"alg": algorithm, "typ": "JWT", "kid": _KEY_ID}
        parts = [_segment(json.dumps(part).encode()) for part in (header, self.claims(oid))]
        signed = ".".join(parts)
        if secret is None:
            return self._noted(f"{signed}.")
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        return self._noted(f"{signed}.{_segment(digest)}")

    def _noted(self, token: str) -> str:
        self.issued.append(token)
        return token


@contextmanager
def issuing() -> Iterator[Tenant]:
    """A tenant whose keys can be read while this is open."""
    tenant = Tenant("")

    def page(path: str) -> loopback.Page:
        known = path == f"/{TENANT_ID}/discovery/v2.0/keys"
        body = json.dumps(tenant.published()).encode() if known else b"{}"
        return 200 if known else 404, "application/json", body

    with loopback.serving(page) as origin:
        tenant.authority = origin
        yield tenant


def _private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
