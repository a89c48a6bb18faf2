"""The working state of one video: what a worker that dies leaves to the next one.

A row of the table `work` while anything is left to do. Its `epoch` fences workers: the sweep raises
it before it starts a new worker, and a worker with an older epoch stops at its next step. The phase
is not stored: it follows from the rest (`phase`).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from shared.domain.job import Part
from shared.domain.verdict import Verdict


class Phase(StrEnum):
    ADMITTING = "admitting"
    """A create is under way, or its worker has not joined the line yet."""
    WAITING = "waiting"
    SUBMITTING = "submitting"
    """Its turn has come: a job may exist, but is not known yet."""
    RENDERING = "rendering"
    COLLECTING = "collecting"
    FINISHING = "finishing"
    """Its verdict is being carried out."""
    WATCHING = "watching"
    """The video has ended for its caller; its upstream job has not, or may still be found."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A POST that was about to be sent at `at`, or was sent without a known answer."""

    at: float
    by: str
    """The execution that set the intent: the only one that may POST."""
    connection_ended_at: float | None = None
    """The latest time at which the connection of a lost answer can have ended."""
    unlisted_since: float | None = None
    """Since when the upstream's list has had no candidate for this job."""


@dataclass(frozen=True, kw_only=True)
class RunningJob:
    """An upstream job that is known and bound to the video."""

    id: str
    created_at: float
    """By our own clock where possible."""
    expires_at: float
    deadline: float
    sketch: str | None = None
    """The sketch of such renders at its submission: `latency.dumps`."""
    polls: int = 0
    callback: str | None = None
    """The event that a callback of the upstream raises; every wait has its own name. None where
    the upstream is not configured to call back."""
    called_back: bool = False
    """Whether the upstream has called back since the last look."""
    progress: int | None = None
    """As the upstream reported it to the last poll; None if it reports none."""
    progress_at: float | None = None
    """When a poll first saw that progress."""
    missing_since: float | None = None
    empty_since: float | None = None
    """Since when the job has been succeeded without outputs."""
    parts: tuple[Part, ...] = ()
    """Its outputs, once it has succeeded."""
    collecting: bool = False
    """Whether its outputs are being copied."""
    spoiled: int = 0
    """How often an output was not a whole MP4."""
    slot_freed: bool = False
    """Whether its slot is free: the job is known to be over."""
    complaint: str | None = None
    """What the upstream said when it last gave no answer about the job, or no output."""
    cost: int | None = None
    """What the upstream says that it cost, in micro-USD."""
    render_seconds: float | None = None
    """How long it rendered, once it is over; not at the time scale."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One turn at a deployment: the intent to submit, and the job it created."""

    deployment: str
    intent: Intent | None = None
    job: RunningJob | None = None


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move to the successor of its model that is decided, and under way.

    It is on record before its money: whoever finds it carries it out, or ends it with the video.
    """

    model: str
    """Who renders from now on."""
    deployments: tuple[str, ...]
    width: int
    height: int
    seconds: int
    reserved: int
    """Micro-USD, at the price of `price_version`, instead of what is reserved now."""
    price_version: str
    expected: float


@dataclass(frozen=True, kw_only=True)
class Work:
    """Times are unix seconds; None means 'not yet'."""

    video_id: str
    caller: str
    model: str
    """The model that renders it, in whose line it stands."""
    epoch: int
    created_at: float
    heartbeat_at: float
    """The worker's last sign of life; ahead of now after failed restarts, to delay the next one."""
    queue_deadline: float
    deployments: tuple[str, ...]
    """Where it may be submitted."""
    day: str
    """UTC day of the admission (`2026-11-21`), on which its money is booked."""
    reserved: int
    """Micro-USD of the current reservation."""
    expected: float
    """Seconds that its render is expected to take."""
    admitted: bool = True
    asked: str | None = None
    """The model that was asked for, where a successor renders it."""
    move: Move | None = None
    """Only while it waits; it stands in no line then."""
    facts: str | None = None
    """What a list may show of its job (`likeness.facts`); None in rows of release 0.1."""
    kind: str | None = None
    """The kind of its render, for which durations are learned."""
    batch: str | None = None
    """The batch whose line it is; it waits behind its caller's other videos."""
    claim: str | None = None
    """The row of `idempotency` that names this video."""
    billing: int = 1
    """The number of its billing; a failed render that is repeated gets another one."""
    hint: str | None = None
    """The event that wakes the waiting worker; every wait has its own name."""
    placed: bool = field(default=False, compare=False)
    """Whether its row of the line is written (`shared.storage.places`)."""
    posts: int = 0
    """How many POSTs were about to be sent."""
    attempt: Attempt | None = None
    """None while it waits for a turn."""
    restarts: int = 0
    """Workers started by the sweep since the last sign of life."""
    troubles: int = 0
    """Consecutive failures of the current step, for its backoff."""
    verdict: Verdict | None = None
    ended: bool = False
    """Whether the video has ended for its caller; only its job or its money may be open."""
    deleted: bool = False
    """Whether its caller has deleted the video: the rest of it is deleted with this row."""
    version: str = field(default="", compare=False)
    """The version of the row as read; the next write succeeds only on that version."""

    @property
    def asked_model(self) -> str:
        """The model that its caller named."""
        return self.asked or self.model

    @property
    def deployment(self) -> str | None:
        """The deployment of the current attempt."""
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
    def attempt_key(self) -> tuple[str | None, str | None, str | None]:
        """What tells one attempt from another, and before its POST from after it."""
        return self.deployment, self.intent.by if self.intent else None, self.job_id

    @property
    def sent(self) -> bool:
        """Whether an upstream job may exist: a POST was sent, or was about to be."""
        return self.intent is not None or self.job is not None

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.job.parts if self.job else ()

    def with_intent(self, **changes: Any) -> "Work":
        """With changes to the intent, if there is one."""
        if self.attempt is None or self.attempt.intent is None:
            return self
        intent = replace(self.attempt.intent, **changes)
        return replace(self, attempt=replace(self.attempt, intent=intent))

    def with_job(self, **changes: Any) -> "Work":
        """With changes to the job, if there is one."""
        if self.attempt is None or self.attempt.job is None:
            return self
        job = replace(self.attempt.job, **changes)
        return replace(self, attempt=replace(self.attempt, job=job))


def phase(work: Work) -> Phase:
    """The phase of the work on a video. A verdict comes before everything else."""
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
