"""How long renders take: the durations of the latest ones of each kind, stored as a short text.

A kind is a deployment, model, size, seconds and mode. A few durations are enough to say when to
look, and an upstream that changes its speed replaces them within as many jobs.

All times are seconds at time scale 1. Everything here is a pure function of its arguments.
"""

import json
from dataclasses import dataclass
from statistics import median

_KEPT = 22
_SHORTEST, _LONGEST = 0.1, 1e6
"""Bounds in seconds; a duration outside is a clock's error."""
_VERSION, _ANNOUNCED = 2, 3
"""The second also says that the last end was announced."""


@dataclass(frozen=True)
class Sketch:
    """The durations of the latest renders of one kind, the newest last; empty before the first."""

    durations: tuple[float, ...] = ()
    announced: bool = False
    """Whether the upstream called back about the end of the last one before it was seen."""

    @property
    def median(self) -> float | None:
        """None before the first render."""
        return median(self.durations) if self.durations else None


UNLEARNED = Sketch()


def observe(sketch: Sketch, seconds: float, *, announced: bool = False) -> Sketch:
    """The sketch after one more render, which took `seconds` and succeeded.

    Deterministic: after a lost compare-and-swap it is repeated on the newer sketch.
    """
    sane = round(min(_LONGEST, max(_SHORTEST, seconds)), 1)
    return Sketch((*sketch.durations, sane)[-_KEPT:], announced)


def dumps(sketch: Sketch) -> str:
    """The sketch as JSON of at most 250 ASCII characters."""
    version = _ANNOUNCED if sketch.announced else _VERSION
    return json.dumps([version, *sketch.durations], separators=(",", ":"))


def loads(text: str) -> Sketch:
    """The sketch that `dumps` wrote. Raises ValueError for any other text: version 1, of earlier
    releases, held the parameters of a distribution."""
    try:
        version, *durations = json.loads(text)
        sketch = Sketch(tuple(float(each) for each in durations), version == _ANNOUNCED)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a sketch: {text[:40]!r}") from error
    sane = all(_SHORTEST <= each <= _LONGEST for each in sketch.durations)
    if version not in (_VERSION, _ANNOUNCED) or not sane:
        raise ValueError(f"not a sketch: {text[:40]!r}")
    return sketch
