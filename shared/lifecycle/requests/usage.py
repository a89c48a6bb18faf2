"""What the videos of a period cost, from the ledger.

A video is booked on the UTC day of its admission. The ledger's keys begin with the video's time, so
a period is one range of keys in each of its months.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from shared.answers import usage as answers
from shared.answers.usage import GroupBy
from shared.domain.errors import InvalidRequest
from shared.domain.ledger import Amounts, Entry, Kind
from shared.domain.limits import LONGEST_USAGE, MOST_USAGE_ENTRIES
from shared.domain.money import micro_usd, usd
from shared.lifecycle import money
from shared.lifecycle.services import Services
from shared.storage.booking import caller_total, month_total


@dataclass(frozen=True)
class _Sums:
    """Sums over videos: amounts in micro-USD, and the seconds delivered."""

    videos: int = 0
    seconds: int = 0
    amounts: Amounts = field(default_factory=Amounts)
    released: int = 0

    def with_entry(self, entry: Entry) -> "_Sums":
        first = entry.kind is Kind.RESERVE and entry.attempt == 1
        given_back = 0 if entry.kind is Kind.RESERVE else -entry.change.committed
        return _Sums(
            videos=self.videos + first,
            seconds=self.seconds + entry.seconds,
            amounts=self.amounts + entry.change,
            released=self.released + given_back,
        )

    def shown(self) -> answers.UsageSums:
        return answers.UsageSums(
            videos=self.videos,
            seconds=self.seconds,
            reserved=usd(self.amounts.reserved),
            settled=usd(self.amounts.settled),
            released=usd(self.released),
            unknown=usd(self.amounts.unknown),
        )


def usage(
    services: Services, caller: str | None, first: date | None, last: date | None, by: GroupBy
) -> answers.Usage:
    """What the videos of a caller (None: everybody's) cost from the day `first` (default: the first
    of this month) to `last` (default: today), both included. Raises InvalidRequest."""
    today = datetime.fromtimestamp(services.clock(), UTC).date()
    last = last or max(today, first or today)
    first = first or last.replace(day=1)
    if first > last:
        raise InvalidRequest(f"from {first} is after to {last}.", param="from")
    if last - first >= timedelta(days=LONGEST_USAGE):
        raise InvalidRequest(
            f"{first} to {last} is more than {LONGEST_USAGE} days: ask for less.", param="from"
        )
    rows: dict[str, _Sums] = {}
    total = _Sums()
    entries = _entries(services, caller, first, last)
    for _, story in groupby(entries, key=lambda entry: entry.video_id):
        of_video = list(story)
        key = _group(of_video, by)
        for entry in of_video:
            rows[key] = rows.get(key, _Sums()).with_entry(entry)
            total = total.with_entry(entry)
    return answers.Usage(
        object="usage",
        start=first.isoformat(),
        to=last.isoformat(),
        caller=caller,
        group_by=by,
        currency="USD",
        data=[
            answers.UsageRow(group=group, **vars(sums.shown()))
            for group, sums in sorted(rows.items())
        ],
        total=total.shown(),
        month_to_date=_month_to_date(services, caller),
    )


def _group(of_video: Sequence[Entry], by: GroupBy) -> str:
    """The group of a video with these entries. One that moved to the successor of its model is
    rendered by that, with all its money."""
    last = max(of_video, key=lambda entry: entry.attempt)
    return {
        GroupBy.DAY: last.day,
        GroupBy.MODEL: last.model,
        GroupBy.RENDERED_BY: last.rendered_by or last.model,
        GroupBy.CALLER: last.caller,
        GroupBy.BATCH: last.batch or "none",
    }[by]


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


def _month_to_date(services: Services, caller: str | None) -> answers.MonthToDate:
    month = money.utc_day(services.clock())[:7]
    key = month_total() if caller is None else caller_total(caller)
    known = None if caller is None else services.settings.caller(caller)
    budget = None
    if known is not None and known.budget_usd_per_month >= 0:
        budget = micro_usd(known.budget_usd_per_month)
    amounts = services.ledger.total(month, key)
    return answers.MonthToDate(
        month=month,
        reserved=usd(amounts.reserved),
        settled=usd(amounts.settled),
        unknown=usd(amounts.unknown),
        committed=usd(amounts.committed),
        budget=None if budget is None else usd(budget),
        left=None if budget is None else usd(max(0, budget - amounts.committed)),
    )


def _midnight_ms(day: date) -> int:
    """Milliseconds since 1970 at the beginning of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
