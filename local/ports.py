"""Ports on loopback: which are free, and which have a listener."""

import atexit
import random
import socket
from collections import deque

from local.processes import StackError

_NUMBERS = range(20_000, 32_000)
"""Below the ephemeral ports: an outgoing connection could take one of those from a server that
restarts."""
_RESERVED = 60


def free_ports(count: int) -> list[int]:
    """Ports without a listener, reserved against our other processes."""
    ports: list[int] = []
    for port in random.sample(_NUMBERS, len(_NUMBERS)):
        if len(ports) == count:
            break
        if _is_free(port) and _reserve(port):
            ports.append(port)
    return ports


def check_port_free(port: int, what: str, setting: str) -> None:
    """Raise StackError, in one line, if a port of loopback is in use."""
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


# a UDP socket reserves the number without conflicting with the TCP server that will use it
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
