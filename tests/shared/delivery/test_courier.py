"""The courier: soon or not at all, and never in the way."""

from __future__ import annotations

import threading

from shared.delivery.courier import Courier


def couriers() -> int:
    return sum(thread.name == "courier" for thread in threading.enumerate())


def test_errands_are_done_side_by_side_and_the_line_is_bounded() -> None:
    courier, gate = Courier(), threading.Event()
    done: list[int] = []

    def errand(number: int) -> bool:
        assert gate.wait(10)
        done.append(number)
        return True

    for number in range(1000):
        courier.hand("topic", lambda number=number: errand(number))  # type: ignore[misc]
    assert done == []  # handing over waited for nobody
    gate.set()
    courier.wait()
    assert 400 <= len(done) < 1000
    assert 0 < couriers() <= 4
    courier.close()


def test_nothing_runs_before_the_first_errand_and_closing_ends_all() -> None:
    courier = Courier()
    assert couriers() == 0
    courier.hand("topic", lambda: True)
    assert couriers() == 1
    courier.close()
    assert couriers() == 0
    courier.close()


def test_a_receiver_that_keeps_failing_is_left_alone_for_a_minute() -> None:
    now = 0.0
    courier = Courier(lambda: now)
    tried: list[str] = []

    def try_one(receiver: str, *, takes: bool) -> int:
        courier.hand(receiver, lambda: (tried.append(receiver), takes)[1])  # type: ignore[func-returns-value]
        courier.wait()
        return tried.count(receiver)

    assert try_one("dead", takes=False) == 1
    assert try_one("dead", takes=True) == 2  # one failure among successes means nothing
    for count in (3, 4, 5):
        assert try_one("dead", takes=False) == count
    assert try_one("dead", takes=True) == 5
    assert try_one("alive", takes=True) == 1
    now = 61.0
    assert try_one("dead", takes=False) == 6
    assert try_one("dead", takes=True) == 6  # still failing: another minute
    now = 122.0
    assert try_one("dead", takes=True) == 7
    assert try_one("dead", takes=True) == 8
    for count in (9, 10, 11, 11):
        assert try_one("dead", takes=False) == count
    courier.forgive("dead")
    assert try_one("dead", takes=True) == 12
    courier.close()


def test_a_receiver_that_is_slow_again_and_again_is_left_alone_as_well() -> None:
    """Whoever ends a video waits for its errand: others of its worker must not."""
    now = 0.0
    courier = Courier(lambda: now)
    tried: list[None] = []

    def slow() -> bool:
        nonlocal now
        tried.append(None)
        now += 5
        return True

    for _ in range(6):
        courier.hand("slow", slow)
        courier.wait()
    assert len(tried) == 3
    courier.close()
