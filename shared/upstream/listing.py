"""Paging through an upstream's list of jobs without trusting its order."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from shared.upstream.protocol import Unreadable

_MOST_PAGES = 60


class _Listed(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> float: ...


J = TypeVar("J", bound=_Listed)


def created_since(
    since: float, page: Callable[[Mapping[str, str]], tuple[list[J], bool, str | None]]
) -> Iterator[J]:
    """Every listed job created at or after `since`.

    `page` takes the extra query (`after`) and returns its jobs, whether there are more, and the id
    to continue from. Not every server lists the newest first as asked, and a job missed here would
    be paid for twice: paging stops early only after a page that is visibly in that order. Raises
    Unreadable if the list does not end.
    """
    query: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        jobs, more, last = page(query)
        yield from (job for job in jobs if job.created_at >= since)
        last = last or (jobs[-1].id if jobs else None)
        if not more or last is None:
            return
        if jobs and jobs[-1].created_at < min(since, jobs[0].created_at):
            return
        if query.get("after") == last:
            raise Unreadable("the list of jobs does not go on")
        query = {"after": last}
    raise Unreadable(f"the list of jobs has more than {_MOST_PAGES} pages")
