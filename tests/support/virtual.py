"""Virtual time: workers that sleep take none, and one runs at a time.

For runs of hours over real tables. A step of the app that waits in its middle, as a submit does for
the upstream's answer, runs in a thread of its own and sleeps here; the order of events follows from
their times alone.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any


@dataclass
class VirtualTime:
    """An event list: what is due next runs until it ends or sleeps."""

    now: float
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _idle: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Do something later. It must not sleep."""
        heapq.heappush(self._due, (max(when, self.now), next(self._numbers), what))

    def start(self, what: Callable[[], None]) -> None:
        """Do something now that may sleep."""

        def body() -> None:
            try:
                what()
            except BaseException as error:  # noqa: BLE001  # raised where the time runs
                self._failure = error
            self._idle.set()

        def begin() -> None:
            self._idle.clear()
            threading.Thread(target=body, daemon=True).start()
            self._idle.wait()

        self.at(self.now, begin)

    def sleep(self, seconds: float) -> None:
        """Called by what was started: others run meanwhile."""
        awake = threading.Event()

        def wake() -> None:
            self._idle.clear()
            awake.set()
            self._idle.wait()

        self.at(self.now + seconds, wake)
        self._idle.set()
        awake.wait()

    def run(self, until: float = inf) -> None:
        """Let time pass until nothing is due, or a moment is reached."""
        while self._due and self._due[0][0] <= until:
            self.now, _, what = heapq.heappop(self._due)
            what()
            if self._failure is not None:
                raise self._failure
        if until < inf:
            self.now = max(self.now, until)
