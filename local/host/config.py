"""host.json, local.settings.json and ``%SETTING%`` names, as the Functions host reads them."""

import json
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_OVERRIDE_PREFIX = "AzureFunctionsJobHost__"
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?")
_PARTITIONS = 4  # the extension's default
_SETTING_NAME = re.compile(r"%([^%]+)%")


class ConfigError(Exception):
    """The app folder's configuration cannot be used; the message is for the user."""


class MissingSettingError(Exception):
    """A ``%SETTING%`` that the environment does not have (the host's wording)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'%{name}%' does not resolve to a value.")


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What this host reads of host.json."""

    route_prefix: str
    """Without slashes at the ends; may be empty."""
    hub_name: str
    connection_name: str
    max_concurrent_activities: int
    max_concurrent_orchestrators: int
    default_version: str
    override_any_state: bool
    """``overridableExistingInstanceStates`` is ``AnyState``."""
    splits_long_timers: bool
    """Azure Storage's limit of six days, which the other storage providers do not have."""
    keeps_inputs: bool
    """``storeInputsInOrchestrationHistory``."""
    control_queue_timeout: timedelta
    """``controlQueueVisibilityTimeout``."""
    work_item_queue_timeout: timedelta
    """``workItemQueueVisibilityTimeout``."""
    partition_count: int
    """``partitionCount``: among how many hosts the turns of orchestrators are spread at most."""


def load_host_config(directory: Path, environ: Mapping[str, str]) -> HostConfig:
    """Read ``host.json``; environment variables ``AzureFunctionsJobHost__a__b`` override it.

    What the extension refuses is refused in host.json, which goes to Azure with the app. In a
    variable, which is this machine's, it is taken: time may be scaled here. Raises ``ConfigError``.
    """
    document = _read_json(directory / "host.json")
    _check_storage(_storage(document))
    for name, value in environ.items():
        if name.lower().startswith(_OVERRIDE_PREFIX.lower()):
            _override(document, name[len(_OVERRIDE_PREFIX) :].split("__"), value)
    extensions = _section(document, "extensions")
    durable = _section(extensions, "durableTask")
    storage = _storage(document)
    # Outside of Consumption the extension's defaults are ten per core.
    per_core = 10 * (os.cpu_count() or 1)
    try:
        return HostConfig(
            route_prefix=str(_member(_section(extensions, "http"), "routePrefix", "api")).strip(
                "/"
            ),
            hub_name=resolve(str(_member(durable, "hubName", "LocalHub")), environ),
            connection_name=str(
                _member(storage, "connectionName", None)
                or _member(storage, "connectionStringName", "Storage")
            ),
            max_concurrent_activities=int(
                _member(durable, "maxConcurrentActivityFunctions", per_core)
            ),
            max_concurrent_orchestrators=int(
                _member(durable, "maxConcurrentOrchestratorFunctions", per_core)
            ),
            default_version=str(_member(durable, "defaultVersion", "")),
            override_any_state=(
                str(_member(durable, "overridableExistingInstanceStates", "")).lower() == "anystate"
            ),
            splits_long_timers=_is_azure_storage(storage),
            keeps_inputs=str(_member(durable, "storeInputsInOrchestrationHistory", False)).lower()
            == "true",
            control_queue_timeout=_span(storage, "controlQueueVisibilityTimeout"),
            work_item_queue_timeout=_span(storage, "workItemQueueVisibilityTimeout"),
            partition_count=int(_member(storage, "partitionCount", _PARTITIONS)),
        )
    except (ValueError, MissingSettingError) as error:
        raise ConfigError(f"host.json: {error}") from error


def apply_settings(path: Path, environ: MutableMapping[str, str]) -> None:
    """Put the ``Values`` of a local.settings.json into the environment; what is there wins.

    Raises ``ConfigError``.
    """
    document = _read_json(path)
    if document.get("IsEncrypted"):
        raise ConfigError(f"{path.name} is encrypted: run 'func settings decrypt' first")
    for name, value in _section(document, "Values").items():
        environ.setdefault(name, value if isinstance(value, str) else json.dumps(value))


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """Replace each ``%NAME%`` by the setting of that name. Raises ``MissingSettingError``."""

    def value(match: re.Match[str]) -> str:
        try:
            return environ[match[1]]
        except KeyError:
            raise MissingSettingError(match[1]) from None

    return _SETTING_NAME.sub(value, text)


def thread_count(environ: Mapping[str, str]) -> int:
    """The worker's ``PYTHON_THREADPOOL_THREAD_COUNT``; unset, Python's own default.

    Raises ``ConfigError``.
    """
    text = environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
    if text is None:
        return min(32, (os.cpu_count() or 1) + 4)
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f"PYTHON_THREADPOOL_THREAD_COUNT is '{text}', not a positive number")
    return int(text)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} does not hold a JSON object")
    return document


def _storage(document: Mapping[str, Any]) -> dict[str, Any]:
    """The section of the storage provider."""
    durable = _section(_section(document, "extensions"), "durableTask")
    return _section(durable, "storageProvider")


def _is_azure_storage(storage: Mapping[str, Any]) -> bool:
    return str(_member(storage, "type", "azureStorage")).lower() == "azurestorage"


def _check_storage(storage: Mapping[str, Any]) -> None:
    """Refuse what the extension refuses (``AzureStorageOptions.Validate``)."""
    if not _is_azure_storage(storage):
        return
    minute = timedelta(minutes=1)
    try:
        timeout = _span(storage, "controlQueueVisibilityTimeout")
        checks = {
            "ControlQueueBatchSize must be a non-negative integer.": (
                int(_member(storage, "controlQueueBatchSize", 32)) > 0
            ),
            "PartitionCount must be an integer value between 1 and 16.": (
                1 <= int(_member(storage, "partitionCount", _PARTITIONS)) <= 16
            ),
            "ControlQueueVisibilityTimeout must be between 1 and 60 minutes.": (
                minute <= timeout <= 60 * minute
            ),
            "MaxQueuePollingInterval must be non-negative.": (
                _span(storage, "maxQueuePollingInterval") > timedelta(0)
            ),
            "ControlQueueBufferThreshold must be between 1 and 1000.": (
                1 <= int(_member(storage, "controlQueueBufferThreshold", 256)) <= 1000
            ),
        }
    except ValueError as error:
        raise ConfigError(f"host.json: {error}") from error
    for problem, is_well in checks.items():
        if not is_well:
            raise ConfigError(f"host.json: {problem}")


def _span(storage: Mapping[str, Any], name: str) -> timedelta:
    """A .NET time span, five minutes if it is not there. Raises ``ValueError``."""
    text = str(_member(storage, name, "00:05:00"))
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{name} is '{text}', which is no time span (hh:mm:ss)")
    days, hours, minutes, seconds, fraction = (part or "0" for part in found.groups())
    return timedelta(
        days=int(days),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds) + float(f"0.{fraction}"),
    )


def _member(document: Mapping[str, Any], name: str, default: Any) -> Any:
    """A member; names are compared without regard to case, as .NET does."""
    return next((v for k, v in document.items() if k.lower() == name.lower()), default)


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object, an empty one if it is not there."""
    value = _member(document, name, None)
    return value if isinstance(value, dict) else {}


def _override(document: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        key = next((key for key in document if key.lower() == name.lower()), name)
        document = document.setdefault(key, {})
    key = next((key for key in document if key.lower() == path[-1].lower()), path[-1])
    document[key] = value
