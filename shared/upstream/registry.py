"""One client per deployment, built on first use from its settings.

The dialects are imported then too: an instance that only serves the API never calls an upstream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.settings.upstreams import Upstream
from shared.upstream.protocol import Dialect

if TYPE_CHECKING:
    from shared.upstream.http import UpstreamHttp


class Upstreams:
    """The clients of all deployments, by name. Safe to share between threads."""

    def __init__(self, public_base_url: str = "") -> None:
        """`public_base_url` is where callbacks reach the app; without it none are asked for."""
        self._public_base_url = public_base_url
        self._clients: dict[str, Dialect] = {}
        self._connections: list[UpstreamHttp] = []

    def client(self, upstream: Upstream) -> Dialect:
        if upstream.name not in self._clients:
            from shared.upstream.http import UpstreamHttp

            http = UpstreamHttp(upstream)
            self._connections.append(http)
            self._clients[upstream.name] = _dialect(upstream, http, self._public_base_url)
        return self._clients[upstream.name]

    def close(self) -> None:
        """Close every connection. For tests and tools: the app keeps them as long as it lives."""
        for http in self._connections:
            http.close()


def _dialect(upstream: Upstream, http: UpstreamHttp, public_base_url: str) -> Dialect:
    """The client of a deployment. Raises ValueError for an unknown dialect."""
    from shared.upstream.callbacks import address
    from shared.upstream.sora1 import Sora1
    from shared.upstream.sora2 import Sora2

    known: dict[str, Callable[[], Dialect]] = {
        "sora-1": lambda: Sora1(http, upstream.deployment),
        "sora-2": lambda: Sora2(
            http, upstream.deployment, upstream.speaks, address(upstream, public_base_url)
        ),
    }
    if upstream.dialect not in known:
        raise ValueError(
            f"no client speaks the dialect {upstream.dialect!r}; there are {', '.join(known)}"
        )
    return known[upstream.dialect]()
