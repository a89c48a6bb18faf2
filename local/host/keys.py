"""Function, host, system and master keys (host ``AuthenticationLevelHandler``).

A key comes in the header ``x-functions-key`` or, failing that, in the query as ``code``.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

from .query import Query


class Auth(StrEnum):
    """What the host asks keys for."""

    FUNCTIONS = "functions"
    """HTTP functions by their AuthLevel; the admin and webhook endpoints are open on loopback."""
    ALL = "all"
    """These too, as on Azure: the master key for admin, a system key for webhooks."""
    OFF = "off"
    """Nothing, as ``func start``."""


@dataclass(frozen=True, slots=True)
class Keys:
    master: str
    host: str
    """Opens every function."""
    system: str
    """Opens the webhooks of extensions."""
    functions: Mapping[str, str]
    """Function name in lower case -> the key that opens that function."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Keys":
        """``FUNCTIONS_MASTER_KEY``, ``FUNCTIONS_HOST_KEY``, ``FUNCTIONS_SYSTEM_KEY`` and
        ``FUNCTIONS_KEY_<function>``; those that are not set are made up anew at each start."""
        prefix = "FUNCTIONS_KEY_"
        return cls(
            master=environ.get("FUNCTIONS_MASTER_KEY") or secrets.token_urlsafe(24),
            host=environ.get("FUNCTIONS_HOST_KEY") or secrets.token_urlsafe(24),
            system=environ.get("FUNCTIONS_SYSTEM_KEY") or secrets.token_urlsafe(24),
            functions={
                name.removeprefix(prefix).lower(): value
                for name, value in environ.items()
                if name.startswith(prefix)
            },
        )

    def opens_function(self, key: str | None, auth_level: str, function: str) -> bool:
        """Whether a key is good for an ``AuthLevel`` (``anonymous``, ``function``, ``admin``)."""
        level = auth_level.lower()
        if level == "anonymous":
            return True
        accepted = [self.master]
        if level == "function":
            accepted += [self.host, self.functions.get(function.lower(), "")]
        return _is_one_of(key, accepted)

    def opens_admin(self, key: str | None) -> bool:
        return _is_one_of(key, [self.master])

    def opens_webhooks(self, key: str | None) -> bool:
        return _is_one_of(key, [self.system, self.master])


def presented_key(request: Request) -> str | None:
    """The key of a request; the header wins."""
    return request.headers.get("x-functions-key") or Query(request.url.query).get("code")


def _is_one_of(key: str | None, accepted: list[str]) -> bool:
    if not key:
        return False
    return any(
        hmac.compare_digest(key.encode(), candidate.encode()) for candidate in accepted if candidate
    )
