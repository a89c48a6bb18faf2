"""What every dialect can do, and how it says that something went wrong.

    UpstreamError
    ├── NotSent            the connection was never made: nothing can have happened
    ├── AnswerLost         the request may or may not have been carried out
    ├── Throttled          429: not now; `retry_after` seconds if it said so
    ├── Refused            400 and the like: this request will never work
    ├── DeploymentOut      401, 403, 404 of the deployment, 410: it turns everybody away
    ├── JobGone            404 of a job: unknown, expired or deleted
    └── Unreadable         an answer that is not what the wire promises, or a 5xx on a read

The classification follows what was seen of the live services: see the tests, which quote it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from shared.domain.job import JobStatus, JobSummary, Part
from shared.domain.request import VideoRequest


class UpstreamError(Exception):
    """Base of the family; the message may be shown to callers and never holds a secret."""


class NotSent(UpstreamError):
    """The connection was never made."""


class AnswerLost(UpstreamError):
    """A create whose outcome is not known."""


class Throttled(UpstreamError):
    """429. `retry_after` is in seconds, None where the answer did not say."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(UpstreamError):
    """The upstream will never accept this request; `moderated` when its content is why."""

    def __init__(self, message: str, *, status: int, moderated: bool) -> None:
        super().__init__(message)
        self.status = status
        self.moderated = moderated


class DeploymentOut(UpstreamError):
    """The deployment turns everybody away. `final`: for good, by its own words."""

    def __init__(self, message: str, *, status: int, final: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.final = final


class JobGone(UpstreamError):
    """The upstream does not know the job (any more)."""


class Unreadable(UpstreamError):
    """The answer to a read made no sense, or the upstream failed to answer it."""


@dataclass(frozen=True)
class Content:
    """A download under way: the promised length (None without one), its type and its bytes."""

    length: int | None
    content_type: str
    pieces: Iterator[bytes]


@dataclass(frozen=True)
class Media:
    """A file that goes along with a create: an image or a video that fits already."""

    file_name: str
    content_type: str
    data: bytes


class Dialect(Protocol):
    """One deployment, spoken to in its dialect. Safe to share between threads.

    `trace` is sent as `x-ms-client-request-id`, so that the upstream's own logs can be searched.
    """

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        """Create the job: one POST, never repeated in here. `media` are the bytes of the request's
        inputs, in their order. A remix is sent to the job that it starts from.

        Raises NotSent, AnswerLost, Throttled, Refused or DeploymentOut.
        """
        ...

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        """Raises NotSent, Throttled, DeploymentOut, JobGone or Unreadable."""
        ...

    @property
    def extras(self) -> tuple[str, ...]:
        """What there is of each output beside the video: `thumbnail`, `spritesheet`."""
        ...

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        """Download one output as a stream. Raises as `status`, also while the bytes are read."""
        ...

    def find(self, since: float, *, trace: str) -> list[JobSummary]:
        """Jobs created at or after `since`, newest first. Raises as `status`."""
        ...

    def delete(self, job_id: str, *, trace: str) -> bool:
        """Delete a job; False when it was gone already. Raises as `status`, and Refused."""
        ...
