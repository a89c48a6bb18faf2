"""What the timers do and say where no request comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from local.stack import local_settings
from shared.lifecycle import services as services_module
from shared.lifecycle.services import Services
from shared.settings import app as settings_module
from shared.settings.app import SettingsError
from tests.support.surface import Durable
from triggers import sweeps


def test_the_sweep_says_which_setting_is_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The alert must not wait for a request: what is under way stands still already."""
    for name, value in {**local_settings(), "UPSTREAMS": "[{}]"}.items():
        monkeypatch.setenv(name, value)
    settings_module.settings.cache_clear()
    services_module.services.cache_clear()
    with pytest.raises(SettingsError):
        swept(Durable())
    assert "event=misconfigured" in caplog.text
    assert "UPSTREAMS[0].name: is missing" in caplog.text


def test_the_line_moves_though_the_table_of_batches_cannot_be_read(
    app: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []

    class Engine(Durable):
        async def raise_event(self, *event: Any) -> None:
            woken.append(event[0])

    def unreadable(*_: Any, **__: Any) -> Any:
        raise HttpResponseError

    monkeypatch.setattr(app().batches, "silent", unreadable)
    monkeypatch.setattr(sweeps, "_move_the_line", lambda: ({"instance": "v-1", "event": "turn"},))
    with pytest.raises(HttpResponseError):
        swept(Engine())
    assert woken == ["v-1"]


def swept(engine: Durable) -> None:
    built: Any = sweeps.sweep
    asyncio.run(built._function.get_user_function().client_function(None, engine))
