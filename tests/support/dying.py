"""A process that dies at a request to storage."""

from typing import Any


class StopsAt(BaseException):
    """The process dies here: no `except Exception` goes on after it."""


class Dies:
    """A part of storage whose process dies before or after one of its methods."""

    def __init__(self, inner: Any, method: str, *, after: bool) -> None:
        self._inner, self._method, self._after = inner, method, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name != self._method:
            return method

        def dying(*args: Any, **extra: Any) -> Any:
            if self._after:
                method(*args, **extra)
            raise StopsAt(name)

        return dying
