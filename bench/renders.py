"""Simulated renders: how long they take and what progress they report. Drawn from fixed seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, log, log1p, sqrt

import numpy as np

from bench.floor import Array

Heights = list[float]
Progress = Callable[[Heights, float], int]
"""From one render's own random heights and the share of its time that has passed to 0..100."""


@dataclass(frozen=True)
class Kind:
    """A mixture of lognormal durations: (weight, median in seconds, coefficient of variation)."""

    parts: tuple[tuple[float, float, float], ...]

    def draw(self, jobs: int, seed: int) -> Array:
        """Durations in seconds, shape (jobs,)."""
        rng = np.random.default_rng(seed)
        weights = [weight for weight, _, _ in self.parts]
        which = rng.choice(len(self.parts), size=jobs, p=weights)
        medians = np.array([median for _, median, _ in self.parts])[which]
        spreads = np.array([_spread(cv) for _, _, cv in self.parts])[which]
        return np.asarray(medians * np.exp(spreads * rng.standard_normal(jobs)))

    def survival(self, cells: int = 300) -> tuple[Array, Array]:
        """Grid of times, so many to the first median, and the probability to take longer than each,
        cut off below one in 100,000. A grid twice as fine moves the floor by less than 0.3 %."""
        step = self.parts[0][1] / cells
        times, left = [0.0], [1.0]
        while left[-1] > 1e-5:
            times.append(times[-1] + step)
            left.append(sum(w * _beyond(times[-1], median, cv) for w, median, cv in self.parts))
        left[-1] = 0.0
        return np.array(times), np.array(left)


def usual(cv: float, median: float = 150.0) -> Kind:
    """Lognormal durations around `median` seconds."""
    return Kind(((1.0, median, cv),))


OTHER_KINDS = {
    "two humps: 70 % around 120 s, 30 % around 240 s": Kind(((0.7, 120, 0.1), (0.3, 240, 0.1))),
    "one in 30 takes five times as long": Kind(((29 / 30, 150, 0.3), (1 / 30, 750, 0.3))),
}


def heights(jobs: int, seed: int) -> list[Heights]:
    """For each render the progress, 0..1, at each tenth of its time: uneven, never falling."""
    rng = np.random.default_rng([seed, 1])
    inner = np.sort(rng.random((jobs, 9)), axis=1)
    edges = np.zeros((jobs, 1)), inner, np.ones((jobs, 1))
    return [list(map(float, row)) for row in np.hstack(edges)]


def uneven(parts: Heights, share: float) -> int:
    """Ten pieces of equal time and random height, as `local/simulator/jobs.py` reports it."""
    piece = min(9, int(share * 10))
    risen = parts[piece] + (share * 10 - piece) * (parts[piece + 1] - parts[piece])
    return min(99, int(100 * risen))


OTHER_PROGRESS: dict[str, Progress] = {
    "even": lambda _, share: int(99 * share),
    "half even, half uneven": lambda parts, share: (int(99 * share) + uneven(parts, share)) // 2,
    "starts late: nothing for 30 % of the time": lambda _, s: int(99 * max(0.0, (s - 0.3) / 0.7)),
    "slow at first": lambda _, share: int(99 * share**2),
    "fast at first": lambda _, share: int(99 * share**0.5),
    "lingers: at 99 from 85 % of the time on": lambda _, share: min(99, int(99 * share / 0.85)),
    "lingers: at 99 from 60 % of the time on": lambda _, share: min(99, int(99 * share / 0.6)),
    "in quarters": lambda _, share: 25 * int(4 * share),
    "a few random jumps": lambda parts, share: 33 * sum(part < share for part in parts[2:9:3]),
    "stuck at 5": lambda *_: 5,
    "stuck at 50": lambda *_: 50,
    "stuck at 99": lambda *_: 99,
    "none": lambda *_: 0,
}


def _spread(cv: float) -> float:
    return sqrt(log1p(cv * cv))


def _beyond(seconds: float, median: float, cv: float) -> float:
    return 0.5 - 0.5 * erf(log(seconds / median) / (_spread(cv) * sqrt(2)))
