"""host.json, settings and ``%SETTING%`` names."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.host.config import (
    ConfigError,
    MissingSettingError,
    load_host_config,
    resolve,
    thread_count,
)


def load(directory: Path, document: dict[str, Any], **environ: str) -> Any:
    (directory / "host.json").write_text(json.dumps(document))
    return load_host_config(directory, environ)


def test_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, {"version": "2.0"})
    assert config.route_prefix == "api"
    assert config.max_concurrent_activities >= 10
    assert config.splits_long_timers


def test_what_is_read(tmp_path: Path) -> None:
    durable = {
        "hubName": "%HUB%",
        "maxConcurrentActivityFunctions": 8,
        "maxConcurrentOrchestratorFunctions": 4,
        "defaultVersion": "2.0",
        "overridableExistingInstanceStates": "AnyState",
        "storageProvider": {"type": "azureManaged", "connectionStringName": "DTS"},
    }
    document = {"Extensions": {"HTTP": {"routePrefix": ""}, "DurableTask": durable}}
    config = load(tmp_path, document, HUB="TheHub")
    assert config.route_prefix == ""
    assert config.hub_name == "TheHub"
    assert config.connection_name == "DTS"
    assert (config.max_concurrent_activities, config.max_concurrent_orchestrators) == (8, 4)
    assert config.default_version == "2.0"
    assert config.override_any_state
    assert not config.splits_long_timers


def test_environment_overrides(tmp_path: Path) -> None:
    environ = {
        "AzureFunctionsJobHost__extensions__http__routePrefix": "v2",
        "AzureFunctionsJobHost__extensions__durabletask__hubName": "Other",
    }
    document = {"extensions": {"durableTask": {"hubName": "Hub"}}}
    config = load(tmp_path, document, **environ)
    assert config.route_prefix == "v2"
    assert config.hub_name == "Other"


def test_resolve() -> None:
    assert resolve("a %X% b %Y%", {"X": "1", "Y": "2"}) == "a 1 b 2"
    assert resolve("100%", {}) == "100%"
    with pytest.raises(MissingSettingError, match="'%X%' does not resolve to a value"):
        resolve("%X%", {})


def test_thread_count() -> None:
    assert thread_count({"PYTHON_THREADPOOL_THREAD_COUNT": "16"}) == 16
    assert thread_count({}) >= 5
    with pytest.raises(ConfigError):
        thread_count({"PYTHON_THREADPOOL_THREAD_COUNT": "many"})
