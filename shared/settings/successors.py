"""`successor` of an upstream: which model renders in place of its own, and when."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, ConfigDict, Field, field_validator

from shared.domain.money import micro_usd
from shared.domain.succession import Successor, circle
from shared.settings.values import Strict

if TYPE_CHECKING:
    from shared.settings.upstreams import Upstream

_Size = Annotated[str, Field(pattern=r"^[0-9]{2,5}x[0-9]{2,5}$")]
_Seconds = Annotated[int, Field(ge=1)]


class SuccessorConfig(Strict):
    """The model that renders in place of this one, once any of the three is so: its date has come,
    every deployment answers 410, every deployment has been out or paused for so long."""

    model_config = ConfigDict(populate_by_name=True)

    model: str
    sizes: dict[_Size, _Size] = Field(default_factory=dict)
    """Size asked for -> size rendered instead; any other stays as it is."""
    seconds: dict[_Seconds, _Seconds] = Field(default_factory=dict)
    starts: AwareDatetime | None = Field(default=None, alias="from")
    """None: when the last deployment of the model retires, where all have a `retires_at`."""
    on_410: bool = True
    after_out_minutes: Annotated[float, Field(gt=0)] | None = None
    """None: an outage is waited for."""


def of_model(
    upstreams: Iterable["Upstream"], model: str, *, minute: float = 60.0
) -> Successor | None:
    """The successor of a model; `minute` is one in seconds, scaled."""
    offering = [each for each in upstreams if each.model == model]
    named = next((each.successor for each in offering if each.successor is not None), None)
    if named is None:
        return None
    since = None if named.starts is None else named.starts.timestamp()
    ends = [each.retires_at.timestamp() for each in offering if each.retires_at is not None]
    if since is None and len(ends) == len(offering):
        since = max(ends)
    out = named.after_out_minutes
    return Successor(
        model=named.model,
        sizes=named.sizes,
        seconds=named.seconds,
        since=since,
        on_410=named.on_410,
        out_for=None if out is None else out * minute,
    )


def check(upstreams: Sequence["Upstream"]) -> None:
    """Raises ValueError where the successors contradict each other, or lead nowhere."""
    by_model: dict[str, SuccessorConfig] = {}
    for each in upstreams:
        if each.successor is None:
            continue
        if by_model.setdefault(each.model, each.successor) != each.successor:
            raise ValueError(f"two deployments of {each.model} name another successor")
    models = sorted({each.model for each in upstreams})
    for model, named in by_model.items():
        if named.model not in models:
            raise ValueError(
                f"the successor of {model}, {named.model!r}, is no model here: {', '.join(models)}"
            )
        _check_maps(model, named, [each for each in upstreams if each.model == named.model])
    if path := circle({model: named.model for model, named in by_model.items()}):
        raise ValueError(f"successors lead in a circle: {' -> '.join(path)}")


def _check_maps(model: str, named: SuccessorConfig, heirs: Sequence["Upstream"]) -> None:
    """What is rendered instead has to be something that the successor renders."""
    for size in named.sizes.values():
        width, height = map(int, re.findall("[0-9]+", size))
        if not any(each.can.takes_size(width, height) for each in heirs):
            raise ValueError(f"the successor of {model}, {named.model}, has no size {size}")
    for seconds in named.seconds.values():
        if not any(seconds in each.can.seconds for each in heirs):
            raise ValueError(f"the successor of {model}, {named.model}, has no {seconds} s")


class AllowanceConfig(Strict):
    """What the successor of a model may do with the requests of a caller that say nothing of it."""

    max_usd: Annotated[float, Field(ge=0)] | None = None
    """The most that one video may cost then; None: whatever the ceilings allow."""

    @field_validator("max_usd")
    @classmethod
    def _can_be_booked(cls, value: float | None) -> float | None:
        if value is not None:
            micro_usd(value)  # raises ValueError
        return value
