"""Reads that are kept for a moment: one serves a page of a list."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_SECONDS = 0.5


class Kept(Generic[T]):
    """Values by name, each read again when it is older than half a second."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, T]] = {}

    def get(self, name: str, read: Callable[[], T]) -> T:
        """The kept value, or a new one."""
        found = self._values.get(name)
        if found is None or time.monotonic() - found[0] > _SECONDS:
            found = time.monotonic(), read()
            self._values[name] = found
        return found[1]

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
