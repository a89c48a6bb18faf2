"""Announce what happened: put it on record, and have it delivered.

Called after the fact and before its trace is deleted (a row in `work`, an event that Event Grid
repeats), so after a crash the next process announces it. Ids follow from the transition, so a
repeat announces nothing twice.
"""

from collections.abc import Mapping
from typing import Any

from shared.domain.announcement import (
    OF_BATCH,
    OF_STATUS,
    TOPIC,
    WEBHOOK_TYPES,
    Announcement,
    Delivery,
    DeliveryState,
    Name,
    event_id,
    webhook_target,
)
from shared.domain.batch import Batch
from shared.domain.video import Video
from shared.lifecycle.background.deliver import deliver_soon, lease_ms
from shared.lifecycle.batches import views as batches
from shared.lifecycle.requests.views import shown
from shared.lifecycle.services import Services


def queued(services: Services, video: Video) -> None:
    """A request was admitted."""
    _announce(services, Name.VIDEO_QUEUED, video, at=video.created_at)


def ended(services: Services, video: Video) -> None:
    """A video has ended. Money that becomes known later is not announced."""
    name = OF_STATUS.get(video.status)
    if name is not None:
        _announce(services, name, video, at=video.completed_at or int(services.clock()))


def rejected(services: Services, rejection_id: str, data: Mapping[str, Any]) -> None:
    """An event or a dropped file that can never become a video."""
    at = int(services.clock())
    announcement = Announcement(
        id=event_id(rejection_id, Name.REQUEST_REJECTED),
        name=Name.REQUEST_REJECTED,
        subject=rejection_id,
        at=at,
        data=data,
    )
    _put(services, announcement, _topic(services))


def batch_ended(services: Services, batch: Batch) -> None:
    """A batch has ended."""
    targets = _topic(services)
    if batch.webhook is not None:
        targets.append(webhook_target(batch.webhook))
    announcement = Announcement(
        id=event_id(batch.id, OF_BATCH[batch.status]),
        name=OF_BATCH[batch.status],
        subject=batch.id,
        at=batch.ended_at or int(services.clock()),
        data=batches.shown(batch, services.clock()).as_dict(),
    )
    _put(services, announcement, targets)


def _announce(services: Services, name: Name, video: Video, *, at: int) -> None:
    targets = _topic(services)
    if video.request.webhook is not None and name in WEBHOOK_TYPES:
        targets.append(webhook_target(video.request.webhook))
    if not targets:
        return
    announcement = Announcement(
        id=event_id(video.id, name), name=name, subject=video.id, at=at, data=shown(video).as_dict()
    )
    _put(services, announcement, targets)


def _topic(services: Services) -> list[str]:
    return [TOPIC] if services.settings.event_topic_endpoint else []


def _put(services: Services, announcement: Announcement, targets: list[str]) -> None:
    now = int(services.clock() * 1000)
    deadline = services.settings.durations.delivery_deadline
    deliveries = [
        Delivery(
            announcement=announcement,
            target=target,
            state=DeliveryState.PENDING,
            created_ms=now,
            due_ms=now + lease_ms(services),
            give_up_ms=now + int(deadline * 1000),
        )
        for target in targets
    ]
    if deliveries and services.outbox.put(deliveries):
        for delivery in deliveries:
            deliver_soon(services, delivery)
