"""`capabilities` of an upstream: what its model takes, as far as the operator says."""

import re
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from shared.domain import limits
from shared.domain.capabilities import Capabilities
from shared.domain.errors import InvalidRequest
from shared.domain.parameters import NAME, RESERVED, Parameter, Type, read
from shared.domain.sizes import SizeRule
from shared.settings.values import Strict

_Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
_Value = StrictBool | StrictInt | StrictFloat | StrictStr


class ParameterConfig(Strict):
    """See `shared.domain.parameters.Parameter`."""

    type: Type
    minimum: _Number | None = None
    maximum: _Number | None = None
    max_length: Annotated[int, Field(ge=1, le=limits.LONGEST_PARAMETERS)] | None = None
    enum: Annotated[list[_Value], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        is_number = self.type in ("integer", "number")
        bounds = [each for each in (self.minimum, self.maximum) if each is not None]
        if bounds and not is_number:
            raise ValueError("minimum and maximum are for integer and number")
        if bounds != sorted(bounds):
            raise ValueError("minimum is above maximum")
        if self.max_length is not None and self.type != "string":
            raise ValueError("max_length is for string")
        row = self.row()
        if any(not row.allows(value) for value in row.enum):
            raise ValueError("enum has a value outside of the bounds")
        return self

    def row(self) -> Parameter:
        try:
            enum = tuple(read("enum:", value, self.type) for value in self.enum or ())
        except InvalidRequest as error:
            raise ValueError(error.message) from None
        longest = self.max_length
        if self.type == "string" and longest is None:
            longest = limits.LONGEST_PARAMETER
        return Parameter(
            type=self.type,
            minimum=self.minimum,
            maximum=self.maximum,
            max_length=longest,
            enum=enum,
        )


class SizeRuleConfig(Strict):
    """See `shared.domain.sizes.SizeRule`."""

    multiple_of: Annotated[int, Field(ge=1)] = 1
    min: Annotated[int, Field(ge=limits.SMALLEST_SIDE)]
    max: Annotated[int, Field(le=limits.LARGEST_SIDE)]
    max_pixels: Annotated[int, Field(ge=1)] = limits.LARGEST_SIDE**2

    @model_validator(mode="after")
    def _some_size(self) -> Self:
        smallest = -(-self.min // self.multiple_of) * self.multiple_of
        if not self.row().allows(smallest, smallest):
            raise ValueError("no size fits the rule")
        return self

    def row(self) -> SizeRule:
        return SizeRule(**self.model_dump())


class SecondsConfig(Strict):
    """Every whole length from `min` to `max`."""

    min: Annotated[int, Field(ge=1)]
    max: Annotated[int, Field(le=limits.LONGEST_RANGE)]

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.min > self.max:
            raise ValueError("min is above max")
        return self


class CapabilitiesConfig(Strict):
    """Replaces parts of a model's capabilities; see `shared.domain.capabilities.Capabilities`."""

    sizes: list[str] | None = None
    size_rule: SizeRuleConfig | None = None
    default_size: str | None = None
    seconds: list[int] | SecondsConfig | None = None
    default_seconds: int | None = None
    prompt_characters: int | None = None
    variants: dict[int, int] | None = None
    seconds_above_pixels: dict[int, int] | None = None
    images: int | None = None
    input_video_seconds: int | None = None
    placed_inputs: bool | None = None
    remix: bool | None = None
    parameters: (
        Annotated[
            dict[Annotated[str, Field(pattern=NAME)], ParameterConfig],
            Field(max_length=limits.MOST_PARAMETERS),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _by_rule(self) -> Self:
        if self.size_rule is None:
            return self
        if self.sizes is not None:
            raise ValueError("sizes and size_rule exclude each other")
        match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", self.default_size or "")
        if match is None:
            raise ValueError("size_rule needs a default_size like 1280x720")
        if not self.size_rule.row().allows(int(match[1]), int(match[2])):
            raise ValueError("default_size does not fit size_rule")
        return self

    @model_validator(mode="after")
    def _parameters(self) -> Self:
        taken = self.parameters or {}
        if reserved := sorted(RESERVED & taken.keys()):
            raise ValueError(f"parameters: {', '.join(reserved)} is of the API itself")
        if sum(each.row().max_length or 0 for each in taken.values()) > limits.LONGEST_PARAMETERS:
            raise ValueError(
                f"parameters: texts have at most {limits.LONGEST_PARAMETERS:,} characters together"
            )
        return self

    def over(self, base: Capabilities | None) -> Capabilities:
        values = {name: getattr(self, name) for name in self.model_fields_set}
        values = {name: value for name, value in values.items() if value is not None}
        values |= self._rows()
        if base is not None:
            return replace(base, **values)
        if values.get("sizes"):
            values.setdefault("default_size", values["sizes"][0])
        if values.get("seconds"):
            values.setdefault("default_seconds", values["seconds"][0])
        values.setdefault("prompt_characters", limits.LONGEST_PROMPT)
        if "default_size" not in values or "default_seconds" not in values:
            raise ValueError("a model that is not built in needs sizes (or size_rule) and seconds")
        return Capabilities(**values)

    def _rows(self) -> dict[str, Any]:
        """The values that the domain has in another form."""
        rows: dict[str, Any] = {}
        if self.sizes is not None:
            rows["sizes"] = tuple(self.sizes)
        if self.size_rule is not None:
            rows |= {"sizes": (), "size_rule": self.size_rule.row()}
        if isinstance(self.seconds, SecondsConfig):
            rows["seconds"] = tuple(range(self.seconds.min, self.seconds.max + 1))
        elif self.seconds is not None:
            rows["seconds"] = tuple(self.seconds)
        if self.parameters is not None:
            rows["parameters"] = {name: each.row() for name, each in self.parameters.items()}
        return rows
