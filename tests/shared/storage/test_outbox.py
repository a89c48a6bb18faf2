"""The outbox: each delivery once, and a pointer to every pending one whatever was interrupted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.announcement import Announcement, Delivery, DeliveryState, Name
from shared.lifecycle.services import Services
from shared.storage.outbox import Outbox
from shared.storage.rows import RowChanged

ANNOUNCEMENT = Announcement(
    id="evt_1",
    name=Name.VIDEO_COMPLETED,
    subject="video_1",
    at=1,
    data={"prompt": "\U0001f98a" * 40_000, "half": "\ud800"},
)
PENDING = Delivery(
    announcement=ANNOUNCEMENT,
    target="topic",
    state=DeliveryState.PENDING,
    created_ms=1,
    due_ms=1000,
    give_up_ms=9000,
)


@pytest.fixture
def outbox(services: Services) -> Outbox:
    return services.outbox


def due(outbox: Outbox, now: int, **options: Any) -> list[str]:
    return [each.delivery.id for each in outbox.due(now, limit=10, **options)]


def test_a_delivery_is_put_once_and_read_back(outbox: Outbox) -> None:
    hook = replace(PENDING, target="webhook-a")
    assert outbox.put([PENDING, hook])
    assert not outbox.put([replace(PENDING, created_ms=5, due_ms=5000), hook])
    stored = [each.delivery for each in outbox.of("video_1")]
    assert [each.target for each in stored] == ["topic", "webhook-a"]
    data = {**ANNOUNCEMENT.data, "half": "?"}  # half a surrogate pair cannot be stored
    assert stored[0] == replace(PENDING, announcement=replace(ANNOUNCEMENT, data=data))


def test_what_is_due_comes_by_time_and_by_target(outbox: Outbox) -> None:
    for number in (3, 1, 2):
        announcement = replace(ANNOUNCEMENT, id=f"evt_{number}", subject=f"video_{number}", data={})
        target = "topic" if number < 3 else "webhook-a"
        outbox.put(
            [replace(PENDING, announcement=announcement, target=target, due_ms=number * 1_000_000)]
        )
    assert due(outbox, 999_999) == []
    assert due(outbox, 2_500_000) == ["evt_1-topic", "evt_2-topic"]
    assert due(outbox, 9_000_000, without=["topic"]) == ["evt_3-webhook-a"]


def test_moving_ahead_is_the_right_to_try(outbox: Outbox) -> None:
    outbox.put([PENDING])
    (mine,) = outbox.due(2000, limit=5)
    (yours,) = outbox.due(2000, limit=5)
    held = outbox.replace(mine, replace(mine.delivery, due_ms=5000))
    with pytest.raises(RowChanged):
        outbox.replace(yours, replace(yours.delivery, due_ms=6000))
    assert due(outbox, 4000) == []
    assert due(outbox, 5500) == ["evt_1-topic"]
    outbox.replace(held, replace(held.delivery, state=DeliveryState.DELIVERED))
    assert due(outbox, 99_000) == []


class _Breaks:
    """A table whose process dies at one of its methods, after so many calls."""

    def __init__(self, table: Any, method: str, calls: int) -> None:
        self._table, self._method, self._left = table, method, calls

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        return getattr(self._table, name)


@pytest.mark.parametrize(
    ("method", "calls"), [("insert", 0), ("replace", 0), ("get", 0), ("delete", 0)]
)
def test_a_pending_delivery_keeps_a_pointer_wherever_it_is_interrupted(
    outbox: Outbox, method: str, calls: int
) -> None:
    outbox.put([PENDING])
    (stored,) = outbox.due(2000, limit=5)
    broken = Outbox(_Breaks(outbox._table, method, calls))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        broken.replace(stored, replace(stored.delivery, due_ms=5000))
    due(outbox, 4000)  # puts right what it meets
    assert due(outbox, 6000) == ["evt_1-topic"]


def test_a_repeat_makes_up_for_a_missing_pointer(outbox: Outbox) -> None:
    broken = Outbox(_Breaks(outbox._table, "insert", 0))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        broken.put([PENDING])
    assert due(outbox, 9000) == []
    assert not outbox.put([PENDING])
    assert due(outbox, 9000) == ["evt_1-topic"]


def test_forgetting_waits_for_what_is_pending(outbox: Outbox) -> None:
    outbox.put([PENDING, replace(PENDING, target="webhook-a", state=DeliveryState.FAILED)])
    outbox.forget("video_1")
    (left,) = outbox.of("video_1")
    assert left.delivery.target == "topic"
    outbox.replace(left, replace(left.delivery, state=DeliveryState.DELIVERED))
    assert outbox.of("video_1") == []
    outbox.put([PENDING])
    outbox.forget("video_1", pending=True)
    assert outbox.of("video_1") == []
    assert due(outbox, 9000) == []
