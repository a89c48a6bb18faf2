"""What is announced, and its deliveries to one target each.

An announcement is made once for each transition, under an id that follows from the transition, so
that making it again changes nothing. A delivery is tried at once and then, with growing pauses, for
a day; receivers that see an id twice have seen the same thing twice.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.domain.video import Status

EVENT_PREFIX = "DurableVideo."
"""Before the names below it makes the `type` of a CloudEvent."""


class Name(StrEnum):
    """What happened."""

    VIDEO_QUEUED = "VideoQueued"
    VIDEO_COMPLETED = "VideoCompleted"
    VIDEO_FAILED = "VideoFailed"
    VIDEO_CANCELLED = "VideoCancelled"
    REQUEST_REJECTED = "RequestRejected"


OF_STATUS: Mapping[Status, Name] = {
    Status.COMPLETED: Name.VIDEO_COMPLETED,
    Status.FAILED: Name.VIDEO_FAILED,
    Status.CANCELLED: Name.VIDEO_CANCELLED,
}

WEBHOOK_TYPES: Mapping[Name, str] = {
    Name.VIDEO_COMPLETED: "video.completed",
    Name.VIDEO_FAILED: "video.failed",
    Name.VIDEO_CANCELLED: "video.cancelled",  # OpenAI has no such status and no such event
}
"""The announcements that webhooks get, and what OpenAI calls them."""

TOPIC = "topic"
"""The target that stands for the Event Grid topic; the others are `webhook-NAME`."""
_WEBHOOK = "webhook-"


def webhook_target(name: str) -> str:
    """The target that stands for an entry of WEBHOOKS."""
    return _WEBHOOK + name


def webhook_name(target: str) -> str | None:
    """The entry of WEBHOOKS that a target stands for; None for the topic."""
    return target.removeprefix(_WEBHOOK) if target.startswith(_WEBHOOK) else None


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Something that happened, as it was when it happened; `at` is in unix seconds.

    `subject` is the video's id, or the rejection's.
    """

    id: str
    name: Name
    subject: str
    at: int
    data: Mapping[str, Any]


def event_id(subject: str, name: Name) -> str:
    """The id of a transition: the same one whoever announces it, and however often."""
    return "evt_" + hashlib.sha256(f"{subject}/{name}".encode()).hexdigest()[:32]


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: the day is over, or the target is gone."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An announcement on its way to one target. Times are unix milliseconds; None: not yet."""

    announcement: Announcement
    target: str
    state: DeliveryState
    created_ms: int
    due_ms: int
    """When it is tried (again); until then whoever wrote this has it in hand."""
    give_up_ms: int
    attempts: int = 0
    last_attempt_ms: int | None = None
    delivered_ms: int | None = None
    last_status: int | None = None
    """The HTTP status of the last answer, where there was one."""
    last_error: str | None = None
    forget: bool = False
    """Whether nothing is kept of it once it is over: its video was deleted."""

    @property
    def id(self) -> str:
        return f"{self.announcement.id}-{self.target}"


_PAUSES = (20.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0)
_JITTER = 0.25


def pause_after(attempts: int, fraction: float) -> float:
    """Seconds until the next attempt after `attempts` failed ones; `fraction`, from 0 to 1, says
    where in the jitter of a quarter more or less it falls."""
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    return pause * (1 - _JITTER + 2 * _JITTER * fraction)
