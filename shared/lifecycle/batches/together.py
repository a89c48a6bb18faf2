"""A few lines of a batch at a time: each waits for storage, not for the processor."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.domain.batch import Line
from shared.telemetry.offload import in_context

_AT_ONCE = 4

T = TypeVar("T")


def together(work: Callable[[Line], T], lines: Sequence[Line]) -> list[T]:
    """The results of `work` for each line, in their order."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lines") as threads:
        return list(threads.map(in_context(work), lines))
