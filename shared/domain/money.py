"""Money as integers: one micro-USD is a millionth of a dollar, and nothing is ever a float."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

MICRO = 1_000_000


def usd(micro_usd: int) -> str:
    """The decimal string of an amount: at least two decimals, no more than it needs."""
    text = f"{Decimal(micro_usd) / MICRO:.6f}"
    whole, decimals = text.split(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def micro_usd(usd_amount: str | float | int) -> int:
    """The integer of a configured dollar amount; ValueError if it is finer than a micro-dollar."""
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

    Published examples hold exactly (the tests have them): Sora 1 asks $0.05 for a second at
    1280x720, scaled by the number of pixels; Sora 2 asks $0.10 for a second, flat.
    `failed_render` says what an upstream job that reports `failed` costs: nobody publishes it, so
    it is a rule of the row and each ledger entry names the basis it was booked on.
    """

    version: str
    per_second_micro_usd: int
    reference_pixels: int | None = None
    """Where set, the price is for this many pixels and grows in proportion to them."""
    failed_render: Literal["released", "settled"] = "released"
    """`released`: a failed render costs nothing (basis `reported_failed_not_billed`);
    `settled`: it costs as much as a finished one (basis `failed_render_billed`)."""

    def amount(self, width: int, height: int, seconds: int, outputs: int = 1) -> int:
        """Micro-USD for `outputs` of `seconds` each, rounded to the nearest whole one."""
        total = self.per_second_micro_usd * seconds * outputs
        if self.reference_pixels is None:
            return total
        scaled = total * width * height
        return (scaled + self.reference_pixels // 2) // self.reference_pixels
