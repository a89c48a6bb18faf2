"""The ledger: append-only money rows, and what each one does to the totals.

Every attempt to render a video (usually one) has its own short story of entries:

    reserve -> settle | release | unknown          unknown -> settle | release

An entry carries the change it makes to each total, so a total is always the sum of its entries and
an audit is an addition. Storage writes an entry and the totals it changes in one transaction.
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
    """Micro-USD by state; as a total, what counts against a ceiling is the sum of the three."""

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
        """What a ceiling is compared with."""
        return self.reserved + self.settled + self.unknown


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row. `day` (UTC, `2026-11-21`) and the month in it are those of the admission, whenever
    the entry is written, so that a reservation and its settlement meet in the same totals."""

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
    """By how much it changes the number of reservations that nothing has closed yet."""
    seconds: int = 0
    """Seconds of finished video that a settlement pays for, over all outputs."""

    @property
    def month(self) -> str:
        return self.day[:7]


class LedgerError(Exception):
    """An entry that the story of its attempt does not allow. A fault of ours, never of a caller."""


def change_for(kind: Kind, amount: int, before: Iterable[tuple[Kind, int]]) -> Amounts | None:
    """What an entry of `kind` over `amount` changes, after the attempt's entries `before`.

    None when the same entry, or one that already closed the attempt, is there: writing it
    again would count it twice. Raises LedgerError where nothing was reserved before.
    """
    story: Mapping[Kind, int] = dict(before)
    if kind in story:
        return None
    if kind is Kind.RESERVE:
        return Amounts(reserved=amount)
    if Kind.RESERVE not in story:
        raise LedgerError(f"{kind} without a reservation")
    if Kind.SETTLE in story or Kind.RELEASE in story:
        return None
    if kind is Kind.UNKNOWN:
        return Amounts(reserved=-story[Kind.RESERVE], unknown=amount)
    settled = amount if kind is Kind.SETTLE else 0
    if Kind.UNKNOWN in story:
        return Amounts(unknown=-story[Kind.UNKNOWN], settled=settled)
    return Amounts(reserved=-story[Kind.RESERVE], settled=settled)
