"""Money as integers of micro-USD, a millionth of a dollar; never floats."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

MICRO = 1_000_000


def usd(micro_usd: int) -> str:
    """An amount as a decimal string with two decimals, or as many as it needs."""
    text = f"{Decimal(micro_usd) / MICRO:.6f}"
    whole, decimals = text.split(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def micro_usd(usd_amount: str | float | int) -> int:
    """A configured amount in dollars as micro-USD. Raises ValueError if it is finer than one."""
    try:
        amount = Decimal(str(usd_amount)) * MICRO
    except InvalidOperation:
        raise ValueError(f"{usd_amount!r} is not an amount in US dollars") from None
    if amount != amount.to_integral_value():
        raise ValueError(f"{usd_amount} USD is finer than a millionth of a dollar")
    return int(amount)


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price row: what one second of one output costs.

    The tests check the published examples: Sora 1 costs $0.05 a second at 1280x720, scaled by the
    number of pixels; Sora 2 costs $0.10 a second, flat. Nobody publishes what a failed render
    costs, so `failed_render` configures it, and ledger entries name the rule as their basis.
    """

    version: str
    per_second_micro_usd: int
    reference_pixels: int | None = None
    """If set, the price is for this many pixels, and proportional to their number."""
    failed_render: Literal["released", "settled"] = "released"
    """`released`: a failed render costs nothing (basis `reported_failed_not_billed`);
    `settled`: it costs as much as a finished one (basis `failed_render_billed`)."""

    def amount(self, width: int, height: int, seconds: int, outputs: int = 1) -> int:
        """Micro-USD for `outputs` of `seconds` each, rounded to the nearest."""
        total = self.per_second_micro_usd * seconds * outputs
        if self.reference_pixels is None:
            return total
        scaled = total * width * height
        return (scaled + self.reference_pixels // 2) // self.reference_pixels
