"""Who calls? Every HTTP function asks here before it parses anything.

A key comes as `Authorization: Bearer KEY` or `api-key: KEY` and is known by its sha256 only. The
platform's `X-MS-CLIENT-*` headers are never read: anybody can send them.
"""

import hashlib
import hmac
from dataclasses import dataclass

import azure.functions as func

from shared.domain.errors import NotAuthenticated
from shared.settings import settings


@dataclass(frozen=True)
class Identity:
    """An authenticated caller: `caller` owns videos, `by_header` says where the key came from."""

    caller: str
    by_api_key_header: bool


def authenticate(req: func.HttpRequest) -> Identity:
    """The caller of a request. Raises NotAuthenticated."""
    api_key = req.headers.get("api-key", "").strip()
    scheme, _, token = req.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    presented = api_key or bearer
    if not presented:
        raise NotAuthenticated(
            "No key was sent. Send it as 'Authorization: Bearer KEY' or 'api-key: KEY'."
        )
    digest = hashlib.sha256(presented.encode()).hexdigest()
    found = None
    for name, caller in settings().callers.items():
        for known in caller.key_sha256:
            if hmac.compare_digest(known, digest):
                found = name
    if found is None:
        raise NotAuthenticated("This key is not known here.")
    return Identity(f"key:{found}", by_api_key_header=bool(api_key))
