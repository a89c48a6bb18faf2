"""One simulator for all tests that need nothing special, emptied before each of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.process import Simulator

NO_LIMITS: dict[str, Any] = {"max_running": None, "max_creates_per_minute": None}
SLOW = 1_000_000
"""Simulated seconds: such a job does not end by itself during a test."""

CONFIG: dict[str, Any] = {
    "deployments": [
        {"name": "sora-2", "dialect": "sora-2", **NO_LIMITS},
        {"name": "sora", "dialect": "sora-1", **NO_LIMITS},
        {"name": "quick", "dialect": "sora-2", **NO_LIMITS},
        {"name": "quick-1", "dialect": "sora-1", **NO_LIMITS},
        {"name": "two", "dialect": "sora-2", "max_creates_per_minute": None},
        {"name": "two-1", "dialect": "sora-1", "max_creates_per_minute": None},
        {"name": "minute", "dialect": "sora-2", "max_running": None},
        {"name": "hinting", "dialect": "sora-2", "max_running": 0, "retry_after": "both"},
        {"name": "dating", "dialect": "sora-2", "max_running": 0, "retry_after": "date"},
        {"name": "retired", "dialect": "sora-2", "retires_at": "2026-10-15T00:00:00Z"},
        {"name": "retired-1", "dialect": "sora-1", "retires_at": "2026-10-15T00:00:00Z"},
        {"name": "retiring", "dialect": "sora-2", "retires_at": "2126-10-15T00:00:00Z"},
        {"name": "flat", "dialect": "sora-1", "error_body": "flat", **NO_LIMITS},
        {"name": "quiet", "dialect": "sora-2", "prompt_in_answers": False, **NO_LIMITS},
        {"name": "quiet-1", "dialect": "sora-1", "prompt_in_answers": False, **NO_LIMITS},
        {"name": "unlisted", "dialect": "sora-2", "can_list": False, **NO_LIMITS},
        {"name": "keeping", "dialect": "sora-2", "can_delete_running": False, **NO_LIMITS},
        {"name": "keeping-1", "dialect": "sora-1", "can_delete_running": False, **NO_LIMITS},
        {"name": "ranged", "dialect": "sora-2", "ranges": True, **NO_LIMITS},
        {"name": "fewer", "dialect": "sora-1", "fewer_generations": 1, **NO_LIMITS},
        {"name": "small", "dialect": "sora-2", "sizes": ["480x480"], "seconds": [2], **NO_LIMITS},
    ],
    "render_times": [
        {"deployment": "quick", "distribution": {"type": "fixed", "seconds": 20}},
        {"deployment": "quick-1", "distribution": {"type": "fixed", "seconds": 20}},
        {"distribution": {"type": "fixed", "seconds": SLOW}},
    ],
    "poll_after_ms": 1000,
}
"""Jobs do not end by themselves, except on `quick` and `quick-1`: a fifth of a second."""

TIME_SCALE = 100


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The process."""
    folder = tmp_path_factory.mktemp("simulator")
    with Simulator(folder, CONFIG, time_scale=TIME_SCALE) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared: Simulator) -> Simulator:
    """The process, as if it had just started."""
    shared.post("/_sim/reset", None)
    return shared
