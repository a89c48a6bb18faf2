"""The upstream's job, as every dialect reports it."""

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STRANGE = "strange"
    """A status word that no dialect documents: waited for within the deadline."""


class Fault(StrEnum):
    """Why a job failed, as far as it matters for what happens next."""

    MODERATION = "moderation"
    INTERNAL = "internal"
    OTHER = "other"


@dataclass(frozen=True)
class Part:
    """One output at the upstream: what to ask for and how long it says it is.

    `ref` is the generation id in the Sora 1 dialect and the job id in the Sora 2 dialect.
    """

    ref: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """An upstream job as it is now. Times are unix seconds, None where not told."""

    job_id: str
    state: JobState
    word: str
    progress: int | None
    created_at: float | None
    expires_at: float | None
    finished_at: float | None = None
    parts: tuple[Part, ...] = ()
    fault: Fault | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """An upstream job as its list shows it; `prompt` is None where it is not returned."""

    job_id: str
    created_at: float
    model: str
    width: int
    height: int
    seconds: int
    variants: int
    prompt: str | None
