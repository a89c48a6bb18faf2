"""Which host owns what, in time that the test sets."""

from ..durable.members import Members

LEASE = 30.0


def owners(members: Members, now: float) -> set[str | None]:
    return {members.owner_of(f"instance {number}", now) for number in range(100)}


def test_each_host_has_a_part_of_the_instances_and_an_instance_has_one_host() -> None:
    members = Members(4, LEASE)
    for name in ("a", "b", "c"):
        members.renew(name, 0.0)
    assert owners(members, 1.0) == {"a", "b", "c"}
    again = [members.owner_of("x", 1.0) for _ in range(5)]
    assert len(set(again)) == 1


def test_more_hosts_than_partitions_leave_some_without_turns() -> None:
    members = Members(2, LEASE)
    for name in ("a", "b", "c"):
        members.renew(name, 0.0)
    assert len(owners(members, 1.0)) == 2
    assert members.taking(1.0) == ["a", "b", "c"]


def test_a_silent_host_keeps_its_partitions_until_its_lease_has_run_out() -> None:
    members = Members(4, LEASE)
    members.renew("a", 0.0)
    members.renew("b", 0.0)
    members.renew("b", 29.0)
    assert owners(members, 29.9) == {"a", "b"}
    assert owners(members, 30.0) == {"b"}
    members.renew("a", 40.0)  # it was only frozen
    assert owners(members, 40.0) == {"a", "b"}


def test_a_host_that_is_told_to_stop_gives_its_partitions_up_at_once() -> None:
    members = Members(4, LEASE)
    members.renew("a", 0.0)
    members.renew("b", 0.0)
    members.drain("a", 1.0)
    assert owners(members, 1.0) == {"b"}
    members.renew("a", 2.0)  # it still ends what it has begun
    assert owners(members, 2.0) == {"b"}


def test_without_a_host_an_instance_has_no_owner() -> None:
    members = Members(4, LEASE)
    assert owners(members, 0.0) == {None}


def test_a_lock_is_one_hosts_until_it_is_silent_for_two_leases() -> None:
    members = Members(4, LEASE)
    members.renew("a", 0.0)
    members.renew("b", 0.0)
    assert members.lock("timer", "a", 0.0)
    assert not members.lock("timer", "b", 59.0)
    assert members.lock("timer", "a", 59.0)
    members.renew("b", 60.0)
    assert members.lock("timer", "b", 60.0)
    members.renew("a", 61.0)  # it wakes up
    assert not members.lock("timer", "a", 61.0)


def test_a_lock_of_a_host_that_stops_is_free_at_once() -> None:
    members = Members(4, LEASE)
    members.renew("a", 0.0)
    members.renew("b", 0.0)
    assert members.lock("timer", "a", 0.0)
    members.drain("a", 1.0)
    assert not members.lock("timer", "a", 1.0)
    assert members.lock("timer", "b", 1.0)
