"""Sizes by rule, for models that render more of them than a list can name."""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SizeRule:
    """Each side is a multiple of `multiple_of` pixels between `min` and `max`, and both together
    have at most `max_pixels`. The settings check that some size fits."""

    multiple_of: int
    min: int
    max: int
    max_pixels: int

    def allows(self, width: int, height: int) -> bool:
        sides = (width, height)
        return (
            all(self.min <= side <= self.max and not side % self.multiple_of for side in sides)
            and width * height <= self.max_pixels
        )

    def nearest(self, width: int, height: int) -> tuple[int, int]:
        """The allowed size that is nearest by ratio: an oversized one keeps roughly its shape."""
        width, height = max(1, width), max(1, height)

        def apart(size: tuple[int, int]) -> float:
            return math.hypot(math.log(size[0] / width), math.log(size[1] / height))

        return min(self._candidates(height), key=apart)

    def _candidates(self, height: int) -> Iterator[tuple[int, int]]:
        """For each width the allowed heights on both sides of `height`."""
        step = self.multiple_of
        lowest, highest = -(-self.min // step), self.max // step
        for wide in range(lowest, highest + 1):
            tallest = min(highest, self.max_pixels // (wide * step) // step)
            if tallest < lowest:
                return
            for high in {height // step, -(-height // step)}:
                yield wide * step, max(lowest, min(high, tallest)) * step

    @property
    def words(self) -> str:
        """What is allowed, for people."""
        sides = f"each side from {self.min} to {self.max}"
        if self.multiple_of > 1:
            sides += f" in steps of {self.multiple_of}"
        return f"{sides}, at most {self.max_pixels:,} pixels"
