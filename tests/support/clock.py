"""Clocks for services: one whose time a test moves, and one whose moments are all different."""

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Time that stands still until somebody moves it."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class Ticking:
    """The time, but never the same millisecond twice: what is made later gets the later id, even
    where storage in memory answers at once."""

    _last: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> float:
        with self._lock:
            self._last = max(time.time(), self._last + 0.002)
            return self._last
