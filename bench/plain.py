"""Schedules that need no model: wait for a share of what the last renders took, then look again at
steps that grow with the time so far. Before anything is learned only the steps are left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.floor import Array

REMEMBERED = 20
SHORTEST = 2.0


@dataclass(frozen=True)
class Plain:
    """First look at `factor` times the quantile `share` of the last renders, later ones after
    `growth` times the time so far, never less than two seconds."""

    name: str
    share: float
    factor: float
    growth: float

    def follow(self, known: Sequence[float], duration: float) -> tuple[int, float]:
        """Polls and lag of one render, when `known` are the durations of earlier ones."""
        elapsed = self.factor * float(np.quantile(known, self.share)) if known else _unlearned(0)
        polls = 1
        while elapsed < duration:
            step = self.growth * elapsed if known else _unlearned(elapsed)
            elapsed += max(SHORTEST, step)
            polls += 1
        return polls, elapsed - duration


PLAIN = (
    Plain("median, then 10 %", share=0.5, factor=0.9, growth=0.1),
    Plain("median, then 5 %", share=0.5, factor=0.9, growth=0.05),
    Plain("three tenths, then 5 %", share=0.3, factor=1.0, growth=0.05),
    Plain("one tenth, then 5 %", share=0.1, factor=1.0, growth=0.05),
)


def _unlearned(elapsed: float) -> float:
    return 4 + 0.2 * elapsed


def known_before(earlier: Array, durations: Array) -> list[list[float]]:
    """The last durations before each of the renders, which come after `earlier` ones."""
    every = [*map(float, earlier), *map(float, durations)]
    ends = range(len(earlier), len(every))
    return [every[max(0, end - REMEMBERED) : end] for end in ends]
