"""Event Grid waits 30 s for an answer: an event that cannot be taken in time is refused in time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import azure.functions as func
import pytest

from shared.durable import workers
from shared.lifecycle.background.inbox import Incoming
from triggers import events

EVENT = func.EventGridEvent(
    id="e1",
    data={"prompt": "a fox"},
    topic="/topics/orders",
    subject="s",
    event_type="DurableVideo.VideoRequested",
    event_time=None,
    data_version="1",
)


def on_event() -> Any:
    built: Any = events.on_event
    return built._function._func.client_function


def test_storage_that_hangs_fails_the_event_before_event_grid_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, asked = threading.Event(), list[str]()

    def hangs(_: Any, incoming: Incoming) -> None:
        asked.append(incoming.id)
        assert gate.wait(30)

    monkeypatch.setattr(events, "services", lambda: None)
    monkeypatch.setattr(events, "receive", hangs)
    assert events._PATIENCE < 30
    monkeypatch.setattr(events, "_PATIENCE", 0.05)

    async def invocation() -> None:
        try:
            with pytest.raises(TimeoutError):
                await on_event()(EVENT, None)
        finally:
            gate.set()

    asyncio.run(invocation())
    assert asked == ["e1"]


def test_a_client_that_hangs_does_not_hold_up_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(*_: Any) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(events, "services", lambda: None)
    monkeypatch.setattr(events, "receive", lambda *_: "admitted")
    monkeypatch.setattr(workers, "start_admitted", hangs)
    monkeypatch.setattr(events, "_PATIENCE", 0.05)
    with pytest.raises(TimeoutError):
        asyncio.run(on_event()(EVENT, None))
