"""Parameters: fields of a request that an upstream takes beside the API's own, such as `seed`.

An operator names them in `UPSTREAMS`, with a type and bounds. All deployments of a model give a
parameter the same type, so a request is read before its deployment is chosen.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.domain.errors import InvalidRequest

Value = int | float | str | bool
Type = Literal["integer", "number", "string", "boolean"]

NAME = r"^[a-z][a-z0-9_]{0,63}$"
RESERVED = frozenset(
    {
        # the fields of a create, as bodies and as forms
        *("model", "prompt", "size", "seconds", "n_variants", "input_reference", "inpaint_items"),
        *("files", "fit", "metadata", "webhook", "parameters", "allow_successor"),
        # what agents say beside them
        *("request_id", "max_usd", "video_id"),
        # what decides size, length and number on the wires of the upstreams
        *("width", "height", "n_seconds", "n", "duration", "aspect_ratio", "resolution"),
    }
)
"""Names that no parameter may have."""

_LONGEST_SHOWN = 80
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(\.0{1,6})?")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_TYPES: Mapping[Type, str] = {
    "integer": "an integer",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What an upstream allows of one parameter: bounds of a number, or the length of a text."""

    type: Type
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: int | None = None
    enum: tuple[Value, ...] = ()
    """The only values; empty: any."""

    def allows(self, value: Value) -> bool:
        """Whether a value of its type is within its bounds."""
        if self.enum and value not in self.enum:
            return False
        if isinstance(value, str):
            return self.max_length is None or len(value) <= self.max_length
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )

    @property
    def words(self) -> str:
        """What is allowed, for people."""
        if self.enum:
            return f"one of {', '.join(as_text(value) for value in self.enum)}"
        what = _TYPES[self.type]
        if self.max_length is not None:
            return f"{what} of at most {self.max_length:,} characters"
        if self.minimum is not None and self.maximum is not None:
            return f"{what} from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f"{what} of at least {self.minimum}"
        return what if self.maximum is None else f"{what} of at most {self.maximum}"

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        bounds = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "maxLength": self.max_length,
            "enum": list(self.enum) or None,
        }
        set_ = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"type": self.type, **set_}


def read(name: str, value: object, kind: Type) -> Value:
    """A parameter as a request has it: as in JSON, or as the text of a form. Equal values are equal
    afterwards, however they were written. Raises InvalidRequest."""
    found = _READERS[kind](value)
    if found is None:
        raise InvalidRequest(f"{name} {_shown(value)} is not {_TYPES[kind]}.", param=name)
    return found


def check(values: Mapping[str, Value], allowed: Mapping[str, Parameter], model: str) -> None:
    """Raise InvalidRequest, with the parameter, its value and what is allowed, unless all fit."""
    for name, value in values.items():
        if name not in allowed:
            raise InvalidRequest(
                f"{name} is not a parameter of {model}. Its parameters: "
                f"{', '.join(allowed) or 'none'}.",
                param=name,
                code="unknown_parameter",
            )
        if not allowed[name].allows(value):
            raise InvalidRequest(
                f"{name} {_shown(value)} is not supported by {model}. "
                f"Allowed: {allowed[name].words}.",
                param=name,
            )


def of_all(deployments: Iterable[Mapping[str, Parameter]]) -> dict[str, Parameter]:
    """What at least one deployment of a model takes, with the widest bounds."""
    found: dict[str, Parameter] = {}
    for taken in deployments:
        for name, parameter in taken.items():
            found[name] = _wider(found[name], parameter) if name in found else parameter
    return found


def _wider(one: Parameter, other: Parameter) -> Parameter:
    return Parameter(
        type=one.type,
        minimum=_outer(min, one.minimum, other.minimum),
        maximum=_outer(max, one.maximum, other.maximum),
        max_length=_outer(max, one.max_length, other.max_length),
        enum=tuple(dict.fromkeys(one.enum + other.enum)) if one.enum and other.enum else (),
    )


def as_text(value: Value) -> str:
    """A value as the text of a form."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _outer(choose: Callable[..., Any], one: Any, other: Any) -> Any:
    return None if one is None or other is None else choose(one, other)


def integer(value: object) -> object:
    """8.0 is 8: JSON Schema counts it among the integers, some clients have one kind of number, and
    pandas writes it in a column of whole numbers with gaps."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _integer(value: object) -> int | None:
    if isinstance(value, str) and (written := _WHOLE.fullmatch(value.strip())):
        value = int(written[1])
    value = integer(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(2**63) <= value < 2**63 else None


def _number(value: object) -> float | None:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can escape
        return None
    return value


def _boolean(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


_READERS: Mapping[Type, Callable[[object], Value | None]] = {
    "integer": _integer,
    "number": _number,
    "string": _text,
    "boolean": _boolean,
}


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."
