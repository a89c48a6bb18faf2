"""The deliveries of a video: list them, and send them again."""

from shared.answers import deliveries as answers
from shared.domain.announcement import EVENT_PREFIX, Delivery, DeliveryState, webhook_name
from shared.lifecycle.background.deliver import deliver_soon, redeliver
from shared.lifecycle.services import Services


def list_deliveries(services: Services, video_id: str) -> answers.DeliveryList:
    """All of a video's, sent and pending, oldest first."""
    shown = [_shown(stored.delivery) for stored in services.outbox.of(video_id)]
    return answers.DeliveryList(object="list", data=shown, has_more=False)


def send_again(services: Services, video_id: str, delivery_id: str | None) -> None:
    """Send one delivery, or all that have not arrived, soon; they get another day of attempts.
    Raises NotFound for an unknown one."""
    for delivery in redeliver(services, video_id, delivery_id):
        deliver_soon(services, delivery)


def _shown(delivery: Delivery) -> answers.Delivery:
    name = webhook_name(delivery.target)
    pending = delivery.state is DeliveryState.PENDING
    return answers.Delivery(
        id=delivery.id,
        object="delivery",
        event_id=delivery.announcement.id,
        type=EVENT_PREFIX + delivery.announcement.name,
        target="topic" if name is None else "webhook",
        webhook=name,
        status=delivery.state,
        attempts=delivery.attempts,
        created_at=delivery.created_ms // 1000,
        last_attempt_at=_seconds(delivery.last_attempt_ms),
        next_attempt_at=_seconds(delivery.due_ms) if pending else None,
        delivered_at=_seconds(delivery.delivered_ms),
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000
