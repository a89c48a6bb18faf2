"""ASP.NET route templates: which function answers a path.

Syntax and constraints: ASP.NET Core routing (``{id}``, ``{id?}``, ``{id=1}``, ``{id:int}``,
``{*rest}``, ``{name}.{ext?}``). Order: functions sorted by name, and the first route that matches
path and method wins, however specific another one is (host ``FunctionMetadataManager``,
``WebScriptHostHttpRoutesManager``; azure-functions-host#3153, #9876). Literals are compared without
regard to case.
"""

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Generic, TypeVar

T = TypeVar("T")

Constraint = Callable[[str], bool]


class RouteError(ValueError):
    """A template that ASP.NET would refuse."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    constraints: tuple[Constraint, ...]
    is_optional: bool
    is_catch_all: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class _Segment:
    """One part between slashes: text and parameters that alternate."""

    parts: tuple[str | _Parameter, ...]
    pattern: re.Pattern[str]

    @property
    def catch_all(self) -> _Parameter | None:
        first = self.parts[0]
        return first if isinstance(first, _Parameter) and first.is_catch_all else None

    @property
    def may_be_missing(self) -> bool:
        first = self.parts[0]
        if isinstance(first, str) or len(self.parts) > 1:
            return False
        return first.is_optional or first.is_catch_all or first.default is not None


class Route:
    """One template; ``methods`` in upper case, None for all."""

    def __init__(self, template: str, methods: Collection[str] | None = None) -> None:
        """Raises ``RouteError``."""
        self.template = template.strip("/")
        self.methods = frozenset(methods) if methods is not None else None
        self.segments = [_segment(text) for text in _split(self.template)]

    def match(self, path: str) -> dict[str, str] | None:
        """The route's values for a decoded path, or None. Optional parameters may be missing.

        As ``RoutePatternMatcher``: an empty segment is matched by a catch-all only that began
        before it, and what a catch-all takes is taken as it is.
        """
        rest = path.removeprefix("/")
        values = self._defaults()
        for segment in self.segments:
            if not rest:
                if not segment.may_be_missing:
                    return None
                continue
            part, _slash, following = rest.partition("/")
            if not part:
                return None
            if segment.catch_all is not None:
                return values if _take(segment.catch_all, rest, values) else None
            found = segment.pattern.fullmatch(part)
            if found is None:
                return None
            parameters = [each for each in segment.parts if isinstance(each, _Parameter)]
            for parameter, value in zip(parameters, found.groups(), strict=True):
                if value is not None and not _take(parameter, value, values):
                    return None
            rest = following
        return None if rest else values

    def _defaults(self) -> dict[str, str]:
        return {
            part.name: part.default
            for segment in self.segments
            for part in segment.parts
            if isinstance(part, _Parameter) and part.default is not None
        }


class RouteTable(Generic[T]):
    """Routes and what they lead to, in the order of their functions' names."""

    def __init__(self, routes: Iterable[tuple[str, Route, T]]) -> None:
        """``routes`` are (function's name, route, what it leads to)."""
        named = sorted(routes, key=lambda entry: sort_key(entry[0]))
        self._routes = [(route, target) for _name, route, target in named]

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """The first route of that method that matches, with its values."""
        for route, target in self._routes:
            if route.methods is None or method in route.methods:
                values = route.match(path)
                if values is not None:
                    return target, values
        return None


def sort_key(function_name: str) -> str:
    """By which the host sorts functions: ordinal, in upper case, so ``_`` follows the letters."""
    return function_name.upper()


def _take(parameter: _Parameter, value: str, values: dict[str, str]) -> bool:
    """Keep a parameter's value; whether its constraints allow it."""
    values[parameter.name] = value
    return all(constraint(value) for constraint in parameter.constraints)


def _split(template: str) -> list[str]:
    """Cut at the slashes outside of braces (a regex constraint may hold some)."""
    segments, depth, current = [], 0, ""
    for character in template:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            segments.append(current)
            current = ""
        else:
            current += character
    if depth != 0:
        raise RouteError(f"route '{template}' has unbalanced braces")
    return [*segments, current] if template else []


