"""Authentication, before an HTTP function parses anything.

A key comes as `Authorization: Bearer KEY` or `api-key: KEY`; the settings have only its sha256. An
Entra access token comes as `Authorization: Bearer TOKEN`; its object id names the caller. The
platform's `X-MS-CLIENT-*` headers are never read: anybody can send them.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

import azure.functions as func

from shared.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated, Unavailable
from shared.entra.caller_tokens import BadToken, Unverifiable, looks_like_token, object_id
from shared.settings.app import settings
from triggers.web.query import parameter

_CALLER = re.compile(r"(key|entra):[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Authenticated:
    """An authenticated caller, `key:NAME` or `entra:OID`. An `admin` may read the videos of others;
    `by_api_key_header` says which header had the key."""

    caller: str
    by_api_key_header: bool
    admin: bool = False


def authenticate(req: func.HttpRequest) -> Authenticated:
    """The caller of a request. Raises NotAuthenticated, or Unavailable if a token cannot be checked
    now."""
    api_key = req.headers.get("api-key", "").strip()
    scheme, _, token = req.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    presented = api_key or bearer
    if not presented:
        raise NotAuthenticated(
            "No key was sent. Send it as 'Authorization: Bearer KEY' or 'api-key: KEY'."
        )
    caller = _by_key(presented) or (_by_token(presented) if not api_key else None)
    if caller is None:
        raise NotAuthenticated("This key is not known here.")
    known = settings().caller(caller)
    return Authenticated(caller, bool(api_key), admin=known is not None and known.admin)


def on_behalf_of(req: func.HttpRequest, authenticated: Authenticated) -> str:
    """The owner of the videos that a request is about: the caller, or an admin's `?caller=`. Raises
    InvalidRequest or NotAllowed."""
    wanted = parameter(req, "caller")
    if not wanted or wanted == authenticated.caller:
        return authenticated.caller
    if not _CALLER.fullmatch(wanted):
        raise InvalidRequest(
            f"caller {wanted[:80]!r} is not a caller like key:NAME or entra:OID.", param="caller"
        )
    if not authenticated.admin:
        raise NotAllowed("Only admins may name another caller.")
    return wanted


def _by_key(presented: str) -> str | None:
    digest = hashlib.sha256(presented.encode()).hexdigest()
    match = None
    for name, caller in settings().callers.items():
        for known in caller.key_sha256:
            if hmac.compare_digest(known, digest):
                match = f"key:{name}"
    return match


def _by_token(presented: str) -> str | None:
    """The caller of an access token; None if it is not a token. Raises NotAuthenticated for an
    invalid token or an owner who is not a caller, Unavailable if it cannot be checked now."""
    if not looks_like_token(presented):
        return None
    try:
        oid = object_id(presented)
    except BadToken as error:
        raise NotAuthenticated(f"The token was refused: {error}.", code="invalid_token") from None
    except Unverifiable as error:
        raise Unavailable(f"The token could not be checked: {error}.") from None
    caller = f"entra:{oid}"
    if settings().caller(caller) is None:
        raise NotAuthenticated(
            "The owner of this token is not a caller here.", code="invalid_token"
        )
    return caller
