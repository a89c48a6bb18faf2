"""How long renders take: learned one job at a time, kept in a short text, asked as a distribution.

The logarithm of a render's duration is taken as normal with unknown mean and variance, so that what
is expected of the next one is a Student t (K. Murphy, "Conjugate Bayesian analysis of the Gaussian
distribution", 2007). Upstreams change their speed from one job to the next; therefore a sketch
holds a few regimes, each the hypothesis that everything since a certain job is alike, believed as
far as it predicted what came (R. P. Adams and D. MacKay, "Bayesian online changepoint detection",
2007). A regime that began at the shift has never seen the old speed, which is why a shift is
followed within a few jobs and nothing learned before it lingers.

All times are seconds at time scale 1. Everything here is a pure function of its arguments.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from math import exp, lgamma, log, pi, sqrt

_SHORTEST, _LONGEST = 0.1, 1e6
"""Seconds outside of which a duration is a mistake of somebody's clock."""

_USUAL_SPREAD = 0.3
"""Standard deviation of ln(duration), assumed until it is known: durations vary by about 30 %."""
_SURPRISE = log(2)
"""How far, in ln(seconds), a first guess or a new regime's speed is off: a factor of two."""
_SPREAD_WORTH = 6.0
"""How many jobs the assumed spread is worth."""
_SHIFT_EVERY = 100.0
"""Jobs between two shifts of an upstream's speed, on average."""
_MEMORY = 100.0
"""Jobs after which older ones begin to fade, so that a slow drift is followed too."""
_MOST_REGIMES = 5
_DIGITS = 4


@dataclass(frozen=True)
class Regime:
    """What the jobs since some moment say about ln(seconds): normal-inverse-gamma statistics."""

    belief: float
    """Probability that the present speed began with this regime."""
    centre: float
    """Mean of ln(seconds)."""
    worth: float
    """How many jobs the centre rests on; the first guess counts as a fraction of one."""
    freedom: float
    """Degrees of freedom: how many jobs the spread rests on."""
    squares: float
    """Sum of squared deviations from the centre; squares / freedom is the variance."""

    @property
    def scale(self) -> float:
        """Scale of the Student t of the next ln(seconds)."""
        return sqrt(self.squares / self.freedom * (1 + 1 / self.worth))

    def density(self, x: float) -> float:
        """Density of the next ln(seconds) at `x`."""
        scale, freedom = self.scale, self.freedom
        z = (x - self.centre) / scale
        return exp(
            lgamma((freedom + 1) / 2)
            - lgamma(freedom / 2)
            - 0.5 * log(freedom * pi)
            - log(scale)
            - (freedom + 1) / 2 * log(1 + z * z / freedom)
        )


@dataclass(frozen=True)
class Sketch:
    """What is known of the durations of one kind of render. Newest regime last."""

    regimes: tuple[Regime, ...]

    @property
    def main(self) -> Regime:
        """The regime that is believed most."""
        return max(self.regimes, key=lambda regime: regime.belief)


def unlearned(expected: float) -> Sketch:
    """The sketch before the first job: about `expected` seconds, give or take a factor of two."""
    return Sketch((_begin(log(_sane(expected)), _USUAL_SPREAD**2),))


def observe(sketch: Sketch, seconds: float) -> Sketch:
    """The sketch after one more job, which took `seconds`.

    Deterministic, and exact under serialisation, so a write that lost a compare-and-swap is
    repeated on what it lost to.
    """
    x = log(_sane(seconds))
    main = sketch.main
    fresh = _begin(main.centre, main.squares / main.freedom)
    held = [
        replace(_seen(regime, x), belief=(1 - 1 / _SHIFT_EVERY) * regime.belief * regime.density(x))
        for regime in sketch.regimes
    ]
    born = replace(_seen(fresh, x), belief=fresh.density(x) / _SHIFT_EVERY)
    while len(held) >= _MOST_REGIMES:
        held.remove(min(held, key=lambda regime: regime.belief))
    return _settled([*held, born])


def merge(one: Sketch, other: Sketch) -> Sketch:
    """One sketch of two that watched the same kind of render apart; the order does not matter.

    Their regimes did not begin together, so only the one that each believes most is pooled.
    """
    a, b = one.main, other.main
    worth = a.worth + b.worth
    apart = (a.centre - b.centre) ** 2 * a.worth * b.worth / worth
    pooled = Regime(
        belief=1.0,
        centre=(a.centre * a.worth + b.centre * b.worth) / worth,
        worth=worth,
        freedom=a.freedom + b.freedom,
        squares=a.squares + b.squares + apart,
    )
    return _settled([_faded(pooled)])


def dumps(sketch: Sketch) -> str:
    """The sketch as a text of at most a few hundred ASCII characters."""
    regimes = [[r.belief, r.centre, r.worth, r.freedom, r.squares] for r in sketch.regimes]
    return json.dumps([1, *regimes], separators=(",", ":"))