def _segment(text: str) -> _Segment:
    parts: list[str | _Parameter] = []
    pattern = ""
    position = 0
    while position < len(text):
        if text[position] == "{":
            end = _closing_brace(text, position)
            parameter = _parameter(text[position + 1 : end])
            if parameter.is_optional and pattern.endswith(r"(.+)\."):
                # {name}.{ext?}: without an extension there is no full stop either
                pattern = pattern.removesuffix(r"(.+)\.") + r"(.+?)(?:\.([^.]+))?"
            else:
                # greedy: ASP.NET looks for the text between parameters from the end
                pattern += "(.+)"
            parts.append(parameter)
            position = end + 1
        else:
            end = text.find("{", position)
            end = len(text) if end == -1 else end
            parts.append(text[position:end])
            pattern += re.escape(text[position:end])
            position = end
    if not parts:
        raise RouteError("a route must not have empty segments")
    return _Segment(tuple(parts), re.compile(pattern, re.IGNORECASE))


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise RouteError(f"segment '{text}' has unbalanced braces")


def _parameter(text: str) -> _Parameter:
    is_catch_all = text.startswith("*")
    text = text.lstrip("*")
    name, *rest = re.split(r"(?=[:=?])", text, maxsplit=1)
    tail = rest[0] if rest else ""
    constraints, default, is_optional = [], None, False
    while tail:
        if tail == "?":
            is_optional, tail = True, ""
        elif tail[0] == "=":
            default, tail = tail[1:], ""
        else:
            spec, tail = _constraint_text(tail[1:])
            constraints.append(_constraint(spec))
    if not name:
        raise RouteError(f"route parameter '{{{text}}}' has no name")
    return _Parameter(name, tuple(constraints), is_optional, is_catch_all, default)


def _constraint_text(text: str) -> tuple[str, str]:
    """One constraint and what follows it; parentheses may hold anything."""
    depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and character in ":=?":
            return text[:position], text[position:]
    return text, ""


def _constraint(spec: str) -> Constraint:
    name, _, arguments = spec.partition("(")
    arguments = arguments.removesuffix(")")
    try:
        return _CONSTRAINTS[name.lower()](arguments)
    except KeyError:
        raise RouteError(f"route constraint '{name}' is unknown") from None
    except ValueError:
        raise RouteError(f"route constraint '{spec}' has invalid arguments") from None


def _parses(parse: Callable[[str], object]) -> Callable[[str], Constraint]:
    def holds(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, InvalidOperation):
            return False
        return True

    return lambda _arguments: holds


def _integer(bits: int) -> Callable[[str], object]:
    def parse(value: str) -> None:
        if not (value.isascii() and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)):
            raise ValueError(value)

    return parse


def _boolean(value: str) -> None:
    if value.lower() not in ("true", "false"):
        raise ValueError(value)


def _range(arguments: str) -> Constraint:
    low, high = (int(number) for number in arguments.split(","))
    return lambda value: _is_integer(value) and low <= int(value) <= high


def _length(arguments: str) -> Constraint:
    numbers = [int(number) for number in arguments.split(",")]
    return lambda value: numbers[0] <= len(value) <= numbers[-1]


def _bound(arguments: str, *, is_lower: bool) -> Constraint:
    limit = int(arguments)
    if is_lower:
        return lambda value: _is_integer(value) and int(value) >= limit
    return lambda value: _is_integer(value) and int(value) <= limit


def _is_integer(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII) is not None


def _regex(arguments: str) -> Constraint:
    # In templates braces and brackets are doubled.
    pattern = re.compile(
        arguments.replace("{{", "{").replace("}}", "}").replace("[[", "[").replace("]]", "]"),
        re.IGNORECASE,
    )
    return lambda value: pattern.search(value) is not None


_CONSTRAINTS: Mapping[str, Callable[[str], Constraint]] = {
    "int": _parses(_integer(32)),
    "long": _parses(_integer(64)),
    "bool": _parses(_boolean),
    "guid": _parses(uuid.UUID),
    "float": _parses(float),
    "double": _parses(float),
    "decimal": _parses(Decimal),
    "datetime": _parses(datetime.fromisoformat),
    "alpha": lambda _arguments: lambda value: re.fullmatch("[A-Za-z]*", value) is not None,
    "required": lambda _arguments: bool,
    "min": lambda arguments: _bound(arguments, is_lower=True),
    "max": lambda arguments: _bound(arguments, is_lower=False),
    "range": _range,
    "length": _length,
    "minlength": lambda arguments: lambda value: len(value) >= int(arguments),
    "maxlength": lambda arguments: lambda value: len(value) <= int(arguments),
    "regex": _regex,
}
