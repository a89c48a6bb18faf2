"""Paging through an upstream's list of jobs without trusting its order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.job import JobSummary
from shared.upstream import reading
from shared.upstream.protocol import Listing, NoList, Unreadable
from shared.upstream.reading import Answer
from shared.upstream.status_codes import raise_for_read

_MOST_PAGES = 60
_NO_LIST = frozenset({400, 404, 405, 501})
"""Servers without a list answer its address like an unknown one, or ask for what cannot be."""


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    jobs: list[JobSummary]
    more: bool = False
    last: str | None = None
    """The id to continue from."""
    whole: bool = True
    """Whether every row was read: one without an id may be any job."""


def read_page(answer: Answer, summary: Callable[[Mapping[str, Any]], JobSummary | None]) -> Page:
    """One page of a list, row by row: one that cannot be read hides no other. Raises as a read, and
    NoList."""
    if answer.status in _NO_LIST:
        raise NoList(f"its list is answered with HTTP {answer.status}")
    if not answer.ok:
        raise_for_read(answer)
    data = reading.parsed(answer.body)
    rows = reading.items(data)
    if rows is None:
        raise Unreadable("the answer is not a list of jobs")
    read = [summary(row) if isinstance(row, Mapping) else None for row in rows if row]
    jobs = [job for job in read if job is not None]
    page = Page(jobs, whole=len(jobs) == len(read))
    if not isinstance(data, Mapping):
        return page
    last = reading.text(data.get("last_id")) or None
    return replace(page, more=bool(data.get("has_more")), last=last)


def read_list(since: float, page: Callable[[Mapping[str, str]], Page]) -> Listing:
    """The list, page by page, as far back as `since`.

    `page` takes the extra query (`after`). Not every server lists the newest first as asked, and a
    job missed here would be paid for twice: paging stops early only after a page that is visibly in
    that order. A list that goes on and on, that answers each page with the first or refuses the
    second, or that has a row without an id, is not whole.
    """
    query: dict[str, str] = {}
    found: dict[str, JobSummary] = {}
    whole = True
    for _ in range(_MOST_PAGES):
        try:
            got = page(query)
        except NoList:
            if not query:
                raise
            break
        found |= {job.job_id: job for job in got.jobs}
        whole = whole and got.whole
        if not got.more or _is_past(got.jobs, since):
            return Listing(tuple(found.values()), whole=whole)
        last = got.last or (got.jobs[-1].job_id if got.jobs else None)
        if last is None or query.get("after") == last:
            break
        query = {"after": last}
    return Listing(tuple(found.values()), whole=False)


def _is_past(jobs: list[JobSummary], since: float) -> bool:
    """Whether a page is visibly in descending order and ends before `since`."""
    if not jobs or jobs[0].created_at is None or jobs[-1].created_at is None:
        return False
    return jobs[-1].created_at < min(since, jobs[0].created_at)
