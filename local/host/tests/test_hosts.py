"""What is given to which host, and what becomes of it when a host is not heard of."""

from typing import Any

import pytest

from ..durable.engine import WorkLostError
from ..durable.hosts import Hosts, Terms
from ..durable.link import RUN, Message
from ..durable.members import Members
from ..durable.work import ActivityCall, ActivityOutcome, Episode, EpisodeOutcome

LEASE, TURNS, ACTIVITIES = 30.0, 60.0, 90.0


class World:
    """Hosts that remember what they were given, and a time that the test sets."""

    def __init__(self, *names: str, turns: int = 2, activities: int = 2) -> None:
        self.now = 0.0
        terms = Terms(turns, activities, TURNS, ACTIVITIES)
        self.hosts = Hosts(Members(4, LEASE), terms, lambda: self.now)
        self.given: dict[str, list[Message]] = {}
        for name in names:
            self.join(name)

    def join(self, name: str) -> None:
        self.given[name] = []
        self.hosts.join(name, self.given[name].append)

    def at(self, now: float, *living: str) -> None:
        """Let time pass for those who say that they live, and the others be silent."""
        self.now = now
        for name in living:
            self.hosts.renew(name)
        self.hosts.tick()

    def holder(self) -> str:
        """The one host that has something."""
        (name,) = [name for name, given in self.given.items() if given]
        return name

    def answer(self, name: str, outcome: Any, position: int = 0) -> None:
        kind, number, *_ = self.given[name][position]
        assert kind == RUN
        self.hosts.done(name, number, lambda future: future.set_result(outcome))


def call(number: int = 1) -> ActivityCall:
    return ActivityCall(number, "instance", "execution", number, "name", None)


def episode(instance_id: str) -> Episode:
    return Episode(instance_id, "execution", "name", None, None, (), (), ())


def test_activities_go_to_whoever_has_room_and_wait_when_nobody_has() -> None:
    world = World("a", "b", activities=1)
    futures = [world.hosts.run_activity(call(number)) for number in range(3)]
    assert [len(given) for given in world.given.values()] == [1, 1]
    world.answer("b", ActivityOutcome("1"))
    assert [len(given) for given in world.given.values()] == [1, 2]
    assert sum(future.done() for future in futures) == 1


def test_one_after_the_other_they_go_to_one_host_after_the_other() -> None:
    world = World("a", "b")
    for number in range(4):
        world.hosts.run_activity(call(number))
        name = "a" if number % 2 == 0 else "b"
        world.answer(name, ActivityOutcome(None), -1)
    assert [len(given) for given in world.given.values()] == [2, 2]


def test_the_turns_of_an_instance_are_one_hosts() -> None:
    world = World("a", "b", "c")
    for _ in range(5):
        world.hosts.run_orchestrator(episode("x"))
        world.answer(world.holder(), EpisodeOutcome(), -1)
    assert len(world.given[world.holder()]) == 5


def test_what_a_silent_host_has_is_given_out_again_after_its_time_and_its_answer_dropped() -> None:
    world = World("a", "b")
    turn = world.hosts.run_orchestrator(episode("x"))
    silent = world.holder()
    other = "a" if silent == "b" else "b"
    world.at(TURNS, other)
    assert not turn.done()
    world.at(TURNS + 1, other)
    with pytest.raises(WorkLostError):
        turn.result(0)
    again = world.hosts.run_orchestrator(episode("x"))
    assert len(world.given[other]) == 1
    world.answer(silent, EpisodeOutcome(custom_status='"late"'))
    assert not again.done()
    world.answer(other, EpisodeOutcome(custom_status='"right"'))
    assert again.result(0).custom_status == '"right"'


def test_a_host_that_ends_without_a_word_is_waited_for_like_a_frozen_one() -> None:
    world = World("a")
    work = world.hosts.run_activity(call())
    world.hosts.leave("a")
    world.join("b")
    world.at(ACTIVITIES, "b")
    assert not work.done()
    world.at(ACTIVITIES + 1, "b")
    assert isinstance(work.exception(0), WorkLostError)


def test_a_host_that_is_told_to_stop_ends_what_it_has_and_takes_nothing_more() -> None:
    world = World("a", "b", activities=8)
    first = world.hosts.run_activity(call(1))
    stopping = world.holder()
    world.hosts.drain(stopping)
    for number in range(2, 5):
        world.hosts.run_activity(call(number))
    assert len(world.given[stopping]) == 1
    world.answer(stopping, ActivityOutcome("done"))
    assert first.result(0).result == "done"


def test_turns_that_a_stopping_host_has_not_begun_are_not_given_back_before_their_time() -> None:
    world = World("a", turns=1)
    world.hosts.run_orchestrator(episode("x"))
    waiting = world.hosts.run_orchestrator(episode("y"))
    world.hosts.drain("a")
    world.join("b")
    world.answer("a", EpisodeOutcome())
    assert len(world.given["a"]) == 1
    world.at(TURNS + 1, "b")
    assert isinstance(waiting.exception(0), WorkLostError)


def test_turns_that_come_while_no_host_is_there_go_to_the_first_that_comes() -> None:
    world = World()
    world.hosts.run_orchestrator(episode("x"))
    world.join("a")
    assert len(world.given["a"]) == 1
