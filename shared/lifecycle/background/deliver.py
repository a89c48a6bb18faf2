"""Deliver announcements, one attempt at a time.

A process takes a delivery by moving its `due_ms` ahead by a lease, if its row has not changed since
it was read. If the process dies, the sweep tries again after the lease.
"""

import hashlib
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import monotonic

from shared.delivery import webhooks
from shared.delivery.outcome import Undelivered
from shared.domain.announcement import (
    EVENT_PREFIX,
    OF_BATCH,
    Delivery,
    DeliveryState,
    pause_after,
    webhook_name,
)
from shared.domain.errors import NotFound
from shared.durable.names import BASE_PATH
from shared.lifecycle.services import Services
from shared.settings.callers import Webhook
from shared.storage.outbox import StoredDelivery
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit
from shared.telemetry.offload import in_context

_REQUEST = 20.0
"""Seconds that a request to a receiver may take, in real time."""
_AT_ONCE = 8
_PAGE = 24
_LONGEST_RUN = 90.0
_FAILURES_IN_A_RUN = 3


def lease_ms(services: Services) -> int:
    """How long one process may hold a delivery."""
    return int((_REQUEST + services.settings.durations.of(60)) * 1000)


def deliver_soon(services: Services, delivery: Delivery) -> None:
    """Try a delivery that this process holds (its `due_ms` is a lease) in the background."""
    services.courier.hand(
        delivery.target,
        lambda: deliver(services, delivery.announcement.subject, delivery.id, delivery.due_ms),
    )


def deliver(services: Services, subject: str, delivery_id: str, due_ms: int) -> bool:
    """Try a delivery that this process holds; False if its receiver did not take it. Never raises:
    the sweep tries again."""
    try:
        stored = services.outbox.get(subject, delivery_id)
        if stored is None or stored.delivery.due_ms != due_ms:
            return True
        if stored.delivery.state is DeliveryState.PENDING:
            return _attempt(services, stored).state is DeliveryState.DELIVERED
    except Exception as error:  # noqa: BLE001  # nobody else sees it in the background
        emit(Event.DELIVERY_LEFT, delivery=delivery_id, message=type(error).__name__)
    return True


def deliver_due(services: Services) -> int:
    """Try every due delivery, for about a minute and a half; how many were delivered.

    A receiver that fails three times waits for the next run, and so holds up no other.
    """
    began, delivered = monotonic(), 0
    failures: Counter[str] = Counter()
    seen: set[str] = set()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deliver") as pool:
        while monotonic() - began < _LONGEST_RUN:
            now = int(services.clock() * 1000)
            failing = [target for target, count in failures.items() if count >= _FAILURES_IN_A_RUN]
            due = services.outbox.due(now, limit=_PAGE, without=failing)
            page = [stored for stored in due if stored.delivery.id not in seen]
            if not page:
                break
            seen.update(stored.delivery.id for stored in page)
            for delivery in pool.map(in_context(partial(_take, services)), page):
                if delivery is None:
                    continue
                if delivery.state is DeliveryState.DELIVERED:
                    delivered += 1
                    failures[delivery.target] = 0
                else:
                    failures[delivery.target] += 1
    return delivered


def redeliver(services: Services, video_id: str, delivery_id: str | None) -> list[Delivery]:
    """Start one delivery of a video, or all that have not arrived, from the beginning; ids and
    content stay. This process holds those returned. Raises NotFound for an unknown delivery."""
    chosen = [
        stored
        for stored in services.outbox.of(video_id)
        if (
            stored.delivery.id == delivery_id
            if delivery_id is not None
            else stored.delivery.state is not DeliveryState.DELIVERED
        )
    ]
    if delivery_id is not None and not chosen:
        raise NotFound(f"This video has no delivery {delivery_id[:100]!r}.", param="id")
    again_due = []
    for stored in chosen:
        now = int(services.clock() * 1000)
        deadline = services.settings.durations.delivery_deadline
        again = replace(
            stored.delivery,
            state=DeliveryState.PENDING,
            due_ms=now + lease_ms(services),
            give_up_ms=now + int(deadline * 1000),
            attempts=0,
            delivered_ms=None,
        )
        webhook = _webhook(services, again)
        if webhook is not None:
            services.outbox.set_gone(_receiver(webhook), gone=False)
        services.courier.forgive(again.target)
        with suppress(RowChanged):  # it is being tried right now
            again_due.append(services.outbox.replace(stored, again).delivery)
    return again_due