def loads(text: str) -> Sketch:
    """The sketch that `dumps` wrote. Raises ValueError for anything else."""
    try:
        version, *regimes = json.loads(text)
        sketch = Sketch(tuple(Regime(*map(float, regime)) for regime in regimes))
    except TypeError as error:
        raise ValueError(f"not a sketch: {text[:40]!r}") from error
    if version != 1 or not sketch.regimes:
        raise ValueError(f"not a sketch: {text[:40]!r}")
    return sketch


def _begin(centre: float, variance: float) -> Regime:
    worth = min(1.0, variance / _SURPRISE**2)
    return Regime(1.0, centre, worth, _SPREAD_WORTH, _SPREAD_WORTH * variance)


def _seen(regime: Regime, x: float) -> Regime:
    off = x - regime.centre
    worth = regime.worth + 1
    return _faded(
        Regime(
            belief=regime.belief,
            centre=regime.centre + off / worth,
            worth=worth,
            freedom=regime.freedom + 1,
            squares=regime.squares + off * off * regime.worth / worth,
        )
    )


def _faded(regime: Regime) -> Regime:
    if regime.worth <= _MEMORY:
        return regime
    kept = _MEMORY / regime.worth
    return replace(
        regime,
        worth=_MEMORY,
        freedom=regime.freedom * kept,
        squares=regime.squares * kept,
    )


def _settled(regimes: Iterable[Regime]) -> Sketch:
    regimes = list(regimes)
    total = sum(regime.belief for regime in regimes)
    rounded = (
        Regime(
            round(regime.belief / total, _DIGITS),
            round(regime.centre, _DIGITS),
            round(regime.worth, _DIGITS),
            round(regime.freedom, _DIGITS),
            max(round(regime.squares, _DIGITS), 10**-_DIGITS),
        )
        for regime in regimes
    )
    return Sketch(tuple(regime for regime in rounded if regime.belief > 0))


def _sane(seconds: float) -> float:
    return min(_LONGEST, max(_SHORTEST, seconds))


_CELL = 0.0125
_REACH = 3.5
_HEED = 0.05
_STUCK = 0.005
_EVENNESS = 10.0


@dataclass(frozen=True)
class Outlook:
    edges: tuple[float, ...]
    masses: tuple[float, ...]


def outlook(sketch: Sketch) -> Outlook:
    heeded = [r for r in sketch.regimes if r.belief >= _HEED]
    total = sum(r.belief for r in heeded)
    main = sketch.main
    cells = round(_REACH / _CELL)
    steps = range(-cells, cells)
    edges = tuple(exp(main.centre + _CELL * k) for k in range(-cells, cells + 1))
    masses = [0.0] * (2 * cells)
    for r in heeded:
        scale, freedom = r.scale, r.freedom
        power = -(freedom + 1) / 2
        top = (1 - _STUCK) * _CELL * r.belief / total * r.density(r.centre)
        off = (main.centre - r.centre + _CELL / 2) / scale
        step = _CELL / scale
        unit = 1 / freedom
        masses = [
            m + top * (1 + (off + step * k) ** 2 * unit) ** power for m, k in zip(masses, steps)
        ]
    for k in range(cells):
        masses[cells + k] += _STUCK * (exp(-_CELL * k) - exp(-_CELL * (k + 1)))
    return Outlook(edges, tuple(masses))


def given(o: Outlook, elapsed: float, progress: int | None) -> Outlook:
    i = bisect_right(o.edges, elapsed) - 1
    if i < 0:
        edges, masses = o.edges, o.masses
    elif i >= len(o.masses):
        return Outlook((elapsed, 2 * elapsed), (1.0,))
    else:
        part = (o.edges[i + 1] - elapsed) / (o.edges[i + 1] - o.edges[i])
        edges = (elapsed, *o.edges[i + 1 :])
        masses = (o.masses[i] * part, *o.masses[i + 1 :])
    if not progress:
        return Outlook(edges, masses)
    p = (min(max(progress, 1), 99) + 0.5) / 100
    pull = _EVENNESS * log(p / (1 - p))
    like = []
    for lo, hi in zip(edges, edges[1:]):
        s = 2 * elapsed / (lo + hi)
        like.append(exp(pull * s - lgamma(_EVENNESS * s) - lgamma(_EVENNESS * (1 - s))))
    return Outlook(edges, tuple(m * l for m, l in zip(masses, like)))


def pause(o: Outlook, lam: float, c: float = 1.0) -> float:
    """time until integral reached c"""
    left = list(accumulate(reversed(o.masses)))
    left.reverse()
    goal = c * sqrt(2 * lam)
    for k, m in enumerate(o.masses):
        lo, hi = o.edges[k], o.edges[k + 1]
        q = m / left[k] if left[k] > 0 else 1.0
        got = sqrt(-log(1 - q) * (hi - lo)) if q < 1 - 1e-9 else 1e9
        if got >= goal:
            return lo + (hi - lo) * goal / got - o.edges[0]
        goal -= got
    return o.edges[-1] - o.edges[0]
