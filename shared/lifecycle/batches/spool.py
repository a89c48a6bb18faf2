"""A text that is written once and read once, on disk: results of any size cost no memory."""

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

_PIECE = 1024 * 1024


class Spool:
    """A context manager; the text is gone with it."""

    def __init__(self) -> None:
        self.lines = 0

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile()  # closed by `__exit__`
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, line: str) -> None:
        self.lines += 1
        self._file.write(line.encode(errors="replace"))

    def pieces(self) -> Iterator[bytes]:
        """What was written, in pieces of a megabyte."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece
