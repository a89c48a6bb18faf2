"""Which of the app's log lines come out. Only for a host whose output goes to a file."""

import time
import uuid

from ..prober import Prober

_LINES = (
    "coroutine-debug",
    "coroutine-info",
    "coroutine-warning",
    "coroutine-error",
    "task",
    "thread",
    "cured-thread",
    "print",
    "sync",
)
_SECONDS = 15


def logs(prober: Prober) -> None:
    if prober.log_text() is None:
        return
    mark = uuid.uuid4().hex[:12]
    prober.ask("GET", "/ops/log", params={"mark": mark})
    prober.ask("GET", "/ops/log-sync", params={"mark": mark})
    limit = time.monotonic() + _SECONDS
    while f"probe-log sync {mark}" not in _text(prober) and time.monotonic() < limit:
        time.sleep(0.1)
    time.sleep(1)  # for those that come later, if they come
    text = _text(prober)
    told = {line: f"probe-log {line} {mark}" in text for line in _LINES}
    prober.record("log lines in the host's output", told)
    if prober.master_key:  # which ran the timer
        told = {line: f"probe-log {line}" in text for line in ("activity", "timer")}
        prober.record("log lines of an activity and a timer", told)


def _text(prober: Prober) -> str:
    return prober.log_text() or ""
