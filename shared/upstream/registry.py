"""One client per deployment, built on first use from its settings.

The dialects are imported then too: an instance that only serves the API never needs HTTP itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.capabilities import SORA_1
from shared.settings import Upstream
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
            from shared.upstream.sora1 import Sora1
            from shared.upstream.sora2 import Sora2

            http = UpstreamHttp(upstream)
            self._connections.append(http)
            kind = Sora1 if upstream.dialect == SORA_1 else Sora2
            self._clients[upstream.name] = kind(http, upstream.deployment)
        return self._clients[upstream.name]

    def close(self) -> None:
        """Close every connection. For tests and tools: the app keeps them as long as it lives."""
        for http in self._connections:
            http.close()
