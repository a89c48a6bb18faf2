"""What the app exports, as the host indexes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from function_app import app


@dataclass(frozen=True)
class Exported:
    """One function: how it is started, and for HTTP its route (without a leading slash)."""

    name: str
    trigger: str
    route: str = ""
    methods: tuple[str, ...] = ()


def functions() -> Mapping[str, Exported]:
    """Every function by name."""
    app.functions_bindings = {}  # it is read once by a host, and remembers the names
    try:
        return {each.name: each for each in map(_exported, app.get_functions())}
    finally:
        app.functions_bindings = {}


def _exported(function: Any) -> Exported:
    trigger, name = function.get_trigger(), str(function.get_function_name())
    if trigger.type != "httpTrigger":
        return Exported(name, str(trigger.type))
    methods = tuple(str(getattr(method, "value", method)) for method in trigger.methods)
    return Exported(name, trigger.type, trigger.route.lstrip("/"), methods)