def _take(services: Services, stored: StoredDelivery) -> Delivery | None:
    """Take a delivery and try it; None when another process has it, or when something failed that
    is not the receiver's fault."""
    due = int(services.clock() * 1000) + lease_ms(services)
    try:
        taken = services.outbox.replace(stored, replace(stored.delivery, due_ms=due))
        return _attempt(services, taken)
    except RowChanged:
        return None
    except Exception as error:  # noqa: BLE001  # one delivery must not hold up the others
        emit(Event.DELIVERY_LEFT, delivery=stored.delivery.id, message=type(error).__name__)
        return None


def _attempt(services: Services, stored: StoredDelivery) -> Delivery:
    """Send once and record the outcome. Raises RowChanged after a `redeliver` meanwhile."""
    delivery = stored.delivery
    status: int | None = None
    problem: Undelivered | None = None
    try:
        status = _send(services, delivery)
    except Undelivered as error:
        problem, status = error, error.status
    now = int(services.clock() * 1000)
    tried = replace(
        delivery,
        attempts=delivery.attempts + 1,
        last_attempt_ms=now,
        last_status=status,
        last_error=None if problem is None else str(problem),
    )
    if problem is None:
        after = replace(tried, state=DeliveryState.DELIVERED, delivered_ms=now)
    elif problem.gone or now >= delivery.give_up_ms:
        after = replace(tried, state=DeliveryState.FAILED)
    else:
        pause = pause_after(tried.attempts, random.random())  # noqa: S311  # jitter
        next_ms = now + int(services.settings.durations.of(pause) * 1000)
        after = replace(tried, due_ms=min(next_ms, max(now + 1, delivery.give_up_ms)))
    _log(after)
    try:
        return services.outbox.replace(stored, after).delivery
    except RowChanged:
        current = services.outbox.get(delivery.announcement.subject, delivery.id)
        if current is None or current.delivery != replace(delivery, forget=True):
            raise
        # its video was deleted during the attempt: the outcome stays
        return services.outbox.replace(current, replace(after, forget=True)).delivery


def _send(services: Services, delivery: Delivery) -> int:
    name = webhook_name(delivery.target)
    if name is None:
        things = "batches" if delivery.announcement.name in OF_BATCH.values() else "videos"
        source = f"{services.settings.public_base_url}/{BASE_PATH}/{things}"
        if not services.settings.event_topic_endpoint:
            raise Undelivered("EVENT_TOPIC_ENDPOINT is not set any more")
        return services.topic.send(delivery.announcement, source=source)
    webhook = _webhook(services, delivery)
    if webhook is None:
        raise Undelivered(f"webhook {name} is not in WEBHOOKS any more")
    receiver = _receiver(webhook)
    if services.outbox.is_gone(receiver):
        raise Undelivered("disabled: it answered 410 before", status=410)
    try:
        return webhooks.send(webhook, delivery.announcement)
    except Undelivered as error:
        if error.gone:
            services.outbox.set_gone(receiver, gone=True)
            emit(Event.WEBHOOK_DISABLED, webhook=name)
        raise


def _webhook(services: Services, delivery: Delivery) -> Webhook | None:
    return services.settings.webhook(webhook_name(delivery.target) or "")


def _receiver(webhook: Webhook) -> str:
    """A receiver's key: another URL under the same name is another receiver."""
    return f"{webhook.name}-{hashlib.sha256(webhook.url.encode()).hexdigest()[:16]}"


def _log(delivery: Delivery) -> None:
    announcement = delivery.announcement
    if delivery.state is DeliveryState.DELIVERED:
        emit(
            Event.DELIVERED,
            video_id=announcement.subject,
            type=EVENT_PREFIX + announcement.name,
            target=delivery.target,
            attempts=delivery.attempts,
            lag_seconds=((delivery.delivered_ms or 0) - delivery.created_ms) / 1000,
        )
    else:
        emit(
            Event.NOT_DELIVERED,
            video_id=announcement.subject,
            type=EVENT_PREFIX + announcement.name,
            target=delivery.target,
            attempts=delivery.attempts,
            state=delivery.state,
            message=delivery.last_error,
        )
