"""The floor: the fewest polls and the least lag that any schedule can have.

A schedule only ever knows that the render still runs, so it is a list of times. For a known
distribution of durations the best list is found by dynamic programming backwards over a fine grid:
from each time, the cheapest next poll, where a poll costs `poll_worth` and lag costs itself. Every
`poll_worth` gives one point of the frontier of mean polls against mean lag; between two points the
frontier is the line that mixing their schedules reaches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """Times of the polls, in seconds, the mean number of them that is needed and the mean lag."""

    times: Array
    polls: float
    lag: float


def best_schedule(times: Array, survival: Array, poll_worth: float) -> Schedule:
    """The schedule of least `poll_worth * polls + lag` with polls on the grid `times`.

    `times` (n,) begins with 0; `survival` (n,) is the probability that a render takes longer than
    each of them and ends with 0. Renders are taken to end in the middle of their cell.
    """
    ended = 1 - survival
    in_cell = np.diff(ended) * (times[1:] + times[:-1]) / 2
    moment = np.concatenate([[0.0], np.cumsum(in_cell)])
    last = len(times) - 1
    cost = np.zeros(len(times))
    following = np.zeros(len(times), dtype=np.int64)
    for i in range(last - 1, -1, -1):
        later = slice(i + 1, None)
        lag = times[later] * (ended[later] - ended[i]) - (moment[later] - moment[i])
        total = poll_worth * survival[i] + lag + cost[later]
        best = int(np.argmin(total))
        cost[i] = total[best]
        following[i] = i + 1 + best
    chosen = [0]
    while chosen[-1] != last:
        chosen.append(int(following[chosen[-1]]))
    polls = float(survival[chosen[:-1]].sum())
    return Schedule(times[chosen[1:]], polls, float(cost[0] - poll_worth * polls))


def floor_at(times: Array, survival: Array, polls: float) -> Schedule:
    """The best schedule that needs `polls` polls on average; its `lag` is exact for that number,
    its times are those of the frontier's nearest point with at least as many polls."""
    low, high = 1e-3, 1e3
    above = best_schedule(times, survival, low)
    below = best_schedule(times, survival, high)
    for _ in range(14):
        middle = float(np.sqrt(low * high))
        found = best_schedule(times, survival, middle)
        if found.polls >= polls:
            low, above = middle, found
        else:
            high, below = middle, found
    share = (above.polls - polls) / max(above.polls - below.polls, 1e-12)
    return Schedule(above.times, polls, above.lag + share * (below.lag - above.lag))


def walk(times: Array, durations: Array) -> tuple[Array, Array]:
    """Polls and lag of each render under a fixed list of times that reaches beyond all of them."""
    seen = np.searchsorted(times, durations)
    return (seen + 1).astype(np.float64), times[seen] - durations
