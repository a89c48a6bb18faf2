"""`prices` of an upstream: what one second, megapixel-second, video or GPU second costs."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.domain.money import UNITS, Price, micro_usd
from shared.settings.values import Strict

Usd = str | float | None


class PriceConfig(Strict):
    """A price row in US dollars, by exactly one unit; see `shared.domain.money.Price`."""

    version: str
    usd_per_second: Usd = None
    usd_per_megapixel_second: Usd = None
    usd_per_video: Usd = None
    usd_per_gpu_second: Usd = None
    reference_size: str | None = None
    gpus: Annotated[int, Field(ge=1, le=100_000)] = 1
    expected_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    failed_render: Literal["released", "settled"] = "released"

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        units = [unit for unit in UNITS if getattr(self, f"usd_per_{unit}") is not None]
        if len(units) != 1:
            known = ", ".join(f"usd_per_{unit}" for unit in UNITS)
            raise ValueError(f"give exactly one of {known}")
        if self.reference_size is not None and units != ["second"]:
            raise ValueError("reference_size goes with usd_per_second")
        of_gpus = self.gpus != 1 or self.expected_seconds is not None
        if of_gpus and units != ["gpu_second"]:
            raise ValueError("gpus and expected_seconds go with usd_per_gpu_second")
        if self.row().rate < 0:
            raise ValueError("a price is not negative")
        return self

    def row(self) -> Price:
        unit = next(unit for unit in UNITS if getattr(self, f"usd_per_{unit}") is not None)
        pixels = None
        if self.reference_size is not None:
            width, height = _size(self.reference_size)
            pixels = width * height
        return Price(
            version=self.version,
            rate=micro_usd(getattr(self, f"usd_per_{unit}")),
            unit=unit,
            reference_pixels=pixels,
            gpus=self.gpus,
            expected_seconds=self.expected_seconds,
            failed_render=self.failed_render,
        )


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if match is None:
        raise ValueError(f"{text!r} is not a size like 1280x720")
    return int(match[1]), int(match[2])
