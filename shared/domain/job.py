"""The upstream's job, as every dialect reports it."""

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STRANGE = "strange"
    """An undocumented status: the job is polled until its deadline."""


class Fault(StrEnum):
    """Why a job failed, as far as the next step depends on it."""

    MODERATION = "moderation"
    INTERNAL = "internal"
    OTHER = "other"


@dataclass(frozen=True)
class Part:
    """One output as the upstream lists it. `ref` is the generation id in the Sora 1 dialect and the
    job id in the Sora 2 dialect."""

    ref: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """The state of an upstream job. Times are unix seconds, None if the upstream gives none."""

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
    """An upstream job in a list; `prompt` is None if the list does not show it."""

    job_id: str
    created_at: float
    model: str
    width: int
    height: int
    seconds: int
    variants: int
    prompt: str | None
