"""Which of the hosts that share a task hub lives, owns what, and may do what only one may.

An instance belongs to a partition, and a partition to one host, by a lease that the host renews. A
host that is told to stop gives its partitions up; one that just ends or freezes keeps them until
the lease has run out (DurableTask.AzureStorage ``TablePartitionManager``: 30 s, renewed every 10 s;
partitions are stolen until the hosts have about equally many). A lock that one host holds at a
time, such as that of a timer's listener, is a lease of twice that time (host.json
``singleton.listenerLockPeriod``: a minute).

Nothing here waits or knows a clock: moments are seconds of any clock that never goes back.
"""

import zlib
from dataclasses import dataclass


@dataclass
class Member:
    """One host."""

    name: str
    renewed_at: float
    is_draining: bool = False


class Members:
    """The hosts, their partitions and their locks."""

    def __init__(self, partitions: int, lease: float) -> None:
        """``lease`` in seconds."""
        self.lease = lease
        self._owners: dict[int, str] = {}
        self._partitions = partitions
        self._members: dict[str, Member] = {}
        self._locks: dict[str, str] = {}
        """Lock -> who has it."""

    def renew(self, name: str, now: float) -> None:
        """A host says that it lives; the first time, that it is there."""
        member = self._members.setdefault(name, Member(name, now))
        member.renewed_at = now
        self._balance(now)

    def drain(self, name: str, now: float) -> None:
        """A host takes nothing more, and gives up what it owns."""
        member = self._members.get(name)
        if member is not None:
            member.is_draining = True
            self._locks = {lock: owner for lock, owner in self._locks.items() if owner != name}
            self._balance(now)

    def forget(self, name: str) -> None:
        """A host will never come back."""
        self._members.pop(name, None)

    def taking(self, now: float) -> list[str]:
        """Those that take work, by name."""
        return sorted(
            member.name
            for member in self._members.values()
            if not member.is_draining and now < member.renewed_at + self.lease
        )

    def renewed_at(self, name: str) -> float:
        return self._members[name].renewed_at

    def owner_of(self, instance_id: str, now: float) -> str | None:
        """Whose turns an instance's are; None while no host is there."""
        self._balance(now)
        return self._owners.get(zlib.crc32(instance_id.encode()) % self._partitions)

    def lock(self, lock: str, name: str, now: float) -> bool:
        """Take a lock or keep it; whether the host has it now."""
        holder = self._members.get(self._locks.get(lock, ""))
        is_held = holder is not None and now < holder.renewed_at + 2 * self.lease
        if holder is not None and is_held and holder.name != name:
            return False
        if name not in self._members or self._members[name].is_draining:
            return False
        self._locks[lock] = name
        return True

    def _balance(self, now: float) -> None:
        """Give partitions without an owner away, and even the others out."""
        taking = self.taking(now)
        owned: dict[str, list[int]] = {name: [] for name in taking}
        for partition, owner in self._owners.items():
            if owner in owned:
                owned[owner].append(partition)
        for partition in range(self._partitions):
            if taking and self._owners.get(partition) not in owned:
                owned[min(taking, key=lambda name: len(owned[name]))].append(partition)
        while taking:
            fewest = min(taking, key=lambda name: len(owned[name]))
            most = max(taking, key=lambda name: len(owned[name]))
            if len(owned[most]) - len(owned[fewest]) < 2:
                break
            owned[fewest].append(owned[most].pop())
        self._owners = {
            partition: name for name, partitions in owned.items() for partition in partitions
        }
