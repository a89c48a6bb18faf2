"""The app's HTTP functions on storage in memory and the simulator, called in this process. Those
marked `real_storage` are on Azurite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from shared.lifecycle import services as module
from shared.lifecycle.services import Services
from tests.conftest import Simulator, judges_storage
from tests.support.clock import Ticking


@pytest.fixture
def on_real_storage(request: pytest.FixtureRequest) -> bool:
    return judges_storage(request)


@pytest.fixture
def app(
    services_with: Callable[..., Services],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Services]]:
    """Make the app's services, with changed settings, and let its functions use them."""

    clock = Ticking()

    def make(**overrides: str) -> Services:
        made = replace(services_with(**overrides), clock=clock)
        module.services.cache_clear()
        monkeypatch.setattr(module, "build", lambda settings: made)
        return made

    yield make
    module.services.cache_clear()
