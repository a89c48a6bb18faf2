"""How long renders take: learned one job at a time, stored as a short text, read as a distribution.

A `Sketch` is stored for each kind of render (deployment, model, size, seconds, mode). An `Outlook`
is the distribution of a render's duration, narrowed by the time that it has been running and the
progress that it reports.

The logarithm of a duration is taken as normal with unknown mean and variance, so the prediction of
the next one is a Student t (K. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution",
2007). Upstreams change their speed from one job to the next, so a sketch holds a few regimes: each
is the hypothesis that all jobs since a certain one are alike, weighted by how well it predicted
them (R. P. Adams and D. MacKay, "Bayesian online changepoint detection", 2007). A regime that began
at a shift never saw the old speed, so nothing has to be unlearned.

All times are seconds at time scale 1. Everything here is a pure function of its arguments.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from math import exp, lgamma, log, pi, sqrt

_SHORTEST, _LONGEST = 0.1, 1e6
"""Bounds in seconds; a duration outside is a clock's error."""
_USUAL_SPREAD = 0.25
"""Standard deviation of ln(duration) assumed at first: durations vary by about 25 %."""
_SPREAD_WORTH = 4.0
"""The weight of that assumption, in jobs."""
_FACTOR = log(2)
"""Error, in ln(seconds), of a first guess or after a shift of speed: a factor of two."""
_SHIFT_EVERY = 100.0
"""Average number of jobs between two shifts of an upstream's speed."""
_MEMORY = 100.0
"""Jobs after which older ones fade, to follow a slow drift too."""
_OUTLIER = 3.0
"""A job counts as at most this many spreads off: one stuck render must not widen the forecasts of
the next hundred."""
_STRAY = 0.003
"""Density, per unit of ln(seconds), of stray durations: 2 % of all, spread over a factor of 400.
One such job is no shift of speed."""
_LEAST_SQUARES = 0.01
"""Renders that all take the same time must not reduce the spread to zero."""
_MOST_REGIMES = 5
_DIGITS = 4
"""Statistics are rounded at once, so a sketch survives `dumps` and `loads` unchanged."""


@dataclass(frozen=True)
class Regime:
    """The jobs since a certain one: normal-inverse-gamma statistics of ln(seconds)."""

    belief: float
    """Probability that the current speed began with this regime."""
    centre: float
    """Mean of ln(seconds)."""
    worth: float
    """How many jobs the centre rests on; the first guess is a fraction of one."""
    freedom: float
    """Degrees of freedom: how many jobs the spread rests on."""
    squares: float
    """Sum of squared deviations; squares / freedom is the variance of ln(seconds)."""

    @property
    def scale(self) -> float:
        """Scale of the Student t of the next ln(seconds)."""
        return sqrt(self.squares / self.freedom * (1 + 1 / self.worth))

    def density(self, x: float) -> float:
        """Density of the next ln(seconds) at `x`."""
        scale, freedom = self.scale, self.freedom
        z = (x - self.centre) / scale
        top = lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - 0.5 * log(freedom * pi)
        return exp(top - (freedom + 1) / 2 * log(1 + z * z / freedom)) / scale


@dataclass(frozen=True)
class Sketch:
    """The durations of one kind of render. The newest regime is the last."""

    regimes: tuple[Regime, ...]

    @property
    def main(self) -> Regime:
        """The most probable regime."""
        return max(self.regimes, key=lambda regime: regime.belief)


def unlearned(expected: float) -> Sketch:
    """The sketch before the first job: `expected` seconds, within a factor of two."""
    return Sketch((_begin(log(_sane(expected)), _USUAL_SPREAD**2),))


def observe(sketch: Sketch, seconds: float) -> Sketch:
    """The sketch after one more render, which took `seconds` and succeeded.

    Deterministic: after a lost compare-and-swap it is repeated on the newer sketch.
    """
    x = log(_sane(seconds))
    main = sketch.main
    stays = 1 - 1 / _SHIFT_EVERY
    regimes = [
        replace(_seen(regime, x), belief=stays * regime.belief * _likelihood(regime, x))
        for regime in sketch.regimes
    ]
    # The speed may have shifted just before this job; the spread has probably not changed.
    fresh = _begin(main.centre, main.squares / main.freedom)
    while len(regimes) >= _MOST_REGIMES:
        regimes.remove(min(regimes, key=lambda regime: regime.belief))
    regimes.append(replace(_seen(fresh, x), belief=(1 - stays) * _likelihood(fresh, x)))
    return _settled(regimes)


