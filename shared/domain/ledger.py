"""The ledger: append-only money rows, and how each one changes the totals.

Every billing of a video (usually one) has its own entries:

    reserve -> settle | release | unknown          unknown -> settle | release

An entry carries its change to each total, so a total is always the sum of its entries. Storage
writes an entry and the totals it changes in one transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """Micro-USD by state."""

    reserved: int = 0
    settled: int = 0
    unknown: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            reserved=self.reserved + other.reserved,
            settled=self.settled + other.settled,
            unknown=self.unknown + other.unknown,
        )

    @property
    def committed(self) -> int:
        """The sum that a ceiling is compared with."""
        return self.reserved + self.settled + self.unknown


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row. `day` (UTC, `2026-11-21`) is always that of the admission: a reservation and its
    settlement change the same totals."""

    video_id: str
    caller: str
    model: str
    deployment: str | None
    day: str
    attempt: int
    kind: Kind
    amount: int
    change: Amounts
    price_version: str
    basis: str
    at: int
    opened: int = 0
    """Its change to the number of open reservations."""
    batch: str | None = None
    """The batch whose line the video is."""
    seconds: int = 0
    """Seconds of finished video that a settlement pays for, of all outputs."""
    rendered_by: str | None = None
    """The successor that renders it; None: `model` does."""

    @property
    def month(self) -> str:
        return self.day[:7]


class LedgerError(Exception):
    """An entry that the earlier ones do not allow: a fault of ours, never of a caller."""


def change_for(kind: Kind, amount: int, before: Iterable[tuple[Kind, int]]) -> Amounts | None:
    """How an entry of `kind` over `amount` changes the totals, after its billing's `before`.

    None if the same entry, or one that closes the billing, is there already: it would count twice.
    Raises LedgerError without a reservation.
    """
    earlier: Mapping[Kind, int] = dict(before)
    if kind in earlier:
        return None
    if kind is Kind.RESERVE:
        return Amounts(reserved=amount)
    if Kind.RESERVE not in earlier:
        raise LedgerError(f"{kind} without a reservation")
    if Kind.SETTLE in earlier or Kind.RELEASE in earlier:
        return None
    if kind is Kind.UNKNOWN:
        return Amounts(reserved=-earlier[Kind.RESERVE], unknown=amount)
    settled = amount if kind is Kind.SETTLE else 0
    if Kind.UNKNOWN in earlier:
        return Amounts(unknown=-earlier[Kind.UNKNOWN], settled=settled)
    return Amounts(reserved=-earlier[Kind.RESERVE], settled=settled)
