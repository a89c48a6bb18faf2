"""``Set-Cookie`` headers, which the Functions host takes apart and writes anew.

The Python worker parses them (``parse_to_rpc_http_cookie_list``), the host writes what it was told
(``RpcHttpCookieConverter``, ASP.NET Core ``SetCookieHeaderValue``): attributes in an order of its
own, their names in lower case, the value escaped, and ``domain=`` even when there is none.
"""

from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote

_SAME_SITE = ("lax", "strict", "none")


def rewritten(cookies: SimpleCookie) -> list[str]:
    """The ``Set-Cookie`` values for what one such header held.

    Raises ``ValueError`` for an ``Expires`` or ``Max-Age`` that is none, and fails the invocation.
    """
    return [_rewritten(name, morsel) for name, morsel in cookies.items()]


def _rewritten(name: str, morsel: Morsel[str]) -> str:
    parts = [f"{name}={quote(morsel.value, safe='')}"]
    if morsel["expires"]:
        moment = parsedate_to_datetime(morsel["expires"]).astimezone(UTC)
        parts.append(f"expires={format_datetime(moment, usegmt=True)}")
    if morsel["max-age"]:
        parts.append(f"max-age={int(float(morsel['max-age']))}")
    parts += [f"domain={morsel['domain']}", f"path={morsel['path']}"]
    if morsel["secure"]:
        parts.append("secure")
    if morsel["samesite"].lower() in _SAME_SITE:
        parts.append(f"samesite={morsel['samesite'].lower()}")
    if morsel["httponly"]:
        parts.append("httponly")
    return "; ".join(parts)
