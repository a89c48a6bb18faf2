"""How a model that is gone, as its first create finds out, and its successor are configured."""

from __future__ import annotations

from typing import Any


def deployments() -> list[dict[str, Any]]:
    """The simulator's."""
    return [
        {"name": "gone", "dialect": "sora-2", "retires_at": "2026-01-01T00:00:00Z"},
        {"name": "heir", "dialect": "sora-2"},
    ]


def upstreams(simulator: str) -> list[dict[str, Any]]:
    """The app's: a model that is gone, as its first create finds out, and its successor."""
    both = {
        "dialect": "sora-2",
        "endpoint": simulator,
        "auth": {"type": "header", "name": "api-key", "secret_setting": "SIMULATOR_KEY"},
    }
    successor = {
        "model": "heir-1",
        "sizes": {"720x1280": "1280x720"},
        "seconds": {"8": 4},
    }
    return [
        {
            **both,
            "name": "gone",
            "deployment": "gone",
            "model": "gone-1",
            "prices": {"version": "gone@1", "usd_per_second": "0.02"},
            "capabilities": {"sizes": ["720x1280"], "seconds": [8]},
            "successor": successor,
        },
        {
            **both,
            "name": "heir",
            "deployment": "heir",
            "model": "heir-1",
            "prices": {"version": "heir@1", "usd_per_second": "0.10"},
            "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
        },
    ]
