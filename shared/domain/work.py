"""The working state of one video: what a worker that dies leaves to the next one.

One row of the table `work` for as long as anything is left to do. Its `epoch` fences workers: the
sweep raises it before it starts a new one, and whoever holds an older epoch stops at its next step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.domain.errors import Failure
from shared.domain.ledger import Kind
from shared.domain.video import Status


class WorkStage(StrEnum):
    ADMITTING = "admitting"
    """A create is under way and nothing was promised to anybody yet."""
    WAITING = "waiting"
    SUBMITTING = "submitting"
    RENDERING = "rendering"
    COLLECTING = "collecting"
    FINISHING = "finishing"
    """The verdict stands and is being carried out."""
    WATCHING = "watching"
    """The video has ended for its caller; its upstream job has not, or may yet be found."""


class Submit(StrEnum):
    NOTHING = "nothing"
    INTENT = "intent"
    """A POST was about to be sent, or was sent and its answer is not known."""
    KNOWN = "known"
    """The upstream's job id is known and bound."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a video ends, decided once and then carried out as often as it takes.

    `money` and `amount` (micro-USD) are what the ledger gets; `basis` is why.
    """

    status: Status
    failure: Failure | None = None
    money: Kind
    amount: int
    basis: str

    def as_json(self) -> dict[str, Any]:
        failure = self.failure
        return {
            "status": self.status.value,
            "failure": None if failure is None else vars(failure),
            "money": self.money.value,
            "amount": self.amount,
            "basis": self.basis,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Verdict":
        failure = data["failure"]
        return cls(
            status=Status(data["status"]),
            failure=None if failure is None else Failure(**failure),
            money=Kind(data["money"]),
            amount=data["amount"],
            basis=data["basis"],
        )


@dataclass(frozen=True)
class Part:
    """One output at the upstream: what to ask for and how long it says it is.

    `ref` is the generation id in the Sora 1 dialect and the job id in the Sora 2 dialect.
    """

    ref: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """Times are unix seconds; None means 'not yet'."""

    video_id: str
    caller: str
    model: str
    epoch: int
    stage: WorkStage
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
    kind: str | None = None
    """The kind of its render, under which durations are learned."""
    sketch: str | None = None
    """What was known of such renders when its job was submitted: `latency.dumps`."""
    claim: str | None = None
    """The row of `idempotency` that names this video."""
    billing: int = 1
    """The ledger's attempt: a render that failed and is made again is booked anew."""
    hint: str | None = None
    """The event that wakes the waiting worker; a new name for every wait."""
    deployment: str | None = None
    submit: Submit = Submit.NOTHING
    posts: int = 0
    """How often a POST was about to be sent."""
    intent_at: float | None = None
    intent_by: str | None = None
    """The execution that set the intent: the only one that may POST."""
    connection_ended_at: float | None = None
    """When the connection of a lost answer ended, at the latest."""
    job_id: str | None = None
    job_created_at: float | None = None
    """By our own clock, as far as that can be told."""
    job_expires_at: float | None = None
    job_deadline: float | None = None
    missing_since: float | None = None
    empty_since: float | None = None
    """Since when its job has succeeded without outputs."""
    polls: int = 0
    progress: int | None = None
    """The upstream's, as the last poll saw it; None where it reports none."""
    progress_at: float | None = None
    """When a poll saw that progress first."""
    restarts: int = 0
    """Workers that the sweep has started since the last sign of life."""
    troubles: int = 0
    """Failures in a row of the current step, for its backoff."""
    parts: tuple[Part, ...] = ()
    spoiled: int = 0
    """How often an output arrived that is not a whole MP4."""
    verdict: Verdict | None = None
    slot_freed: bool = False
    """Whether its slot was given back: the upstream job is known to be over."""
    deleted: bool = False
    """Whether its caller has deleted the video: what is left of it goes with this row."""
    ended: bool = False
    """Whether the video has ended for its caller; what is left is watching and accounting."""
    version: str = field(default="", compare=False)
    """The version of the row that this was read from; the next write must find it there."""


def instance_id(video_id: str, epoch: int) -> str:
    """The Durable instance that works on a video in an epoch."""
    return f"{video_id}-{epoch}"


def video_of(instance: str) -> str:
    """The video that a Durable instance works on."""
    return instance.rpartition("-")[0]
