"""How often a caller may ask for work that costs no money: counted in this process."""

import threading
from collections import deque
from collections.abc import Callable


class Pace:
    """At most `most` in any `window` seconds, for each caller. Safe to share between threads."""

    def __init__(self, most: int, window: float, clock: Callable[[], float]) -> None:
        self._most, self._window, self._clock = most, window, clock
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = {}

    def take(self, caller: str) -> float:
        """0.0 where this request is within the limit; otherwise the seconds until one will be."""
        now = self._clock()
        with self._lock:
            taken = self._taken.setdefault(caller, deque())
            while taken and taken[0] <= now - self._window:
                taken.popleft()
            if len(taken) >= self._most:
                return taken[0] + self._window - now
            taken.append(now)
            return 0.0
