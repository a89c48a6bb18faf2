"""A few background threads that try new deliveries at once.

Nothing depends on them: if the process ends or too much waits, the sweep delivers instead. The
function that hands over a delivery stays alive for a while, so that its log lines arrive
(`shared.telemetry.offload`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic

from shared.telemetry.offload import in_background, in_context

_THREADS = 4
_LONGEST_LINE = 400
_FAILURES = 3
_REST = 60.0
"""Seconds for which a receiver that repeatedly failed or was slow is left to the sweep, so that it
blocks no thread."""
_SLOW = 3.0

Errand = Callable[[], bool]
"""Returns whether the receiver accepted. An errand must not raise."""


class Courier:
    """Runs errands in the background."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._line: queue.Queue[Callable[[], None] | None] = queue.Queue(_LONGEST_LINE)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, tuple[int, float]] = {}
        self._clock = clock

    def hand(self, receiver: str, errand: Errand) -> None:
        """Run the errand soon, or not at all."""
        if self._rests(receiver):
            return
        done: Future[None] = Future()

        def run() -> None:
            began = self._clock()
            try:
                accepted = errand()
                self._note(receiver, well=accepted and self._clock() - began < _SLOW)
            finally:
                done.set_result(None)

        try:
            self._line.put_nowait(in_context(run))
        except queue.Full:
            return
        in_background(done)
        with self._lock:
            if len(self._threads) < _THREADS and self._line.qsize() > 0:
                # a daemon, so that the process ends without waiting for a receiver
                thread = threading.Thread(target=self._work, name="courier", daemon=True)
                self._threads.append(thread)
                thread.start()

    def forgive(self, receiver: str) -> None:
        """Try a receiver at once again, however often it failed."""
        with self._lock:
            self._failures.pop(receiver, None)

    def wait(self) -> None:
        """Return when all errands are done. For tests and tools."""
        self._line.join()

    def close(self) -> None:
        """Finish all errands and end the threads."""
        self.wait()
        with self._lock:
            for _ in self._threads:
                self._line.put(None)
            for thread in self._threads:
                thread.join()
            self._threads.clear()

    def _rests(self, receiver: str) -> bool:
        with self._lock:
            failures, until = self._failures.get(receiver, (0, 0.0))
            return failures >= _FAILURES and self._clock() < until

    def _note(self, receiver: str, *, well: bool) -> None:
        with self._lock:
            if well:
                self._failures.pop(receiver, None)
            else:
                failures, _ = self._failures.get(receiver, (0, 0.0))
                self._failures[receiver] = (failures + 1, self._clock() + _REST)

    def _work(self) -> None:
        while (errand := self._line.get()) is not None:
            try:
                errand()
            finally:
                self._line.task_done()
        self._line.task_done()
