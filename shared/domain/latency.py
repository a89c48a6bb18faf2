"""How long renders take: learned one job at a time, kept in a short text, asked as a distribution.

A `Sketch` is what is stored for one kind of render (deployment, model, size, seconds, mode). An
`Outlook` is what it says of a render: a distribution of its duration, narrowed by the time that it
has been running and by the progress that it reports.

The logarithm of a duration is taken as normal with unknown mean and variance, so what is expected
of the next one is a Student t (K. Murphy, "Conjugate Bayesian analysis of the Gaussian
distribution", 2007). Upstreams change their speed from one job to the next; therefore a sketch
holds a few regimes, each the hypothesis that all jobs since a certain one are alike, believed as
far as it predicted what came (R. P. Adams and D. MacKay, "Bayesian online changepoint detection",
2007). A regime that began at a shift never saw the old speed, so nothing has to be unlearned.

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
"""Seconds outside of which a duration is the mistake of somebody's clock."""
_USUAL_SPREAD = 0.25
"""Standard deviation of ln(duration), assumed until it is known: durations vary by about 25 %."""
_SPREAD_WORTH = 4.0
"""How many jobs that assumption is worth."""
_FACTOR = log(2)
"""How far, in ln(seconds), a first guess or the speed after a shift is off: a factor of two."""
_SHIFT_EVERY = 100.0
"""Jobs between two shifts of an upstream's speed, on average."""
_MEMORY = 100.0
"""Jobs after which older ones begin to fade, so that a slow drift is followed too."""
_OUTLIER = 3.0
"""A job that is further off counts as one that is so many spreads off: one render that got stuck
must not widen the expectation of the next hundred."""
_STRAY = 0.003
"""Density, per unit of ln(seconds), of durations that have nothing to do with any speed: 2 % of
them, spread over a factor of 400. One such job is no shift."""
_LEAST_SQUARES = 0.01
"""Renders that all take the same time to the second must not leave a spread of nothing."""
_MOST_REGIMES = 5
_DIGITS = 4
"""Statistics are rounded where they arise, so that a stored sketch is the very same sketch."""


@dataclass(frozen=True)
class Regime:
    """What the jobs since a certain one say about ln(seconds): normal-inverse-gamma statistics."""

    belief: float
    """Probability that the present speed began with this regime."""
    centre: float
    """Mean of ln(seconds)."""
    worth: float
    """How many jobs the centre rests on; the guess it began with is a fraction of one."""
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
    """What is known of the durations of one kind of render. The newest regime is the last."""

    regimes: tuple[Regime, ...]

    @property
    def main(self) -> Regime:
        """The regime that is believed most."""
        return max(self.regimes, key=lambda regime: regime.belief)


def unlearned(expected: float) -> Sketch:
    """The sketch before the first job: about `expected` seconds, give or take a factor of two."""
    return Sketch((_begin(log(_sane(expected)), _USUAL_SPREAD**2),))


def observe(sketch: Sketch, seconds: float) -> Sketch:
    """The sketch after one more render, which took `seconds` and succeeded.

    Deterministic: a write that lost a compare-and-swap is repeated on what it lost to.
    """
    x = log(_sane(seconds))
    main = sketch.main
    stays = 1 - 1 / _SHIFT_EVERY
    regimes = [
        replace(_seen(regime, x), belief=stays * regime.belief * _likelihood(regime, x))
        for regime in sketch.regimes
    ]
    # The speed may have shifted just before this job; how much jobs vary is likely to have stayed.
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
    """Beliefs that sum to one, everything rounded; what is no longer believed at all is dropped."""
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
"""Width of an outlook's cells in ln(seconds); halving it moves no figure by 1 %."""
_REACH = 3.0
"""An outlook's cells end at e^3, 20 times, above and below the centre."""
_CELLS = round(_REACH / _CELL)
_FACTORS = tuple(exp(_CELL * k) for k in range(-_CELLS, _CELLS + 1))
_HEED = 0.05
"""Regimes that are believed less than this are kept but not acted upon."""
_STUCK = 0.005
"""Share of renders that are stuck: nothing is known of them but that the longer they have taken the
longer they will (a Pareto tail). It spaces out the polls of a render that is long overdue."""
_EVENNESS = 10.0
"""At share s of its time a render's progress is Beta(10 s, 10 (1 - s)): right on average, and 15
points off half way. That is the progress whose tenths of time each bring a random part."""
_DOUBT = 0.05
"""Share of reports that have nothing to do with the time left."""
_ALMOST = 1e-6
_FULL = _EVENNESS + _ALMOST
_STALL = 0.1
"""A progress that has not moved for this share of the time that it took says nothing."""


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
        """The outlook of a render that is still running after `elapsed` seconds.

        `progress` as reported then (1..99; None or 0 where nothing is reported), `unmoved` for how
        many seconds it has been known to be that.
        """
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
        """The seconds that the duration does not exceed with probability `share` (0..1, not 1)."""
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
        """Expected duration. The mean of the tail is infinite; its weight counts at its median."""
        inside = sum(
            mass * (low + high) / 2
            for mass, (low, high) in zip(self.masses, pairwise(self.edges), strict=True)
        )
        return (inside + self.beyond * 2 * self.edges[-1]) / self.total

    @property
    def total(self) -> float:
        """The sum of all weights."""
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
    """What a sketch says of the next render, before anything is known of it."""
    centre = sketch.main.centre
    heeded = [regime for regime in sketch.regimes if regime.belief >= _HEED]
    heeded = heeded or [sketch.main]
    believed = sum(regime.belief for regime in heeded)
    masses = [0.0] * (2 * _CELLS)
    for regime in heeded:
        # the density at each cell's middle, written out because this is the one hot loop
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
