"""Ports of loopback: which are free, and who listens."""

import atexit
import random
import socket
from collections import deque

from local.processes import StackError

_NUMBERS = range(20_000, 32_000)
"""Below the ports from which systems serve outgoing connections: one of those may take a port away
from a server between its end and its restart."""
_RESERVED = 60


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and that no other process of ours is given at the same time."""
    ports: list[int] = []
    for port in random.sample(_NUMBERS, len(_NUMBERS)):
        if len(ports) == count:
            break
        if _is_free(port) and _reserve(port):
            ports.append(port)
    return ports


def check_port_free(port: int, what: str, setting: str) -> None:
    """Raise StackError, in one line, if somebody else listens on a port of loopback."""
    if not _is_free(port):
        raise StackError(f"Port {port} ({what}) is in use. Stop what uses it, or set {setting}.")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# A UDP socket holds the number for whoever is to start a TCP server there: the two do not conflict.
_held: deque[socket.socket] = deque()


def _reserve(port: int) -> bool:
    holder = socket.socket(type=socket.SOCK_DGRAM)
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return False
    _held.append(holder)
    if len(_held) > _RESERVED:
        _held.popleft().close()
    return True


@atexit.register
def _release() -> None:
    for holder in _held:
        holder.close()