def dumps(sketch: Sketch) -> str:
    """The sketch as JSON of a few hundred ASCII characters."""
    regimes = [[r.belief, r.centre, r.worth, r.freedom, r.squares] for r in sketch.regimes]
    return json.dumps([1, *regimes], separators=(",", ":"))


def loads(text: str) -> Sketch:
    """The sketch that `dumps` wrote. Raises ValueError for any other text."""
    try:
        version, *regimes = json.loads(text)
        sketch = Sketch(tuple(Regime(*map(float, regime)) for regime in regimes))
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a sketch: {text[:40]!r}") from error
    if version != 1 or not sketch.regimes:
        raise ValueError(f"not a sketch: {text[:40]!r}")
    return sketch


def _likelihood(regime: Regime, x: float) -> float:
    return _STRAY + regime.density(x)


def _begin(centre: float, variance: float) -> Regime:
    worth = min(1.0, variance / _FACTOR**2)
    return Regime(1.0, centre, worth, _SPREAD_WORTH, _SPREAD_WORTH * variance)


def _seen(regime: Regime, x: float) -> Regime:
    limit = _OUTLIER * regime.scale
    off = min(limit, max(-limit, x - regime.centre))
    worth = regime.worth + 1
    return _faded(
        replace(
            regime,
            centre=regime.centre + off / worth,
            worth=worth,
            freedom=regime.freedom + 1,
            squares=regime.squares + off * off * regime.worth / worth,
        )
    )


def _faded(regime: Regime) -> Regime:
    kept = min(1.0, _MEMORY / regime.worth)
    return replace(
        regime,
        worth=regime.worth * kept,
        freedom=regime.freedom * kept,
        squares=regime.squares * kept,
    )


def _settled(regimes: Iterable[Regime]) -> Sketch:
    """Beliefs that sum to one, all rounded; regimes whose belief is zero are dropped."""
    regimes = list(regimes)
    total = sum(regime.belief for regime in regimes)
    rounded = (
        Regime(
            belief=round(regime.belief / total, _DIGITS),
            centre=round(regime.centre, _DIGITS),
            worth=round(regime.worth, _DIGITS),
            freedom=round(regime.freedom, _DIGITS),
            squares=max(round(regime.squares, _DIGITS), _LEAST_SQUARES),
        )
        for regime in regimes
    )
    return Sketch(tuple(regime for regime in rounded if regime.belief > 0))


def _sane(seconds: float) -> float:
    return min(_LONGEST, max(_SHORTEST, seconds))


_CELL = 0.025
"""Width of an outlook's cells in ln(seconds); halving it changes no figure by 1 %."""
_REACH = 3.0
"""An outlook's cells end at e^3, 20 times, above and below the centre."""
_CELLS = round(_REACH / _CELL)
_FACTORS = tuple(exp(_CELL * k) for k in range(-_CELLS, _CELLS + 1))
_HEED = 0.05
"""Regimes with less belief than this are kept but not used."""
_STUCK = 0.005
"""Share of renders that are stuck: the longer one has taken, the longer it will (a Pareto tail). It
spaces out the polls of a long overdue render."""
_EVENNESS = 10.0
"""At share s of its time a render's progress is Beta(10 s, 10 (1 - s)): right on average, and 15
points off halfway, as if each tenth of the time added a random part."""
_DOUBT = 0.05
"""Share of progress reports unrelated to the remaining time."""
_ALMOST = 1e-6
_FULL = _EVENNESS + _ALMOST
_STALL = 0.1
"""Progress that has not moved for this share of the elapsed time is ignored."""


