"""Paging through an upstream's list of jobs without trusting its order."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.job import JobSummary
from shared.upstream import reading
from shared.upstream.protocol import Listing, NoList, Unreadable
from shared.upstream.reading import Answer
from shared.upstream.status_codes import raise_for_read

_MOST_PAGES = 60
_NO_LIST = frozenset({400, 404, 405, 501})
"""Servers without a list answer its address like an unknown one, or ask for what cannot be."""


Page = tuple[list[JobSummary], bool, str | None]
"""Its jobs, whether there are more, and the id to continue from."""


def read_page(answer: Answer, summary: Callable[[Mapping[str, Any]], JobSummary | None]) -> Page:
    """One page of a list, row by row: one that cannot be read hides no other. Raises as a read, and
    NoList."""
    if answer.status in _NO_LIST:
        raise NoList(f"its list is answered with HTTP {answer.status}")
    if not answer.ok:
        raise_for_read(answer)
    data = reading.parsed(answer.body)
    rows = reading.rows(data)
    if rows is None:
        raise Unreadable("the answer is not a list of jobs")
    jobs = [job for row in rows if (job := summary(row)) is not None]
    if not isinstance(data, Mapping):
        return jobs, False, None
    return jobs, bool(data.get("has_more")), reading.text(data.get("last_id")) or None


def read_list(since: float, page: Callable[[Mapping[str, str]], Page]) -> Listing:
    """The list, page by page, as far back as `since`.

    `page` takes the extra query (`after`). Not every server lists the newest first as asked, and a
    job missed here would be paid for twice: paging stops early only after a page that is visibly in
    that order. A list that goes on and on, or that answers each page with the first, is not whole.
    """
    query: dict[str, str] = {}
    found: dict[str, JobSummary] = {}
    for _ in range(_MOST_PAGES):
        jobs, more, last = page(query)
        found |= {job.job_id: job for job in jobs}
        last = last or (jobs[-1].job_id if jobs else None)
        if not more or last is None or _is_past(jobs, since):
            return Listing(tuple(found.values()))
        if query.get("after") == last:
            break
        query = {"after": last}
    return Listing(tuple(found.values()), whole=False)


def _is_past(jobs: list[JobSummary], since: float) -> bool:
    """Whether a page is visibly in descending order and ends before `since`."""
    if not jobs or jobs[0].created_at is None or jobs[-1].created_at is None:
        return False
    return jobs[-1].created_at < min(since, jobs[0].created_at)
