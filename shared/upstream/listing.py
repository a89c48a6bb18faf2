"""Paging through an upstream's list of jobs without trusting its order, its pages or its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from shared.domain.job import JobSummary
from shared.upstream import reading
from shared.upstream.protocol import Listing, NoList, Refused, Unreadable
from shared.upstream.reading import Answer
from shared.upstream.status_codes import raise_for_read

_MOST_PAGES = 60
_NO_LIST = frozenset({400, 404, 405, 501})
"""Servers without a list answer its address like an unknown one, or ask for what cannot be."""
_PAGING = ("pagination", "paging", "page_info", "meta", "links", "data")
_FLAGS = ("has_more", "has_next", "has_next_page")
_POINTERS = (
    *("next", "next_page", "next_cursor", "next_page_token", "next_token", "next_url", "next_link"),
    *("continuation_token", "next_after"),
)
_TOTALS = ("total", "total_count", "total_items")
_SMALL_SKEW = 10.0
"""Seconds that are no skew: a `Date` has whole ones, and an answer takes its time."""


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    jobs: list[JobSummary]
    more: bool = False
    last: str | None = None
    """The id to continue from, where the page says it."""
    total: int = 0
    """The jobs of the whole list, where the page says it."""
    readable: bool = True
    """Whether each row is a job with an id: any other may be the job that is sought."""
    skew: float = 0.0
    """As of a `Listing`."""


def read_page(
    answer: Answer, summary: Callable[[Mapping[str, Any]], JobSummary], query: Mapping[str, str]
) -> Page:
    """One page of a list, row by row: one that cannot be read hides no other. Raises as a read, and
    NoList."""
    if answer.status in _NO_LIST:
        raise NoList(f"its list is answered with HTTP {answer.status}")
    if not answer.ok:
        raise_for_read(answer)
    entries = reading.entries(answer.data)
    if entries is None:
        raise Unreadable("the answer is not a list of jobs")
    rows = [reading.created(entry) for entry in entries if entry]
    jobs = [summary(row) for row in rows if row is not None]
    around = _around(answer.data)
    return Page(
        jobs=jobs,
        more=_more(around, len(entries), query),
        last=reading.text(around.get("last_id")) or None,
        total=_total(around),
        readable=len(jobs) == len(rows) and not reading.is_error(answer.data),
        skew=_skew(answer.headers),
    )


def _skew(headers: Mapping[str, str]) -> float:
    try:
        skew = parsedate_to_datetime(headers.get("date", "")).timestamp() - time()
    except (ValueError, OverflowError):
        return 0.0
    return skew if abs(skew) > _SMALL_SKEW else 0.0


def _around(data: Any) -> dict[str, Any]:
    """What a page says beside its rows."""
    if not isinstance(data, Mapping):
        return {}
    outer = reading.fields(data)
    inner: dict[str, Any] = {}
    for name in _PAGING:
        if isinstance(each := outer.get(name), Mapping):
            inner |= reading.fields(each)
    return inner | outer


def _more(around: Mapping[str, Any], rows: int, query: Mapping[str, str]) -> bool:
    """Whether there are more pages, as far as a page says. One without a word of it that has
    exactly as many rows as were asked for may have been cut."""
    for name in _FLAGS:
        if isinstance(around.get(name), bool | int | str):
            return str(around[name]).lower() not in ("false", "0", "no", "")
    return any(around.get(name) for name in _POINTERS) or str(rows) == query.get("limit")


def _total(around: Mapping[str, Any]) -> int:
    """How many jobs there are, of a list that does not say itself whether it goes on."""
    if not around.keys().isdisjoint(_FLAGS):
        return 0
    return max(int(reading.number(around.get(name)) or 0) for name in _TOTALS)


def read_list(since: float, page: Callable[[Mapping[str, str]], Page]) -> Listing:
    """The list, page by page, as far back as `since` by our clock and by that of its server.

    `page` takes the extra query (`after`). Not every server lists the newest first as asked, and a
    job missed here would be paid for twice: paging stops early only after a page that is visibly in
    that order. A list that goes on and on, that answers each page with the first, that cannot be
    continued or that has a row without an id is not whole.
    """
    query: dict[str, str] = {}
    found: dict[str, JobSummary] = {}
    readable, skew = True, 0.0
    for _ in range(_MOST_PAGES):
        try:
            read = page(query)
        except (NoList, Refused):
            if not query:
                raise
            break  # it pages in a way of its own
        found |= {job.job_id: job for job in read.jobs}
        readable, skew = readable and read.readable, read.skew
        last = read.last or (read.jobs[-1].job_id if read.jobs else None)
        more = read.more or read.total > len(found)
        if not more or _is_past(read.jobs, since + min(0.0, skew)):
            return Listing(tuple(found.values()), whole=readable, skew=skew)
        if last is None or query.get("after") == last:
            break
        query = {"after": last}
    return Listing(tuple(found.values()), whole=False, skew=skew)


def _is_past(jobs: list[JobSummary], since: float) -> bool:
    """Whether a page is visibly in descending order and ends before `since`."""
    if not jobs or jobs[0].created_at is None or jobs[-1].created_at is None:
        return False
    return jobs[-1].created_at < min(since, jobs[0].created_at)
