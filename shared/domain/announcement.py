"""Announcements, and the delivery of each to one target.

Each transition has one announcement, whose id follows from the transition: making it again changes
nothing. A delivery is tried at once and then, with growing pauses, for a day; receivers may see an
announcement twice, under the same id.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.domain import batch
from shared.domain.video import Status

EVENT_PREFIX = "DurableVideo."
"""The prefix of a Name in the `type` of a CloudEvent."""


class Name(StrEnum):
    VIDEO_QUEUED = "VideoQueued"
    VIDEO_COMPLETED = "VideoCompleted"
    VIDEO_FAILED = "VideoFailed"
    VIDEO_CANCELLED = "VideoCancelled"
    REQUEST_REJECTED = "RequestRejected"
    BATCH_COMPLETED = "BatchCompleted"
    BATCH_FAILED = "BatchFailed"
    BATCH_EXPIRED = "BatchExpired"
    BATCH_CANCELLED = "BatchCancelled"


OF_STATUS: Mapping[Status, Name] = {
    Status.COMPLETED: Name.VIDEO_COMPLETED,
    Status.FAILED: Name.VIDEO_FAILED,
    Status.CANCELLED: Name.VIDEO_CANCELLED,
}

OF_BATCH: Mapping[batch.Status, Name] = {
    batch.Status.COMPLETED: Name.BATCH_COMPLETED,
    batch.Status.FAILED: Name.BATCH_FAILED,
    batch.Status.EXPIRED: Name.BATCH_EXPIRED,
    batch.Status.CANCELLED: Name.BATCH_CANCELLED,
}

WEBHOOK_TYPES: Mapping[Name, str] = {
    Name.VIDEO_COMPLETED: "video.completed",
    Name.VIDEO_FAILED: "video.failed",
    Name.VIDEO_CANCELLED: "video.cancelled",  # OpenAI has no such status and no such event
    Name.BATCH_COMPLETED: "batch.completed",
    Name.BATCH_FAILED: "batch.failed",
    Name.BATCH_EXPIRED: "batch.expired",
    Name.BATCH_CANCELLED: "batch.cancelled",
}
"""The announcements that webhooks get, by OpenAI's names."""

TOPIC = "topic"
"""The target for the Event Grid topic; the others are `webhook-NAME`."""
_WEBHOOK = "webhook-"


def webhook_target(name: str) -> str:
    """The target for an entry of WEBHOOKS."""
    return _WEBHOOK + name


def webhook_name(target: str) -> str | None:
    """The entry of WEBHOOKS of a target; None for the topic."""
    return target.removeprefix(_WEBHOOK) if target.startswith(_WEBHOOK) else None


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Something that happened at `at` (unix seconds); `subject` is the id of the video, the
    batch or the rejection, `data` the state at that time."""

    id: str
    name: Name
    subject: str
    at: int
    data: Mapping[str, Any]


def event_id(subject: str, name: Name) -> str:
    """The id of a transition, the same for every announcement of it."""
    return "evt_" + hashlib.sha256(f"{subject}/{name}".encode()).hexdigest()[:32]


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: after a day, or because the target is gone."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An announcement on its way to one target. Times are unix milliseconds; None: not yet."""

    announcement: Announcement
    target: str
    state: DeliveryState
    created_ms: int
    due_ms: int
    """When it is tried (again); until then it belongs to the process that wrote this."""
    give_up_ms: int
    attempts: int = 0
    last_attempt_ms: int | None = None
    delivered_ms: int | None = None
    last_status: int | None = None
    """The HTTP status of the last answer, if there was one."""
    last_error: str | None = None
    forget: bool = False
    """Whether it is deleted once it is over: its video was deleted."""

    @property
    def id(self) -> str:
        return f"{self.announcement.id}-{self.target}"


_PAUSES = (20.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0)
_JITTER = 0.25


def pause_after(attempts: int, fraction: float) -> float:
    """Seconds until the next attempt after `attempts` failed ones; `fraction` (0 to 1) picks the
    jitter, of up to a quarter more or less."""
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    return pause * (1 - _JITTER + 2 * _JITTER * fraction)
