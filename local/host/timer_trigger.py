"""Timer triggers: NCRONTAB schedules, kept across restarts when there is a state directory.

As ``TimerListener`` of the Functions host: a function never overlaps itself, the next occurrence
counts from the end of the last run, and a run that was missed while the host was down happens at
start-up, marked as past due, if the schedule is monitored. All times are UTC.

Of hosts that share a task hub, one at a time has a function's listener, by a lock (``Singleton`` in
listener mode); the others ask for it now and then (host.json
``singleton.listenerLockRecoveryPollingInterval``). Microsoft's host does not look again before each
run whether it still has the lock; ours does.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from azure.functions import meta
from croniter import croniter
from croniter.croniter import CroniterError

from .bindings import DurableLinks, bind
from .durable.clock import Clock
from .durable.history import timestamp
from .index import Function
from .worker import Worker, result_of

_log = logging.getLogger("host.timers")

_MONITORED_FROM = timedelta(minutes=1)  # shorter schedules are never monitored


class ScheduleError(ValueError):
    """Neither an NCRONTAB expression nor a time span."""


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence after a moment."""
        ...


class Ncrontab:
    """``{second} {minute} {hour} {day} {month} {day of week}``; five fields mean second 0."""

    def __init__(self, expression: str) -> None:
        """Raises ``ScheduleError``."""
        fields = expression.split()
        if len(fields) == 5:
            fields = ["0", *fields]
        if len(fields) != 6:
            raise ScheduleError(f"'{expression}' is not an NCRONTAB expression of six fields")
        self._expression = " ".join(fields)
        try:
            self.next_after(datetime.now(UTC))
        except (CroniterError, ValueError) as error:
            raise ScheduleError(f"'{expression}' is not an NCRONTAB expression: {error}") from error

    def next_after(self, moment: datetime) -> datetime:
        schedule = croniter(self._expression, moment, second_at_beginning=True)
        occurrence: datetime = schedule.get_next(datetime)  # type: ignore[no-untyped-call]
        return occurrence


class Interval:
    """A time span ``hh:mm:ss``: that long after the last run."""

    def __init__(self, span: timedelta) -> None:
        self._span = span

    def next_after(self, moment: datetime) -> datetime:
        return moment + self._span


def parse_schedule(text: str) -> Schedule:
    """Read a timer trigger's ``schedule``. Raises ``ScheduleError``."""
    if " " in text.strip():
        return Ncrontab(text)
    try:
        hours, minutes, seconds = (int(part) for part in text.split(":"))
    except ValueError:
        raise ScheduleError(f"'{text}' is neither NCRONTAB nor a time span hh:mm:ss") from None
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if span <= timedelta(0):
        raise ScheduleError(f"'{text}' is not a positive time span")
    return Interval(span)


class Monitor:
    """When each timer was last due: one JSON file, or memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._due: dict[str, str] = {}
        if path is not None and path.exists():
            self._due = json.loads(path.read_text(encoding="utf-8"))

    def next_due(self, name: str) -> datetime | None:
        text = self._due.get(name)
        return datetime.fromisoformat(text) if text else None

    def set_next_due(self, name: str, due: datetime) -> None:
        self._due[name] = timestamp(due)
        if self._path is not None:
            draft = self._path.with_suffix(".tmp")
            draft.write_text(json.dumps(self._due), encoding="utf-8")
            draft.replace(self._path)


@dataclass(frozen=True, slots=True)
class Singleton:
    """How a timer function is kept from running on several hosts."""

    lock: Callable[[str], Future[bool]]
    """Take the lock of that name or keep it; whether this host has it now."""
    polling: float
    """Seconds between two tries to get it."""


class TimerTriggers:
    """Runs the app's timer functions."""

    def __init__(
        self,
        functions: Iterable[Function],
        worker: Worker,
        links: DurableLinks,
        clock: Clock,
        monitor: Monitor,
        singleton: Singleton | None = None,
    ) -> None:
        """Without ``singleton`` this is the only host. Raises ``ScheduleError``."""
        self._singleton = singleton
        self._worker = worker
        self._links = links
        self._clock = clock
        self._monitor = monitor
        self._schedules = [
            (function, parse_schedule(function.trigger.properties["schedule"]))
            for function in functions
            if function.trigger.type == "timerTrigger" and function.error is None
        ]

    async def run(self) -> None:
        """Run all schedules until cancelled."""
        await asyncio.gather(*(self._follow(*entry) for entry in self._schedules))

    async def fire(self, function: Function, *, is_past_due: bool = False) -> None:
        """Run a timer function once; what goes wrong in it is in the log."""
        schedule = next((s for f, s in self._schedules if f is function), None)
        now = self._clock.now()
        due = schedule.next_after(now) if schedule else now
        trigger = meta.Datum(
            json.dumps(
                {
                    "Schedule": {"AdjustForDST": True},
                    "ScheduleStatus": {
                        "Last": timestamp(now),
                        "LastUpdated": timestamp(now),
                        "Next": timestamp(due),
                    },
                    "IsPastDue": is_past_due,
                }
            ),
            "json",
        )
        try:
            await result_of(
                self._worker.call(function, lambda: bind(function, self._links, trigger), _ignore)
            )
        except Exception:  # noqa: BLE001  the app's fault, in the log already
            return

    async def _follow(self, function: Function, schedule: Schedule) -> None:
        properties = function.trigger.properties
        await self._until_locked(function)
        now = self._clock.now()
        due = schedule.next_after(now)
        is_monitored = (
            properties.get("useMonitor") is not False
            and schedule.next_after(due) - due >= _MONITORED_FROM
        )
        missed = self._monitor.next_due(function.name) if is_monitored else None
        if missed is not None and missed <= now:
            await self.fire(function, is_past_due=True)
        elif properties.get("runOnStartup"):
            await self.fire(function)
        while True:
            due = schedule.next_after(self._clock.now())
            if is_monitored:
                self._monitor.set_next_due(function.name, due)
            # A sleep may end a little early, which would find the same occurrence again.
            while (now := self._clock.now()) < due:  # noqa: ASYNC110  waits for a time
                await asyncio.sleep((due - now).total_seconds())
            await self._until_locked(function)
            await self.fire(function)

    async def _until_locked(self, function: Function) -> None:
        """Return when no other host runs this function by its schedule."""
        while self._singleton is not None:
            if await asyncio.wrap_future(self._singleton.lock(f"{function.name}.Listener")):
                return
            await asyncio.sleep(self._singleton.polling)


def _ignore(_result: Any) -> None:
    return None
