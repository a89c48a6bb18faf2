"""The operations of every dialect, and their errors.

    UpstreamError
    ├── NotSent            the connection was never made: nothing can have happened
    ├── TooLate            a create that its own process did not send in time: nothing happened
    ├── AnswerLost         a create that may or may not have been carried out
    ├── Throttled          429: not now; `retry_after` seconds if the answer says so
    ├── Refused            400 and the like: this request will never work
    ├── DeploymentOut      401, 403, 404 of the deployment, 410: it turns everybody away
    ├── NoList             a list that answers 400, 404, 405 or 501: there is none
    ├── JobGone            404 of a job: unknown, expired or deleted
    └── Unreadable         an answer that breaks the wire's contract, or a 5xx on a read

The classes follow answers of the live services; the tests quote them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from typing import Protocol

from shared.domain.job import JobStatus, JobSummary, Part
from shared.domain.request import VideoRequest


class UpstreamError(Exception):
    """Base of the family. The message may be shown to callers and never contains a secret. `said`
    is the upstream's own sentence about one job, for the caller of its video only."""

    def __init__(self, message: str, *, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class NotSent(UpstreamError):
    """The connection was never made."""


class TooLate(UpstreamError):
    """A create that was not sent, because it could not be any more `within` its time."""


class AnswerLost(UpstreamError):
    """A create whose outcome is not known."""


class Throttled(UpstreamError):
    """429. `retry_after` is in seconds; None if the answer does not say."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(UpstreamError):
    """The upstream will never accept this request; `moderated` if because of its content."""

    def __init__(self, message: str, *, status: int, moderated: bool, said: str = "") -> None:
        super().__init__(message, said=said)
        self.status = status
        self.moderated = moderated


class DeploymentOut(UpstreamError):
    """The deployment turns everybody away; `final` if it says that this is for good."""

    def __init__(self, message: str, *, status: int, final: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.final = final


class NoList(UpstreamError):
    """The upstream has no list of its jobs."""


class JobGone(UpstreamError):
    """The upstream does not know the job (any more)."""


class Unreadable(UpstreamError):
    """The answer to a read makes no sense, or the upstream failed to give one."""


_latest: ContextVar[float] = ContextVar("latest", default=inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """A create in this block is sent within so many seconds from now, or raises TooLate.

    A process may stand still between any two of its steps, longer than others wait for it: its
    machine is paused, its container frozen. What it had begun before, others have finished."""
    token = _latest.set(time.time() + seconds)
    try:
        yield
    finally:
        _latest.reset(token)


def check_time() -> None:
    """Called when all but the request itself is ready: address, token and connection. Raises
    TooLate."""
    late = time.time() - _latest.get()
    if late > 0:
        raise TooLate(f"not sent: it would have come {late:.1f} s too late")


@dataclass(frozen=True)
class Content:
    """A download under way: the announced length (None without one), its type and its bytes."""

    length: int | None
    content_type: str
    pieces: Iterator[bytes]


@dataclass(frozen=True)
class Media:
    """A file sent with a create: an image or a video that already fits."""

    file_name: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Listing:
    """The jobs of a list, in any order. `whole`: whether it went back as far as was asked. `skew`:
    seconds by which the clock of who answered is ahead of ours, as far as its `Date` says."""

    jobs: Sequence[JobSummary]
    whole: bool = True
    skew: float = 0.0


class Dialect(Protocol):
    """A client of one deployment. Safe to share between threads.

    `trace` is sent as `x-ms-client-request-id`, to find the request in the upstream's own logs.
    """

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        """Create the job: one POST, never retried here. `media` are the request's inputs, in order.
        A remix goes to the job that it starts from.

        Raises NotSent, TooLate, AnswerLost, Throttled, Refused or DeploymentOut.
        """
        ...

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        """Raises NotSent, Throttled, DeploymentOut, JobGone or Unreadable."""
        ...

    @property
    def extras(self) -> tuple[str, ...]:
        """The pictures that each output has: `thumbnail`, `spritesheet`."""
        ...

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        """Download one output as a stream. Raises as `status`, also while the bytes are read."""
        ...

    def find(self, since: float, *, trace: str) -> Listing:
        """The upstream's jobs: at least those created at or after `since`. Raises as `status`, and
        NoList."""
        ...

    def delete(self, job_id: str, *, trace: str) -> bool:
        """Delete a job; False if it was already gone. Raises as `status`, and Refused."""
        ...
