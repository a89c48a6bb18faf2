"""The signals that end our programs."""

from __future__ import annotations

import os
import signal
from types import FrameType

from local.processes import kill_all

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def end_on_signals() -> None:
    """Make Ctrl-C, SIGTERM and a closing terminal raise KeyboardInterrupt in the main thread, once,
    so that nothing disturbs the clean-up; a second Ctrl-C kills the children and us.

    An ignored SIGINT is not respected, because shells set it for every background job; an ignored
    SIGHUP (`nohup`) is.
    """
    for number in _numbers():
        if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _first)


def _first(_number: int, _frame: FrameType | None) -> None:
    for number in _numbers():
        signal.signal(number, _again)
    raise KeyboardInterrupt


def _again(number: int, _frame: FrameType | None) -> None:
    # SIGTERM often comes twice: for the process group, and from the make above us
    if number == signal.SIGINT:
        kill_all()
        os._exit(128 + number)


def _numbers() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _ENDING if name in signal.Signals.__members__]
