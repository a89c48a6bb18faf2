"""Time as the engine sees it, so that tests can travel in it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the engine reads the time. All moments are aware and in UTC."""

    def now(self) -> datetime:
        """The present moment."""
        ...

    def wait_for(self, due: datetime) -> float | None:
        """Seconds to sleep until ``due``; None when only ``on_change`` can tell."""
        ...

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` whenever the time jumps."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait_for(self, due: datetime) -> float | None:
        return max(0.0, (due - self.now()).total_seconds())

    def on_change(self, wake: Callable[[], None]) -> None:
        """Real time never jumps."""


class ManualClock:
    """A clock that stands still until ``advance``: hours pass in a test at once."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def wait_for(self, due: datetime) -> float | None:
        return 0.0 if due <= self.now() else None

    def on_change(self, wake: Callable[[], None]) -> None:
        self._listeners.append(wake)

    def advance(self, step: timedelta) -> None:
        """Move the time forward and tell whoever waits for it."""
        with self._lock:
            self._now += step
        for wake in self._listeners:
            wake()
