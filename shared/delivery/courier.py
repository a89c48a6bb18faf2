"""A few threads that deliver at once what was just put on record.

Whoever ends a video hands it over and goes on. Nothing depends on it: what these threads do not
get to, because the process ends or too much is waiting, the sweep delivers.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_THREADS = 4
_LONGEST_LINE = 400

Errand = Callable[[], None]


class Courier:
    """Runs errands in the background. An errand must not raise."""

    def __init__(self) -> None:
        self._line: queue.Queue[Errand | None] = queue.Queue(_LONGEST_LINE)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def hand(self, errand: Errand) -> None:
        """Have it done soon, or not at all."""
        try:
            self._line.put_nowait(errand)
        except queue.Full:
            return
        with self._lock:
            if len(self._threads) < _THREADS and self._line.qsize() > 0:
                # a daemon: the process ends without waiting for a receiver
                thread = threading.Thread(target=self._work, name="courier", daemon=True)
                self._threads.append(thread)
                thread.start()

    def wait(self) -> None:
        """Return when nothing is left to do. For tests and tools."""
        self._line.join()

    def close(self) -> None:
        """Do what is left and end the threads."""
        self.wait()
        with self._lock:
            for _ in self._threads:
                self._line.put(None)
            for thread in self._threads:
                thread.join()
            self._threads.clear()

    def _work(self) -> None:
        while (errand := self._line.get()) is not None:
            try:
                errand()
            finally:
                self._line.task_done()
        self._line.task_done()
