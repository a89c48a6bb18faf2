"""host.json, local.settings.json and ``%SETTING%`` names, as the Functions host reads them."""

import json
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OVERRIDE_PREFIX = "AzureFunctionsJobHost__"
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


def load_host_config(directory: Path, environ: Mapping[str, str]) -> HostConfig:
    """Read ``host.json``; environment variables ``AzureFunctionsJobHost__a__b`` override it.

    Raises ``ConfigError``.
    """
    document = _read_json(directory / "host.json")
    for name, value in environ.items():
        if name.startswith(_OVERRIDE_PREFIX):
            _override(document, name.removeprefix(_OVERRIDE_PREFIX).split("__"), value)
    extensions = _section(document, "extensions")
    durable = _section(extensions, "durableTask")
    storage = _section(durable, "storageProvider")
    # Outside of Consumption the extension's defaults are ten per core.
    per_core = 10 * (os.cpu_count() or 1)
    try:
        return HostConfig(
            route_prefix=str(_section(extensions, "http").get("routePrefix", "api")).strip("/"),
            hub_name=resolve(str(durable.get("hubName", "LocalHub")), environ),
            connection_name=str(
                storage.get("connectionName", storage.get("connectionStringName", "Storage"))
            ),
            max_concurrent_activities=int(durable.get("maxConcurrentActivityFunctions", per_core)),
            max_concurrent_orchestrators=int(
                durable.get("maxConcurrentOrchestratorFunctions", per_core)
            ),
            default_version=str(durable.get("defaultVersion", "")),
            override_any_state=(
                str(durable.get("overridableExistingInstanceStates", "")).lower() == "anystate"
            ),
            splits_long_timers=str(storage.get("type", "azureStorage")).lower() == "azurestorage",
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


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object; names are compared without regard to case, as .NET does."""
    for key, value in document.items():
        if key.lower() == name.lower() and isinstance(value, dict):
            return value
    return {}


def _override(document: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        key = next((key for key in document if key.lower() == name.lower()), name)
        document = document.setdefault(key, {})
    key = next((key for key in document if key.lower() == path[-1].lower()), path[-1])
    document[key] = value
