"""A few threads that deliver at once what was just put on record.

Whoever ends a video hands it over and goes on. Nothing depends on it: what these threads do not
get to, because the process ends or too much is waiting, the sweep delivers. The function that
handed it over stays for a while, so that what is logged of it arrives (`shared.telemetry.offload`).
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
"""Seconds for which a receiver that failed or was slow several times in a row is left to the sweep:
nobody waits for it meanwhile."""
_SLOW = 3.0

Errand = Callable[[], bool]
"""Whether the receiver took it. An errand must not raise."""


class Courier:
    """Runs errands in the background."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._line: queue.Queue[Callable[[], None] | None] = queue.Queue(_LONGEST_LINE)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, tuple[int, float]] = {}
        self._clock = clock

    def hand(self, receiver: str, errand: Errand) -> None:
        """Have it done soon, or not at all."""
        if self._rests(receiver):
            return
        done: Future[None] = Future()

        def run() -> None:
            began = self._clock()
            try:
                taken = errand()
                self._note(receiver, well=taken and self._clock() - began < _SLOW)
            finally:
                done.set_result(None)

        try:
            self._line.put_nowait(in_context(run))
        except queue.Full:
            return
        in_background(done)
        with self._lock:
            if len(self._threads) < _THREADS and self._line.qsize() > 0:
                # a daemon: the process ends without waiting for a receiver
                thread = threading.Thread(target=self._work, name="courier", daemon=True)
                self._threads.append(thread)
                thread.start()

    def forgive(self, receiver: str) -> None:
        """Try it at once again, however often it failed."""
        with self._lock:
            self._failures.pop(receiver, None)

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