@dataclass(frozen=True)
class Outlook:
    """Distribution of a render's duration, in seconds, given that it runs at `edges[0]`.

    Uniform within each cell. Above the last edge it is a Pareto tail.
    """

    edges: tuple[float, ...]
    masses: tuple[float, ...]
    """Weight of each cell between two edges; the weights need not sum to one."""
    beyond: float
    """Weight above the last edge."""

    def running(
        self, elapsed: float, progress: int | None = None, *, unmoved: float = 0.0
    ) -> "Outlook":
        """The outlook of a render that is still running after `elapsed` seconds, when it reports
        `progress` (1..99; None or 0 if it reports none), unchanged for `unmoved` seconds."""
        rest = self._after(elapsed)
        if not progress or elapsed <= 0 or unmoved > _STALL * elapsed:
            return rest
        p = (min(99, max(1, progress)) + 0.5) / 100
        # ln of the Beta density of p, less what depends on the share alone
        base = lgamma(_EVENNESS) + (_EVENNESS - 1) * log(1 - p) - log(p)
        pull = log(p / (1 - p))
        evens = (2 * _EVENNESS * elapsed / (low + high) for low, high in pairwise(rest.edges))
        masses = tuple(
            mass * (_DOUBT + exp(base + pull * a - lgamma(a + _ALMOST) - lgamma(_FULL - a)))
            for mass, a in zip(rest.masses, evens, strict=True)
        )
        return replace(rest, masses=masses, beyond=rest.beyond * _DOUBT)

    def survival(self, seconds: float) -> float:
        """Probability that the render takes longer than `seconds`."""
        if seconds <= self.edges[0]:
            return 1.0
        rest = self._after(seconds)
        return rest.total / self.total

    def quantile(self, share: float) -> float:
        """The duration in seconds at quantile `share` (from 0 to less than 1)."""
        goal = share * self.total
        sums = list(accumulate(self.masses))
        k = bisect_left(sums, goal)
        if k == len(sums):
            over = (goal - (sums[-1] if sums else 0.0)) / self.beyond
            return self.edges[-1] / max(1 - over, 1e-9)
        low, high = self.edges[k], self.edges[k + 1]
        return high - (high - low) * (sums[k] - goal) / self.masses[k] if goal else low

    @property
    def mean(self) -> float:
        """Expected duration. The tail's mean is infinite, so its median stands in for it."""
        inside = sum(
            mass * (low + high) / 2
            for mass, (low, high) in zip(self.masses, pairwise(self.edges), strict=True)
        )
        return (inside + self.beyond * 2 * self.edges[-1]) / self.total

    @property
    def total(self) -> float:
        return sum(self.masses) + self.beyond

    def _after(self, elapsed: float) -> "Outlook":
        if elapsed <= self.edges[0]:
            return self
        if elapsed >= self.edges[-1]:
            return Outlook((elapsed,), (), self.beyond * self.edges[-1] / elapsed)
        k = bisect_right(self.edges, elapsed)
        low, high = self.edges[k - 1], self.edges[k]
        left = self.masses[k - 1] * (high - elapsed) / (high - low)
        return Outlook((elapsed, *self.edges[k:]), (left, *self.masses[k:]), self.beyond)


@lru_cache(maxsize=16)
def outlook(sketch: Sketch) -> Outlook:
    """The outlook of a render that has not begun."""
    centre = sketch.main.centre
    heeded = [regime for regime in sketch.regimes if regime.belief >= _HEED]
    heeded = heeded or [sketch.main]
    believed = sum(regime.belief for regime in heeded)
    masses = [0.0] * (2 * _CELLS)
    for regime in heeded:
        # the density at each cell's middle, written out as this is the one hot loop
        freedom = regime.freedom
        power = -(freedom + 1) / 2
        weight = (1 - _STUCK) * regime.belief / believed * regime.density(regime.centre) * _CELL
        first = (centre + (0.5 - _CELLS) * _CELL - regime.centre) / (regime.scale * sqrt(freedom))
        step = _CELL / (regime.scale * sqrt(freedom))
        masses = [
            mass + weight * (1 + (first + step * k) ** 2) ** power for k, mass in enumerate(masses)
        ]
    for k in range(_CELLS, 2 * _CELLS):
        masses[k] += _STUCK * (1 / _FACTORS[k] - 1 / _FACTORS[k + 1])
    median = exp(centre)
    edges = (median * factor for factor in _FACTORS)
    return Outlook((0.0, *edges), (0.0, *masses), _STUCK / _FACTORS[-1])
