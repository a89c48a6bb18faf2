"""The hosts that share a task hub, as its engine sees them: functions that run somewhere else.

A turn of an instance goes to the host that owns its partition, an activity to any that has room. A
host that ends, or freezes, is not missed at once: what it was given is given out again when it has
been hidden for its visibility timeout since the host's last renewal, as messages of Azure Storage's
queues are, and what it answers after that is dropped (there, the lost lease and the changed history
see to it). Nothing is given back when a host stops, be it in good order.

Unlike Azure's hosts, which fetch their work, ours are given it: one that freezes may be given some
until its lease ends, and begins it when it wakes.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .engine import WorkLostError
from .link import RUN, Message
from .members import Members
from .work import (
    ActivityCall,
    ActivityOutcome,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
)

_log = logging.getLogger("host.hub")


class Kind(StrEnum):
    """What a host is asked to run."""

    TURN = "turn"
    BATCH = "batch"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class Terms:
    """What each host takes, and how long it is waited for."""

    turns: int
    """Of orchestrators and entities, at a time."""
    activities: int
    """At a time."""
    turn_timeout: float
    """Seconds after a host's last renewal until its turns are given to another."""
    activity_timeout: float


@dataclass(frozen=True, slots=True)
class _Work:
    kind: Kind
    item: Any
    future: Future[Any]


@dataclass
class _Host:
    """What one host has."""

    send: Callable[[Message], None]
    is_gone: bool = False
    turns: dict[int, _Work] = field(default_factory=dict)
    """Turns and batches, those of ``waiting`` included."""
    waiting: deque[int] = field(default_factory=deque)
    """Turns that it owns and has no room for yet."""
    activities: dict[int, _Work] = field(default_factory=dict)
    last_given: int = 0
    """The number of the activity that it was given last."""


class Hosts:
    """``Functions`` that are run by hosts. Thread-safe."""

    def __init__(self, members: Members, terms: Terms, now: Callable[[], float]) -> None:
        self._members = members
        self._terms = terms
        self._now = now
        self._lock = threading.RLock()
        self._hosts: dict[str, _Host] = {}
        self._ownerless: deque[_Work] = deque()
        """Turns that came while no host was there."""
        self._activities: deque[_Work] = deque()
        self._last_number = 0

    # Functions

    def no_entity(self, name: str) -> str | None:  # noqa: ARG002  the asking host knows
        return None

    def run_orchestrator(self, episode: Episode) -> Future[EpisodeOutcome]:
        return self._give(Kind.TURN, episode)

    def run_entity(self, batch: EntityBatch) -> Future[EntityOutcome]:
        return self._give(Kind.BATCH, batch)

    def run_activity(self, call: ActivityCall) -> Future[ActivityOutcome]:
        return self._give(Kind.ACTIVITY, call)

    # hosts

    def join(self, name: str, send: Callable[[Message], None]) -> None:
        """A host is there; ``send`` must not wait."""
        with self._lock:
            self._hosts[name] = _Host(send)
            self._members.renew(name, self._now())
            self._hand_out()

    def renew(self, name: str) -> None:
        with self._lock:
            if name in self._hosts:
                self._members.renew(name, self._now())
                self._hand_out()

    def drain(self, name: str) -> None:
        """It takes nothing more, and finishes what it has begun."""
        with self._lock:
            self._members.drain(name, self._now())
            self._hand_out()

    def leave(self, name: str) -> None:
        """Its connection has ended. That alone changes nothing: nobody on Azure would know."""
        with self._lock:
            if name in self._hosts:
                self._hosts[name].is_gone = True

    def lock(self, lock: str, name: str) -> bool:
        with self._lock:
            return self._members.lock(lock, name, self._now())

    def done(self, name: str, number: int, finish: Callable[[Future[Any]], None]) -> None:
        """A host has run something; late answers are dropped."""
        with self._lock:
            host = self._hosts.get(name)
            work = None
            if host is not None:
                work = host.turns.pop(number, None) or host.activities.pop(number, None)
            self._hand_out()
        if work:
            finish(work.future)
        else:
            _log.warning("Dropped a late answer of %s", name)

    def tick(self) -> None:
        """Give out again what hosts that are not heard of have had for too long."""
        lost: list[_Work] = []
        with self._lock:
            now = self._now()
            for name, host in list(self._hosts.items()):
                silent = now - self._members.renewed_at(name)
                if silent > self._terms.turn_timeout:
                    lost += host.turns.values()
                    host.turns.clear()
                    host.waiting.clear()
                if silent > self._terms.activity_timeout:
                    lost += host.activities.values()
                    host.activities.clear()
                has_nothing = not host.turns and not host.activities
                if host.is_gone and has_nothing and silent > 2 * self._members.lease:
                    del self._hosts[name]
                    self._members.forget(name)
            self._hand_out()
        for work in lost:
            work.future.set_exception(WorkLostError())

    def _give(self, kind: Kind, item: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            line = self._activities if kind is Kind.ACTIVITY else self._ownerless
            line.append(_Work(kind, item, future))
            self._hand_out()
        return future

    def _hand_out(self) -> None:
        now = self._now()
        for _ in range(len(self._ownerless)):
            work = self._ownerless.popleft()
            owner = self._members.owner_of(_instance_of(work), now)
            if owner is None or owner not in self._hosts:
                self._ownerless.append(work)
            else:
                number = self._number()
                self._hosts[owner].turns[number] = work
                self._hosts[owner].waiting.append(number)
        taking = [name for name in self._members.taking(now) if name in self._hosts]
        for name in taking:
            host = self._hosts[name]
            while host.waiting and len(host.turns) - len(host.waiting) < self._terms.turns:
                number = host.waiting.popleft()
                self._send(host, number, host.turns[number])
        while self._activities and taking:
            host = min((self._hosts[name] for name in taking), key=_load)
            if len(host.activities) >= self._terms.activities:
                break
            number, work = self._number(), self._activities.popleft()
            host.activities[number], host.last_given = work, number
            self._send(host, number, work)

    def _send(self, host: _Host, number: int, work: _Work) -> None:
        host.send((RUN, number, work.kind, work.item))

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number


def _load(host: _Host) -> tuple[int, int]:
    """Who has least is next; among equals, who has waited longest."""
    return len(host.activities), host.last_given


def _instance_of(work: _Work) -> str:
    identifier: str = (
        work.item.entity_id if isinstance(work.item, EntityBatch) else work.item.instance_id
    )
    return identifier
