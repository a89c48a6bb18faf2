"""What the timers do and say where no request comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local.stack import local_settings
from shared.lifecycle import services as services_module
from shared.settings import app as settings_module
from shared.settings.app import SettingsError
from tests.support.surface import Durable
from triggers.sweeps import sweep


def test_the_sweep_says_which_setting_is_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The alert must not wait for a request: what is under way stands still already."""
    for name, value in {**local_settings(), "UPSTREAMS": "[{}]"}.items():
        monkeypatch.setenv(name, value)
    settings_module.settings.cache_clear()
    services_module.services.cache_clear()
    built: Any = sweep
    function = built._function.get_user_function().client_function
    with pytest.raises(SettingsError):
        asyncio.run(function(None, Durable()))
    assert "event=misconfigured" in caplog.text
    assert "UPSTREAMS[0].name: is missing" in caplog.text
