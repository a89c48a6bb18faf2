"""The courier: soon or not at all, and never in the way."""

from __future__ import annotations

import threading

from shared.delivery.courier import Courier


def couriers() -> int:
    return sum(thread.name == "courier" for thread in threading.enumerate())


def test_errands_are_done_side_by_side_and_the_line_is_bounded() -> None:
    courier, gate = Courier(), threading.Event()
    done: list[int] = []

    def errand(number: int) -> None:
        assert gate.wait(10)
        done.append(number)

    for number in range(1000):
        courier.hand(lambda number=number: errand(number))  # type: ignore[misc]
    assert done == []  # handing over waited for nobody
    gate.set()
    courier.wait()
    assert 400 <= len(done) < 1000
    assert 0 < couriers() <= 4
    courier.close()


def test_nothing_runs_before_the_first_errand_and_closing_ends_all() -> None:
    courier = Courier()
    assert couriers() == 0
    courier.hand(lambda: None)
    assert couriers() == 1
    courier.close()
    assert couriers() == 0
    courier.close()
