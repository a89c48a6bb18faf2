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

    def __init__(self) -> None:
        self._clients: dict[str, Dialect] = {}
        self._connections: list[UpstreamHttp] = []

    def client(self, upstream: Upstream) -> Dialect:
        if upstream.name not in self._clients:
            from shared.upstream.http import UpstreamHttp

            http = UpstreamHttp(upstream)
            self._connections.append(http)
            self._clients[upstream.name] = _dialect(upstream.dialect)(http, upstream.deployment)
        return self._clients[upstream.name]

    def close(self) -> None:
        """Close every connection. For tests and tools: the app keeps them as long as it lives."""
        for http in self._connections:
            http.close()


def _dialect(name: str) -> Callable[[UpstreamHttp, str], Dialect]:
    """The client class of a dialect. Raises ValueError for an unknown one."""
    from shared.upstream.sora1 import Sora1
    from shared.upstream.sora2 import Sora2

    known: dict[str, Callable[[UpstreamHttp, str], Dialect]] = {"sora-1": Sora1, "sora-2": Sora2}
    if name not in known:
        raise ValueError(f"no client speaks the dialect {name!r}; there are {', '.join(known)}")
    return known[name]
