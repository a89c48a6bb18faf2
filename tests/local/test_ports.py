"""What the tests of this project rely on when several of them start servers at the same time."""

import subprocess
import sys

from local.ports import free_ports

_TAKE = """
import random
from local.ports import free_ports

random.seed(1)
print(*free_ports(10), flush=True)
input()
"""


def test_processes_that_choose_alike_are_given_different_ports() -> None:
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    given: list[str] = []
    for taker in takers:
        assert taker.stdout is not None
        given += taker.stdout.readline().split()
    for taker in takers:
        taker.communicate("\n")
    assert len(set(given)) == len(given) == 30


def test_a_process_is_not_given_a_port_twice() -> None:
    ports = [port for _ in range(5) for port in free_ports(4)]
    assert len(set(ports)) == 20
