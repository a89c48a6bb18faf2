"""The working state of one video: what a worker that dies leaves to the next one.

One row of the table `work` for as long as anything is left to do. Its `epoch` fences workers: the
sweep raises it before it starts a new one, and whoever holds an older epoch stops at its next step.
Where the video is follows from what is known of it (`phase`); nothing else says so.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from shared.domain.job import Part
from shared.domain.verdict import Verdict


class Phase(StrEnum):
    ADMITTING = "admitting"
    """A create is under way and nothing was promised to anybody yet."""
    WAITING = "waiting"
    SUBMITTING = "submitting"
    """Its turn has come: a job may have been created, and is not known yet."""
    RENDERING = "rendering"
    COLLECTING = "collecting"
    FINISHING = "finishing"
    """Its end is decided and being carried out."""
    WATCHING = "watching"
    """The video has ended for its caller; its upstream job has not, or may yet be found."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A POST that was about to be sent at `at`, or was sent and its answer is not known."""

    at: float
    by: str
    """The execution that set the intent: the only one that may POST."""
    connection_ended_at: float | None = None
    """When the connection of a lost answer ended, at the latest."""
    unlisted_since: float | None = None
    """Since when the upstream's list has no job that could be this one."""


@dataclass(frozen=True, kw_only=True)
class RunningJob:
    """An upstream job that is known and bound, until the video is done with it."""

    id: str
    created_at: float
    """By our own clock, as far as that can be told."""
    expires_at: float
    deadline: float
    sketch: str | None = None
    """What was known of such renders when it was submitted: `latency.dumps`."""
    polls: int = 0
    progress: int | None = None
    """The upstream's, as the last poll saw it; None where it reports none."""
    progress_at: float | None = None
    """When a poll saw that progress first."""
    missing_since: float | None = None
    empty_since: float | None = None
    """Since when it has succeeded without outputs."""
    parts: tuple[Part, ...] = ()
    """Its outputs, once it has succeeded."""
    collecting: bool = False
    """Whether its outputs are wanted and being copied."""
    spoiled: int = 0
    """How often an output arrived that is not a whole MP4."""
    slot_freed: bool = False
    """Whether its slot was given back: the job is known to be over."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One turn at a deployment: what was about to be sent there, and the job that came of it."""

    deployment: str
    intent: Intent | None = None
    job: RunningJob | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """Times are unix seconds; None means 'not yet'."""

    video_id: str
    caller: str
    model: str
    epoch: int
    created_at: float
    heartbeat_at: float
    """The last sign of life; after fruitless restarts ahead of now, as patience with the next."""
    queue_deadline: float
    deployments: tuple[str, ...]
    """Where it may go."""
    day: str
    """UTC day of the admission (`2026-11-21`): where its money is booked."""
    reserved: int
    """Micro-USD of the current reservation."""
    expected: float
    """How many seconds its render is expected to take."""
    admitted: bool = True
    kind: str | None = None
    """The kind of its render, under which durations are learned."""
    claim: str | None = None
    """The row of `idempotency` that names this video."""
    billing: int = 1
    """The ledger's attempt: a render that failed and is made again is booked anew."""
    hint: str | None = None
    """The event that wakes the waiting worker; a new name for every wait."""
    posts: int = 0
    """How often a POST was about to be sent."""
    attempt: Attempt | None = None
    """None while it waits for a turn."""
    restarts: int = 0
    """Workers that the sweep has started since the last sign of life."""
    troubles: int = 0
    """Failures in a row of the current step, for its backoff."""
    verdict: Verdict | None = None
    ended: bool = False
    """Whether the video has ended for its caller; what is left is watching and accounting."""
    deleted: bool = False
    """Whether its caller has deleted the video: what is left of it goes with this row."""
    version: str = field(default="", compare=False)
    """The version of the row that this was read from; the next write must find it there."""

    @property
    def deployment(self) -> str | None:
        """The deployment that has, or had, this video's turn."""
        return self.attempt.deployment if self.attempt else None

    @property
    def intent(self) -> Intent | None:
        return self.attempt.intent if self.attempt else None

    @property
    def job(self) -> RunningJob | None:
        return self.attempt.job if self.attempt else None

    @property
    def job_id(self) -> str | None:
        return self.job.id if self.job else None

    @property
    def sent(self) -> bool:
        """Whether an upstream job of it may exist: something was sent, or was about to be."""
        return self.intent is not None or self.job is not None

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.job.parts if self.job else ()

    def with_intent(self, **changes: Any) -> "Work":
        """The same with another intent, where there is one."""
        if self.attempt is None or self.attempt.intent is None:
            return self
        intent = replace(self.attempt.intent, **changes)
        return replace(self, attempt=replace(self.attempt, intent=intent))

    def with_job(self, **changes: Any) -> "Work":
        """The same with news of its job, where there is one."""
        if self.attempt is None or self.attempt.job is None:
            return self
        job = replace(self.attempt.job, **changes)
        return replace(self, attempt=replace(self.attempt, job=job))


def phase(work: Work) -> Phase:
    """Where a video is. An end that is decided comes before everything else."""
    if work.verdict is not None:
        return Phase.FINISHING
    if not work.admitted:
        return Phase.ADMITTING
    if work.job is not None and work.job.collecting:
        return Phase.COLLECTING
    if work.ended:
        return Phase.WATCHING
    if work.attempt is None:
        return Phase.WAITING
    return Phase.SUBMITTING if work.job is None else Phase.RENDERING


def instance_id(video_id: str, epoch: int) -> str:
    """The Durable instance that works on a video in an epoch."""
    return f"{video_id}-{epoch}"


def video_of(instance: str) -> str:
    """The video that a Durable instance works on."""
    return instance.rpartition("-")[0]
