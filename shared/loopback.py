"""The names of this machine."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
