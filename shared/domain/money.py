"""Money as integers of micro-USD, a millionth of a dollar; never floats."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

Unit = Literal["second", "megapixel_second", "video", "gpu_second"]
UNITS: tuple[Unit, ...] = get_args(Unit)
"""What a price is for. A megapixel is a million pixels of each frame."""

MICRO = 1_000_000
_DEAREST = 10**6 * MICRO
"""No job costs a million dollars: what says so is not believed."""
_MOST = 10**18
"""Micro-USD: what a row has room for."""


def usd(micro_usd: int) -> str:
    """An amount as a decimal string with two decimals, or as many as it needs."""
    text = f"{Decimal(micro_usd) / MICRO:.6f}"
    whole, decimals = text.split(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def micro_usd(usd_amount: str | float | int) -> int:
    """A configured amount in dollars as micro-USD. Raises ValueError if it is finer than one."""
    try:
        amount = Decimal(str(usd_amount)) * MICRO
    except ArithmeticError:
        raise ValueError(f"{usd_amount!r} is not an amount in US dollars") from None
    if not amount.is_finite() or abs(amount) > _MOST:
        raise ValueError(f"{usd_amount} USD is not an amount that can be booked")
    if amount != amount.to_integral_value():
        raise ValueError(f"{usd_amount} USD is finer than a millionth of a dollar")
    return int(amount)


def reported(usd_amount: object) -> int | None:
    """What an upstream says that a job cost, in US dollars, as micro-USD; None where that cannot be
    believed: no number, negative, not finite, or a million dollars."""
    if isinstance(usd_amount, bool) or not isinstance(usd_amount, int | float | str):
        return None
    try:
        amount = Decimal(str(usd_amount)) * MICRO
    except (ArithmeticError, ValueError):
        return None
    return round(amount) if amount.is_finite() and 0 <= amount < _DEAREST else None


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price row: what one unit of a render costs.

    The tests check the published examples: Sora 1 costs $0.05 a second at 1280x720, scaled by the
    number of pixels; Sora 2 costs $0.10 a second, flat. Nobody publishes what a failed render
    costs, so `failed_render` configures it, and ledger entries name the rule as their basis.
    """

    version: str
    rate: int
    """Micro-USD for one `unit`."""
    unit: Unit = "second"
    """`second` and `megapixel_second` are of each output, `video` is an output, and `gpu_second` is
    of the render, on each of `gpus`."""
    reference_pixels: int | None = None
    """If set, a price by the second is for this many pixels, and proportional to their number."""
    gpus: int = 1
    expected_seconds: float | None = None
    """The length of a render that is reserved at a price by GPU second; None: as learned."""
    failed_render: Literal["released", "settled"] = "released"
    """`released`: a failed render costs nothing (basis `reported_failed_not_billed`);
    `settled`: it costs as much as a finished one (basis `failed_render_billed`)."""

    def amount(
        self,
        width: int,
        height: int,
        seconds: int,
        outputs: int = 1,
        *,
        render_seconds: float = 0.0,
    ) -> int:
        """Micro-USD, rounded to the nearest, for `outputs` that last `seconds` together, whose
        render took `render_seconds`."""
        if self.unit == "video":
            return self.rate * outputs
        if self.unit == "gpu_second":
            return round(self.rate * self.gpus * Decimal(str(render_seconds)))
        pixels = 10**6 if self.unit == "megapixel_second" else self.reference_pixels
        total = self.rate * seconds
        if pixels is None:
            return total
        return (total * width * height + pixels // 2) // pixels
