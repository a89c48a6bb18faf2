"""How our programs are told to end."""

from __future__ import annotations

import os
import signal
from types import FrameType

from local.processes import kill_all

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def end_on_signals() -> None:
    """Have Ctrl-C, SIGTERM and a terminal that closes raise KeyboardInterrupt in the main thread,
    once, so that nothing disturbs the clean-up; a second Ctrl-C ends children and us at once.

    A shell has what it starts in the background ignore SIGINT, which says nothing about us; whoever
    ignores SIGHUP (`nohup`) means it.
    """
    for number in _numbers():
        if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _first)


def _first(_number: int, _frame: FrameType | None) -> None:
    for each in _numbers():
        signal.signal(each, _again)
    raise KeyboardInterrupt


def _again(number: int, _frame: FrameType | None) -> None:
    # SIGTERM often comes twice: from whoever ends the group, and from the make above us
    if number == signal.SIGINT:
        kill_all()
        os._exit(128 + number)


def _numbers() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _ENDING if name in signal.Signals.__members__]
