"""The certificates that servers are held against, read once in a process: it takes 30 ms each time,
and `httpx` would do it anew for every client."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext


@lru_cache(maxsize=1)
def tls() -> SSLContext:
    """What `verify` of a client takes. Safe to share between clients and threads."""
    import httpx  # on first use: keeps cold starts short

    return httpx.create_ssl_context(trust_env=False)
