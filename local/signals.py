"""How our programs are told to end."""

from __future__ import annotations

import signal
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def end_on_signals() -> None:
    """Have Ctrl-C, SIGTERM and a terminal that closes raise KeyboardInterrupt in the main thread,
    once: what comes while that is cleaned up after is not heard.

    A shell has what it starts in the background ignore SIGINT, which says nothing about us; whoever
    ignores SIGHUP (`nohup`) means it.
    """
    for number in _numbers():
        if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the kernel's arguments
    for each in _numbers():
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _numbers() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _ENDING if name in signal.Signals.__members__]
