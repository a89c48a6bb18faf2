"""The video: a caller's resource, and the only ways in which it may change.

A video is one request, one id, one or more outputs. Its status is OpenAI's (plus `cancelled`); its
stage is ours. Every change is one of the functions below, which follow the design's table 'Endings'
and raise IllegalTransition for anything else: no code path can un-complete a video or complete one
twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.domain.errors import Failure
from shared.domain.request import VideoRequest


class Status(StrEnum):
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    ACCEPTED = "accepted"
    WAITING_FOR_QUOTA = "waiting_for_quota"
    SUBMITTING = "submitting"
    RENDERING = "rendering"
    COLLECTING = "collecting"


_STATUS_OF: Mapping[Stage, Status] = {
    Stage.ACCEPTED: Status.QUEUED,
    Stage.WAITING_FOR_QUOTA: Status.QUEUED,
    Stage.SUBMITTING: Status.IN_PROGRESS,
    Stage.RENDERING: Status.IN_PROGRESS,
    Stage.COLLECTING: Status.IN_PROGRESS,
}

UNFINISHED = frozenset({Status.QUEUED, Status.IN_PROGRESS})

RESCUABLE = frozenset({"timed_out", "submit_unknown"})
"""Failures after which the render may still turn up; then the video completes, once."""


class CostState(StrEnum):
    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a video costs, in integer micro-USD; `actual` is None until it is known."""

    estimated: int
    actual: int | None
    state: CostState
    price_version: str
    basis: str | None = None
    """Where `actual` comes from, for example `delivered_seconds`."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A picture of an output: its `thumbnail` or `spritesheet`, in Blob Storage under `blob`."""

    variant: str
    blob: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Output:
    """One finished MP4, checked and in Blob Storage under `blob`. Width and height are as players
    show it; `seconds` is None if the file does not say."""

    index: int
    blob: str
    content_type: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    seconds: float | None
    extras: tuple[Extra, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Video:
    """The caller's view of one request. Times are unix seconds."""

    id: str
    caller: str
    request: VideoRequest
    status: Status
    stage: Stage | None
    progress: int
    created_at: int
    completed_at: int | None = None
    expires_at: int | None = None
    deployment: str | None = None
    job_id: str | None = None
    estimated_completion_at: int | None = None
    outputs: tuple[Output, ...] = ()
    error: Failure | None = None
    cost: Cost
    rescued: bool = False

    @property
    def terminal(self) -> bool:
        return self.status not in UNFINISHED


class IllegalTransition(Exception):
    """A change that the table 'Endings' does not allow."""

    def __init__(self, video: Video, wanted: str) -> None:
        super().__init__(f"{video.id} is {video.status} ({video.stage}) and cannot become {wanted}")


def advance(video: Video, stage: Stage, *, progress: int | None = None) -> Video:
    """The video at another stage. The progress of an unfinished one stays below 100."""
    if video.terminal:
        raise IllegalTransition(video, stage)
    shown = video.progress if progress is None else max(video.progress, min(progress, 99))
    status = _STATUS_OF[stage]
    return replace(
        video, status=status, stage=stage, progress=0 if status is Status.QUEUED else shown
    )


def complete(
    video: Video, outputs: tuple[Output, ...], cost: Cost, *, at: int, expires_at: int | None
) -> Video:
    """The video with its outputs. One that failed as RESCUABLE may complete once, as rescued."""
    rescued = video.status is Status.FAILED and rescuable(video)
    if video.terminal and not rescued:
        raise IllegalTransition(video, Status.COMPLETED)
    if not outputs:
        raise IllegalTransition(video, "completed without an output")
    return replace(
        video,
        status=Status.COMPLETED,
        stage=None,
        progress=100,
        completed_at=at,
        expires_at=expires_at,
        outputs=outputs,
        error=None,
        cost=cost,
        rescued=rescued,
        estimated_completion_at=None,
    )


def fail(video: Video, failure: Failure, cost: Cost, *, at: int) -> Video:
    if video.terminal:
        raise IllegalTransition(video, f"failed/{failure.code}")
    return replace(
        video,
        status=Status.FAILED,
        stage=None,
        completed_at=at,
        error=failure,
        cost=cost,
        estimated_completion_at=None,
    )


def cancel(video: Video, cost: Cost, *, at: int) -> Video:
    if video.terminal:
        raise IllegalTransition(video, Status.CANCELLED)
    return replace(
        video,
        status=Status.CANCELLED,
        stage=None,
        completed_at=at,
        cost=cost,
        estimated_completion_at=None,
    )


def with_cost(video: Video, cost: Cost) -> Video:
    """An ended video whose cost became known later; nothing else changes."""
    if not video.terminal or video.cost.state is not CostState.UNKNOWN:
        raise IllegalTransition(video, f"cost {cost.state}")
    return replace(video, cost=cost)


def rescuable(video: Video) -> bool:
    """Whether the video may still complete."""
    return video.error is not None and video.error.code in RESCUABLE
