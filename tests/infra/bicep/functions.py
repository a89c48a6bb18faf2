"""The functions and operators of Bicep that `infra/` uses, as Azure evaluates them."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import operator
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
NOW = "2026-11-01"
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
    "%": operator.mod,
}


def string(value: Any) -> str:
    """A text as it is, `True` and `False` in Azure's spelling, everything else as JSON."""
    if isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def refused(decorator: str, arguments: list[Any], value: Any) -> str | None:
    """Why a decorator refuses a parameter's value."""
    limits: Mapping[str, Callable[[Any, Any], bool]] = {
        "allowed": lambda v, allowed: v in allowed,
        "minValue": lambda v, least: v >= least,
        "maxValue": lambda v, most: v <= most,
        "minLength": lambda v, least: len(v) >= least,
        "maxLength": lambda v, most: len(v) <= most,
    }
    fits = limits.get(decorator)
    if fits is None or value is None or fits(value, arguments[0]):
        return None
    return f"is {value!r}: {decorator} {arguments[0]!r}"


def _union(*values: Any) -> Any:
    if isinstance(values[0], list):
        return _unique(each for value in values for each in value)
    merged: dict[str, Any] = {}
    for value in values:
        for key, new in value.items():
            old = merged.get(key)
            both = isinstance(old, dict) and isinstance(new, dict)
            merged[key] = _union(old, new) if both else new
    return merged


def _unique(values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept


def _to_object(
    values: list[Any], key: Callable[[Any], str], value: Callable[[Any], Any] = lambda each: each
) -> dict[str, Any]:
    return {key(each): value(each) for each in values}


def _concat(*values: Any) -> Any:
    if isinstance(values[0], list):
        return [each for value in values for each in value]
    return "".join(values)


def _unique_string(*values: str) -> str:
    digest = hashlib.sha256("-".join(values).encode()).digest()
    return "".join(_LETTERS[byte % 32] for byte in digest[:13])


def _resource_id(*parts: str) -> str:
    subscription, group, kind, name = parts
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"


def _cidr_subnet(network: str, prefix: int, index: int) -> str:
    return str(list(ipaddress.ip_network(network).subnets(new_prefix=prefix))[index])


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "cidrSubnet": _cidr_subnet,
    "concat": _concat,
    "contains": lambda container, item: item in container,
    "empty": lambda value: not value,
    "endsWith": str.endswith,
    "environment": lambda: {"suffixes": {"storage": "core.windows.net"}},
    "filter": lambda values, keep: [each for each in values if keep(each)],
    "flatten": lambda lists: [each for values in lists for each in values],
    "guid": lambda *values: str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(values))),
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "join": lambda values, by: by.join(values),
    "last": lambda values: values[-1] if values else None,
    "length": len,
    "map": lambda values, how: [how(each) for each in values],
    "max": max,
    "replace": lambda text, old, new: text.replace(old, new),
    "resourceId": _resource_id,
    "split": lambda text, by: text.split(by),
    "string": string,
    "substring": lambda text, start, length: text[start : start + length],
    "subscription": lambda: {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "subscriptionId": SUBSCRIPTION,
    },
    "subscriptionResourceId": lambda kind, name: (
        f"/subscriptions/{SUBSCRIPTION}/providers/{kind}/{name}"
    ),
    "tenant": lambda: {"tenantId": TENANT},
    "toLower": str.lower,
    "toObject": _to_object,
    "toUpper": str.upper,
    "union": _union,
    "uniqueString": _unique_string,
    "utcNow": lambda _format: NOW,
}
