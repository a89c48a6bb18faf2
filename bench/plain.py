"""Schedules without a theory, to compare with: wait for what the latest renders took, then look
again at steps that grow with the time so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SHORTEST = 2.0


@dataclass(frozen=True)
class Plain:
    """First look at `factor` times the quantile `share` of the latest renders, later ones after
    `growth` times the time so far. Before anything is learned it looks as often as ours."""

    name: str
    share: float
    factor: float
    growth: float

    def follow(self, known: Sequence[float], duration: float) -> tuple[int, float]:
        """Polls and lag of one render, when `known` are the durations of earlier ones."""
        elapsed = self.factor * float(np.quantile(known, self.share)) if known else 3.0
        polls = 1
        while elapsed < duration:
            elapsed += max(_SHORTEST, self.growth * elapsed) if known else 3 + 0.2 * elapsed
            polls += 1
        return polls, elapsed - duration


PLAIN = (
    Plain("median, then 10 %", share=0.5, factor=0.9, growth=0.1),
    Plain("three tenths, then 5 %", share=0.3, factor=1.0, growth=0.05),
    Plain("one tenth, then 5 %", share=0.1, factor=1.0, growth=0.05),
)
