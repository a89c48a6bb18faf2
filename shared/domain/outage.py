"""What is known of a deployment that turns everybody away.

One sign is not a verdict. After a deployment was set up, its role assignments take minutes to
arrive and a new model answers 404; keys are rotated, networks fail. So only what is final by its
own words ends a deployment (410, a model that is said to be gone); everything else is a pause that
grows, with one video at a time as the probe.
"""

from dataclasses import dataclass, replace

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 120.0
_REMEMBERED = 400
"""How many of an outage's latest probes are remembered: a column takes 32,768 characters."""


@dataclass(frozen=True, kw_only=True)
class TurnedAway:
    """How a deployment turned a request away that it would have turned away from anybody."""

    status: int | None
    """What it answered with; None where it could not be reached."""
    message: str
    """Its own words: for the log and the operator, never for callers."""
    final: bool = False
    """Whether it takes nothing any more, by its own words."""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Requests turned away in a row. `since` is when the first one came (unix seconds)."""

    status: int | None
    message: str
    since: float
    failures: int = 1
    final: bool = False
    probes: tuple[str, ...] = ()
    """The videos turned away, latest last: the next probe is another one, if there is one."""

    @property
    def what(self) -> str:
        """In a few words, for everybody: what it does."""
        if self.final:
            return f"is gone: {self.status}"
        return f"answers {self.status}" if self.status else "cannot be reached"


def turned_away(outage: Outage | None, sign: TurnedAway, video_id: str, now: float) -> Outage:
    """The outage after one more sign of it, of which `video_id` was the probe."""
    if outage is None:
        outage = Outage(status=None, message="", since=now, failures=0)
    earlier = tuple(each for each in outage.probes if each != video_id)
    return replace(
        outage,
        status=sign.status,
        message=sign.message,
        since=outage.since or now,  # earlier versions did not note it
        failures=outage.failures + 1,
        final=outage.final or sign.final,
        probes=(*earlier, video_id)[-_REMEMBERED:],
    )


def pause_after(failures: int) -> float:
    """Seconds until the next probe, after so many in a row."""
    return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (min(failures, 16) - 1)))
