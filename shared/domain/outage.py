"""The outage of a deployment that turns everybody away.

Most outages pass: the role assignments of a new deployment take minutes to arrive, a new model
answers 404, keys are rotated, networks fail. So only an answer that is final by its own words (410,
a model that is gone) ends a deployment; any other starts a growing pause, with one video at a time
as the probe.
"""

from dataclasses import dataclass, replace

from shared.domain.polling import backoff

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 120.0
_REMEMBERED = 400
"""Number of latest probes that are kept: a column takes 32,768 characters."""


@dataclass(frozen=True, kw_only=True)
class TurnedAway:
    """An answer that a deployment would have given to any request."""

    status: int | None
    """The HTTP status; None if it could not be reached."""
    message: str
    """The upstream's words: for the log and the operator, never for callers."""
    final: bool = False
    """Whether the deployment says that it is gone for good."""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Requests turned away in a row, the first at `since` (unix seconds)."""

    status: int | None
    message: str
    since: float
    failures: int = 1
    final: bool = False
    probes: tuple[str, ...] = ()
    """The videos turned away, latest last; the next probe is a different one if possible."""

    @property
    def what(self) -> str:
        """What the deployment does, in a few words that callers may read."""
        if self.final:
            return f"is gone: {self.status}"
        return f"answers {self.status}" if self.status else "cannot be reached"


def turned_away(outage: Outage | None, sign: TurnedAway, video_id: str, now: float) -> Outage:
    """The outage after `video_id` was turned away too."""
    if outage is None:
        outage = Outage(status=None, message="", since=now, failures=0)
    earlier = tuple(probe for probe in outage.probes if probe != video_id)
    return replace(
        outage,
        status=sign.status,
        message=sign.message,
        since=outage.since or now,  # rows of earlier versions lack it
        failures=outage.failures + 1,
        final=outage.final or sign.final,
        probes=(*earlier, video_id)[-_REMEMBERED:],
    )


def pause_after(failures: int) -> float:
    """Seconds until the next probe, after so many consecutive failures."""
    return backoff(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
