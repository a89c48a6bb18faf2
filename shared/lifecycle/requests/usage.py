"""What the videos of a period cost, out of the ledger.

The days are UTC days of admission, on which everything about a video is booked. The ledger's keys
begin with the video's time, so a period is one range of keys in each of its months.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from shared.domain.errors import InvalidRequest
from shared.domain.ledger import Amounts, Entry, Kind
from shared.domain.limits import LONGEST_USAGE, MOST_USAGE_ENTRIES
from shared.domain.money import micro_usd
from shared.lifecycle import money
from shared.lifecycle.services import Services
from shared.storage.booking import caller_total, month_total


class GroupBy(StrEnum):
    DAY = "day"
    MODEL = "model"
    CALLER = "caller"


@dataclass(frozen=True)
class Sums:
    """Over videos admitted in the period; amounts are micro-USD, seconds those delivered."""

    videos: int = 0
    seconds: int = 0
    amounts: Amounts = field(default_factory=Amounts)
    released: int = 0

    def with_entry(self, entry: Entry) -> "Sums":
        first = entry.kind is Kind.RESERVE and entry.attempt == 1
        given_back = 0 if entry.kind is Kind.RESERVE else -entry.change.committed
        return Sums(
            videos=self.videos + first,
            seconds=self.seconds + entry.seconds,
            amounts=self.amounts + entry.change,
            released=self.released + given_back,
        )


@dataclass(frozen=True, kw_only=True)
class MonthToDate:
    """The current month; `budget` is in micro-USD, None where there is none."""

    month: str
    amounts: Amounts
    budget: int | None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Whose (`caller`; None: everybody's) videos of which days cost how much."""

    first: date
    last: date
    caller: str | None
    group_by: GroupBy
    rows: dict[str, Sums]
    total: Sums
    month_to_date: MonthToDate


def usage(
    services: Services, caller: str | None, first: date | None, last: date | None, by: GroupBy
) -> Usage:
    """Usage from the day `first` (default: the first of this month) to `last` (default: today),
    both included. Raises InvalidRequest."""
    today = datetime.fromtimestamp(services.clock(), UTC).date()
    last = last or max(today, first or today)
    first = first or last.replace(day=1)
    if first > last:
        raise InvalidRequest(f"from {first} is after to {last}.", param="from")
    if last - first >= timedelta(days=LONGEST_USAGE):
        raise InvalidRequest(
            f"{first} to {last} is more than {LONGEST_USAGE} days: ask for less.", param="from"
        )
    rows: dict[str, Sums] = {}
    total = Sums()
    for entry in _entries(services, caller, first, last):
        key = {
            GroupBy.DAY: entry.day,
            GroupBy.MODEL: entry.model,
            GroupBy.CALLER: entry.caller,
        }[by]
        rows[key] = rows.get(key, Sums()).with_entry(entry)
        total = total.with_entry(entry)
    return Usage(
        first=first,
        last=last,
        caller=caller,
        group_by=by,
        rows=dict(sorted(rows.items())),
        total=total,
        month_to_date=_month_to_date(services, caller),
    )


def _entries(services: Services, caller: str | None, first: date, last: date) -> Iterable[Entry]:
    read = 0
    start, end = _midnight_ms(first), _midnight_ms(last + timedelta(days=1))
    month = first.replace(day=1)
    while month <= last:
        for entry in services.ledger.admitted(
            month.strftime("%Y-%m"), start, end, caller=caller, limit=MOST_USAGE_ENTRIES - read + 1
        ):
            read += 1
            if read > MOST_USAGE_ENTRIES:
                raise InvalidRequest(
                    f"{first} to {last} has more than {MOST_USAGE_ENTRIES:,} ledger entries: "
                    "ask for fewer days.",
                    param="from",
                )
            yield entry
        month = (month + timedelta(days=31)).replace(day=1)


def _month_to_date(services: Services, caller: str | None) -> MonthToDate:
    month = money.utc_day(services.clock())[:7]
    key = month_total() if caller is None else caller_total(caller)
    known = None if caller is None else services.settings.caller(caller)
    budget = None
    if known is not None and known.budget_usd_per_month >= 0:
        budget = micro_usd(known.budget_usd_per_month)
    return MonthToDate(month=month, amounts=services.ledger.total(month, key), budget=budget)


def _midnight_ms(day: date) -> int:
    """Milliseconds since 1970 at the beginning of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
