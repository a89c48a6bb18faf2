"""host.json, settings and ``%SETTING%`` names."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ..config import (
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


CONTROL = "controlQueueVisibilityTimeout"
WORK_ITEM = "workItemQueueVisibilityTimeout"


def storage(**members: Any) -> dict[str, Any]:
    return {"extensions": {"durableTask": {"storageProvider": members}}}


def test_visibility_timeouts(tmp_path: Path) -> None:
    config = load(tmp_path, {})
    five = timedelta(minutes=5)
    assert (config.control_queue_timeout, config.work_item_queue_timeout) == (five, five)
    document = storage(**{CONTROL: "00:01:00", WORK_ITEM: "1.02:03:04.5"})
    config = load(tmp_path, document)
    assert config.control_queue_timeout == timedelta(minutes=1)
    assert config.work_item_queue_timeout == timedelta(
        days=1, hours=2, minutes=3, seconds=4, milliseconds=500
    )


@pytest.mark.parametrize("text", ["00:01:00", "01:00:00"])
def test_the_extension_takes_a_minute_to_an_hour(tmp_path: Path, text: str) -> None:
    load(tmp_path, storage(**{CONTROL: text}))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({CONTROL: "00:00:59"}, "ControlQueueVisibilityTimeout must be between 1 and 60 minutes."),
        ({CONTROL: "01:00:01"}, "ControlQueueVisibilityTimeout must be between 1 and 60 minutes."),
        ({CONTROL: "a minute"}, "is 'a minute', which is no time span"),
        ({"partitionCount": 17}, "PartitionCount must be an integer value between 1 and 16."),
        ({"maxQueuePollingInterval": "00:00:00"}, "MaxQueuePollingInterval must be"),
    ],
)
def test_what_the_extension_refuses(tmp_path: Path, members: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(tmp_path, storage(**members))


def test_what_the_extension_does_not_check(tmp_path: Path) -> None:
    config = load(tmp_path, storage(**{WORK_ITEM: "00:00:01"}))
    assert config.work_item_queue_timeout == timedelta(seconds=1)
    load(tmp_path, storage(**{"type": "mssql", CONTROL: "00:00:01"}))


@pytest.mark.parametrize(
    "name",
    [
        "AzureFunctionsJobHost__extensions__durableTask__storageProvider__" + CONTROL,
        ("AzureFunctionsJobHost__extensions__durableTask__storageProvider__" + CONTROL).upper(),
        ("AzureFunctionsJobHost__extensions__durableTask__storageProvider__" + CONTROL).lower(),
    ],
)
def test_an_override_of_a_timeout_may_be_shorter(tmp_path: Path, name: str) -> None:
    """Tests need it, though Azure would refuse it; names are compared without regard to case."""
    document = storage(**{CONTROL: "00:01:00"})
    config = load(tmp_path, document, **{name: "00:00:03"})
    assert config.control_queue_timeout == timedelta(seconds=3)


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
