"""Browsers on other origins: closed unless `CORS_ORIGINS` lists them.

Keys are sent in headers, never in cookies, so credentials are never allowed. An unlisted origin
gets the same answers without the headers that would let a script read them.
"""

from urllib.parse import urlsplit

import azure.functions as func

from shared.settings.app import settings

_METHODS = "GET, HEAD, POST, DELETE"

_ALLOWED = (
    "authorization, api-key, content-encoding, content-type, idempotency-key, if-match, "
    "if-modified-since, if-none-match, if-range, if-unmodified-since, prefer, range, "
    # from MCP's clients in a browser
    "last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id, "
    # from OpenAI's own client in a browser; Firefox and Safari let it name itself, and ask first
    "openai-organization, openai-project, user-agent, x-stainless-arch, "
    "x-stainless-custom-poll-interval, x-stainless-helper-method, x-stainless-lang, "
    "x-stainless-os, x-stainless-package-version, x-stainless-poll-helper, "
    "x-stainless-retry-count, x-stainless-runtime, x-stainless-runtime-version, "
    "x-stainless-timeout"
)

EXPOSED = (
    "accept-encoding, accept-ranges, content-disposition, content-length, content-range, "
    "deprecation, etag, idempotent-replayed, openai-poll-after-ms, preference-applied, "
    "retry-after, sunset, x-request-id, x-should-retry"
)
"""The response headers that a script may read beyond those that browsers always expose."""

_KEEP_SECONDS = "600"


def is_allowed(origin: str) -> bool:
    """Whether scripts of this origin may call: the app's own, or one that the setting lists."""
    known = settings()
    own = urlsplit(known.public_base_url)
    ours = f"{own.scheme}://{own.netloc}".lower()
    return "*" in known.cors_origins or origin in (ours, *known.cors_origins)


def headers(req: func.HttpRequest) -> dict[str, str]:
    """The CORS headers of an answer; none while the setting is empty."""
    origins = settings().cors_origins
    if not origins:
        return {}
    origin = req.headers.get("origin", "")
    if "*" in origins:
        return {"access-control-allow-origin": "*", "access-control-expose-headers": EXPOSED}
    if origin not in origins:
        return {"vary": "Origin"}  # for caches: another origin may get another answer
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": EXPOSED,
        "vary": "Origin",
    }


def preflight(req: func.HttpRequest) -> func.HttpResponse | None:
    """The answer to a CORS preflight; None for any other request or an unlisted origin."""
    if req.method != "OPTIONS" or "access-control-request-method" not in req.headers:
        return None
    allowed = headers(req)
    if "access-control-allow-origin" not in allowed:
        return None
    del allowed["access-control-expose-headers"]
    return func.HttpResponse(
        b"",
        status_code=204,
        headers={
            **allowed,
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": _ALLOWED,
            "access-control-max-age": _KEEP_SECONDS,
        },
    )
